"""The tape: what happened, in order. It knows no calculus.

A `Node` is one operation: the row it is an instance of, its parents, its parameters and what is
kept of its values. Other people read the same tape in their own way: the walks push tangents or
pull cotangents along it, the kernel draws it. A tape that is only walked keeps what `row.keep` asks
for; a tape made by `record` keeps every value, with the line of source each node came from.
"""

import itertools
import linecache

from .errors import AutodiffError

_levels = itertools.count(1)


class Node:
    """One operation on the tape. A constant is a node too, but off the tape: its index is None.

    `xs` and `y` are what the reverse walk will read: values, or where a value is not kept a node,
    which still has a shape and a dtype (`y` is None then: the node cannot hold itself).
    `alike` marks a pointwise node whose inputs have its shape and dtype: nothing is to be undone.
    `equation` is that of the jaxpr, of a node that `record` met on JAX.
    """

    __slots__ = (
        "index", "row", "parents", "params", "shape", "dtype", "active", "xs", "group", "writes",
        "alike", "y", "kept", "residuals", "part", "tangent",
        "value", "adjoint", "name", "scope", "where", "equation",
    )  # fmt: skip

    def __init__(self, row, parents, params, shape, dtype, active, xs=None, writes=None):
        self.row, self.parents, self.params = row, parents, params
        self.shape, self.dtype, self.active = shape, dtype, active
        self.xs, self.writes = xs, writes
        self.index = self.group = self.alike = self.y = self.kept = self.residuals = None
        self.part = self.tangent = self.value = self.adjoint = self.name = None
        self.scope = self.where = self.equation = None

    @property
    def op(self):
        return self.row.name if self.row else "constant" if self.index is None else "input"

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
        label = self.name or f"{self.op}({of})" + ("" if self.part is None else f"[{self.part}]")
        dtype = str(self.dtype).removeprefix("torch.")
        return f"<node %{self.index} {label}: {dtype}{list(self.shape)}>"


NUMBER = Node(None, (), {}, (), float, False)  # a Python number on a tape that nobody looks at


class Tape:
    """The nodes of one run of a function, inputs first.

    `reverse`: it can be walked backwards. `lean`: it is walked in no other way, and keeps no more
    than that asks for.
    """

    reverse = lean = True

    boxes = None  # PyTorch: weak references to the boxes of a tape that keeps all values
    called = None  # `(f, args, kwargs)` of a tape that `record` made: to be run again
    met = None  # PyTorch: what takes the calls instead of the tape, where they are written down
    policy = None  # JAX: how loops are checkpointed (`on_jax/checkpoints`)
    made = None  # JAX: the values of the equation that is met, where they are there already
    dry = False  # JAX: a dry tape is of a linear map, and its values are only shapes

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
        active = self.xp.is_inexact(value.dtype)
        node = self._append(Node(None, (), NUMBER.params, value.shape, value.dtype, active))
        node.name = name
        if self.keep_all:
            node.value = value
        self.inputs.append(node)
        self.leaves.append(value)
        return node

    def constant(self, value):
        node = Node(None, (), {}, getattr(value, "shape", ()), getattr(value, "dtype", type(value)),
                    False)  # fmt: skip
        if self.keep_all or not hasattr(value, "shape"):
            node.value = value
        return node

    def add(self, row, parents, values, params, y, scope=(), where=None, frozen=False):
        """Append the node for `y = row(*values, **params)`; no derivative flows if `frozen`."""
        node = self._node(row, parents, params, y, frozen)
        if node.active:
            self._keep(node, values, y, None)
        if self.keep_all:
            node.value, node.scope, node.where = y, scope, where
        return node

    def add_fast(self, row, parents, values, params, y, residuals):
        """The node of a row that went its own fast way, and keeps what that way reads back."""
        node = self._node(row, parents, params, y, False)
        if node.active:
            node.residuals = residuals
            self._keep(node, values, y, None, row.fast.keep)
        return node

    def add_many(self, row, parents, values, params, ys, scope=(), where=None, frozen=False):
        """One node per output: a group. What the walks keep stands on the first of them."""
        flows = not frozen and row.kind != "constant" and any([p.active for p in parents])
        nodes = []
        for part, y in enumerate(ys):
            active = flows and self.xp.is_inexact(y.dtype)
            node = self._append(Node(row, parents, params, y.shape, y.dtype, active))
            node.group, node.part = nodes, part
            nodes.append(node)
        first = nodes[0]
        if any([node.active for node in nodes]):
            self._keep(first, values, tuple(ys), tuple(nodes))
        if self.keep_all:
            for node, y in zip(nodes, ys, strict=True):
                node.value, node.scope, node.where = y, scope, where
        return nodes

    def _keep(self, node, values, y, instead, keep=None):
        parents = node.parents
        active = tuple([p.active for p in parents])
        keep_y, keep_x = keep(active) if keep else self._to_keep(node.row, active)
        node.y, node.xs, kept = y if keep_y else instead, [], []
        for x, p, k in zip(values, parents, keep_x, strict=True):
            is_array = hasattr(x, "shape")
            node.xs.append(x if k or not is_array else p)
            if k and is_array:
                kept.append(x)
        if keep_y:
            kept += [v for v in (y if type(y) is tuple else (y,)) if hasattr(v, "shape")]
        if kept and self.xp.counts_writes:
            node.kept, node.writes = kept, written(kept)
        if node.row.kind == "pointwise":
            node.alike = _alike(node, values)

    def _to_keep(self, row, active):
        """What the reverse walk will read, and nothing else."""
        return row.keep(active)

    def _node(self, row, parents, params, y, frozen):
        active = not frozen and row.kind != "constant" and any([p.active for p in parents])
        active = active and self.xp.is_inexact(y.dtype)
        return self._append(Node(row, parents, params, y.shape, y.dtype, active))

    def _append(self, node):
        node.index = len(self.nodes)
        self.nodes.append(node)
        return node

    def concrete(self, node, answer):
        """Python is told a value (a branch, an `.item()`): a tape that is replayed must know."""
        return answer

    def held(self, value):
        """How many tensors of this memory the tape itself holds, which no program can see."""
        return 0

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

    def forward(self, *tangents):
        """Run the forward walk: write every node's tangent, and return that of the output.

        One tangent per recorded argument, in its structure; None stands for a zero.
        """
        from .forward import forward

        return forward(self, tangents)

    def __len__(self):
        return len(self.nodes)

    def __repr__(self):
        return f"<tape: {len(self.nodes)} nodes, {self.framework}>"


def _alike(node, values):
    shape, dtype = node.shape, node.dtype
    return all(
        p.dtype == dtype and p.shape == shape if hasattr(x, "shape") else not p.active
        for x, p in zip(values, node.parents, strict=True)
    )


# ----- a value that was written to after it was recorded is an error, never a wrong gradient -----
def written(kept):
    """The in-place writes so far to the tensors that a node keeps; None if nobody counts them."""
    try:
        total = 0
        for x in kept:
            total += x._version
        return total
    except RuntimeError:  # an inference tensor
        return None


def changed(node):
    return AutodiffError(
        f"a value that the reverse walk needs (at {node!r}) was changed in place after it was "
        "recorded; build a new tensor instead of writing into this one"
    )


def closed_tape():
    return AutodiffError(
        "a recorded value was used after its recording had ended; return it from the function "
        "instead of storing it elsewhere"
    )
