"""The tape: what happened, in order. It knows no calculus.

A `Node` is one operation: the row it is an instance of, its parents, its parameters and its value.
Other people read the same tape in their own way: the walks push tangents or pull cotangents along
it, the kernel draws it. A tape that is only walked keeps the values that `row.keep` asks for; a
tape made by `record` keeps them all, with the line of source each node came from.
"""

import itertools
import linecache

from .errors import AutodiffError

_levels = itertools.count(1)


class Node:
    """One operation on the tape. A constant is a node too, but off the tape: its index is None."""

    __slots__ = (
        "index", "op", "row", "parents", "params", "value", "shape", "dtype",
        "active", "adjoint", "tangent", "name", "scope", "where", "version",
    )  # fmt: skip

    def __init__(self, op, row, parents, params, shape, dtype, active):
        self.op, self.row, self.parents, self.params = op, row, parents, params
        self.shape, self.dtype, self.active = shape, dtype, active
        self.index = self.value = self.adjoint = self.tangent = self.name = self.where = None
        self.scope, self.version = (), None

    def keep(self, value):
        """Keep the value, and on torch the count of in-place writes to it so far."""
        self.value, self.version = value, writes(value)

    def known(self):
        """The value; where it was not kept, the node itself, which still has shape and dtype."""
        if self.value is None:
            return self
        if self.version is not None and self.version != writes(self.value):
            raise AutodiffError(
                f"a value that the reverse walk needs ({self!r}) was changed in place after it was "
                "recorded; build a new tensor instead of writing into this one"
            )
        return self.value

    @property
    def file(self):
        return self.where and self.where[0]

    @property
    def line(self):
        """The line number of the user's source, or None."""
        return self.where and self.where[1]

    @property
    def code(self):
        """The text of that line."""
        return linecache.getline(*self.where).strip() if self.where else ""

    @property
    def bytes(self):
        count = 1
        for n in self.shape:
            count *= n
        return count * getattr(self.dtype, "itemsize", 8)

    @property
    def needs(self):
        """What the reverse walk keeps alive for this node, in words."""
        return self.row.needs if self.row else "nothing"

    def __repr__(self):
        of = ", ".join(
            f"%{p.index}" if p.index is not None else p.name or "const" for p in self.parents
        )
        label = self.name or f"{self.op}({of})"
        dtype = str(self.dtype).removeprefix("torch.")
        return f"<node %{self.index} {label}: {dtype}{list(self.shape)}>"


class Tape:
    """The nodes of one run of a function, inputs first."""

    def __init__(self, xp, keep_all=False):
        self.xp, self.keep_all = xp, keep_all
        self.level = next(_levels)  # the inner of two nested tapes has the higher level
        self.nodes, self.inputs, self.outputs = [], [], []
        self.leaves = []  # the values of the inputs, as they were passed
        self.output = self.rebuild = self.in_arguments = None
        self.closed = False

    @property
    def framework(self):
        return self.xp.name

    def input(self, value, name):
        """The node of one argument; integers are inputs too, but have no derivative."""
        active = self.xp.is_float(value.dtype)
        node = Node("input", None, (), {}, tuple(value.shape), value.dtype, active)
        node.name = name
        if self.keep_all:
            node.keep(value)
        node.index = len(self.nodes)
        self.nodes.append(node)
        self.inputs.append(node)
        self.leaves.append(value)
        return node

    def constant(self, value):
        node = Node("constant", None, (), {}, tuple(getattr(value, "shape", ())),
                    getattr(value, "dtype", type(value)), False)  # fmt: skip
        if not hasattr(value, "shape"):
            node.value = value
        elif self.keep_all:
            node.keep(value)
        return node

    def add(self, row, parents, values, params, y, scope=(), where=None, frozen=False):
        """Append the node for `y = row(*values, **params)`; no derivative flows if `frozen`."""
        shape, dtype = tuple(y.shape), y.dtype
        active = (
            row.kind != "constant" and any(p.active for p in parents) and self._flows(row, dtype)
        )
        node = Node(row.name, row, parents, params, shape, dtype, active and not frozen)
        node.index, node.scope, node.where = len(self.nodes), scope, where
        self.nodes.append(node)
        self._keep(node, values, y)
        return node

    def _flows(self, row, dtype):
        if self.xp.is_float(dtype):
            return True
        if self.xp.is_complex(dtype):
            raise AutodiffError(
                f"{row.name} gave dtype {dtype}; complex values are not differentiated yet: "
                "compute with the real and the imaginary part as two arrays"
            )
        return False

    def _keep(self, node, values, y):
        """Keep what the reverse walk will read, and nothing else."""
        if self.keep_all:
            node.keep(y)
        elif node.active:
            keep_y, keep_x = node.row.keep(tuple(p.active for p in node.parents))
            if keep_y:
                node.keep(y)
            for parent, value, kept in zip(node.parents, values, keep_x, strict=True):
                if kept and parent.value is None:
                    parent.keep(value)

    def finish(self, leaves, rebuild, nodes):
        self.output, self.rebuild, self.outputs = rebuild(leaves), rebuild, nodes
        return self

    def backward(self, g=None):
        """Run the reverse walk, write every node's adjoint, and return the arguments' cotangents.

        `g` is the cotangent of the output, in the output's structure; it may be left out for a
        scalar. Adjoints of an earlier walk are overwritten.
        """
        from .reverse import backward

        return backward(self, g)

    def __len__(self):
        return len(self.nodes)

    def __repr__(self):
        return f"<tape: {len(self.nodes)} nodes, {self.framework}>"


def writes(value):
    """How often a torch tensor has been written to in place; None where nobody counts."""
    try:
        return getattr(value, "_version", None)
    except RuntimeError:  # an inference tensor
        return None


def closed_tape():
    return AutodiffError(
        "a recorded value was used after its recording had ended; return it from the function "
        "instead of storing it elsewhere"
    )
