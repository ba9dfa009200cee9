"""The graph: nodes with two kinds of edges, built through one door.

Data edges carry values, control edges carry "it is now my turn". A node without a control edge
floats: it may be computed wherever its inputs are known (Click & Paleczny 1995). A node that is
alike in everything to one that exists *is* that one (hash consing), so value numbering is global
and costs a dictionary.

    control   start, region, loop, if, true, false, return, stop
    data      param, const, op, call, phi, undefined

A block is where control stands still: start, region, loop, true, false. An `if` ends a block and
has two of them behind it. The values of a phi are in the order of its region's control edges.
"""

import itertools

BLOCKS = frozenset("start region loop true false".split())
CONTROL = BLOCKS | {"if", "return", "stop"}


class Op:
    """What an op node does: `fn(*inputs)`, the table's `row` for it, and how it is written.

    `form` is a text with one place per input, such as "{} + {}"; `total` says that it cannot fail
    on the values it was meant for, so that it may float.
    """

    def __init__(self, name, fn, row=None, form=None, total=False, plain=False, type=None):
        self.name, self.fn, self.row, self.total, self.plain = name, fn, row, total, plain
        self.form, self.type = form or name, type
        self.key = (name, self.form, id(fn))

    def __repr__(self):
        return f"<op {self.name}>"


class Node:
    """`index` is its number in the finished sea; `line` and `tree` are where the user wrote it."""

    __slots__ = (
        "index", "kind", "op", "data", "control", "users", "value", "name", "tree", "became", "key"
    )  # fmt: skip

    def __init__(self, index, kind, op, data, control, value, name, tree):
        self.index, self.kind, self.op, self.value = index, kind, op, value
        self.data, self.control, self.name, self.tree = data, control, name, tree
        self.users, self.became, self.key = [], None, None

    @property
    def line(self):
        return getattr(self.tree, "lineno", None)

    @property
    def is_control(self):
        return self.kind in CONTROL

    @property
    def block(self):
        """Where a node stands that has a place: phis, pinned ops, `if` and `return`."""
        return self.control[0] if self.control else None

    @property
    def label(self):
        if self.kind in ("op", "call"):
            return self.op.name
        if self.kind == "const":
            return self.name or show(self.value)
        named = self.name and not self.is_control
        return f"{self.kind} {self.name.split(' ')[0]}" if named else self.kind

    def __repr__(self):
        inside = ", ".join(f"%{x.index}" for x in (*self.control, *self.data))
        return f"<node %{self.index} {self.label}({inside})>"


def show(value):
    """A constant in a few characters."""
    if hasattr(value, "shape"):
        return f"array{list(value.shape)}"
    text = repr(value)
    return text if len(text) <= 24 else text[:21] + "..."


class Graph:
    """Nodes under construction. `simplify` is what a new node is shown to: see `peepholes`."""

    def __init__(self, simplify=None):
        self.simplify, self.count, self.known, self.nodes = simplify, itertools.count(), {}, []
        self.waiting, self.settling = [], False
        self.tree = None  # where in the user's text the builder stands
        self.start = self.add("start")

    # ----- new nodes -----
    def add(self, kind, op=None, data=(), control=(), value=None, name=None, tree=None):
        """A node that is looked at by nobody."""
        node = Node(next(self.count), kind, op, list(data), list(control), value, name,
                    tree or self.tree)  # fmt: skip
        self.nodes.append(node)
        for x in (*node.data, *node.control):
            x.users.append(node)
        return node

    def make(self, kind, op=None, data=(), control=(), **more):
        """A data node, or one that is as good: simplified, and never twice the same."""
        return self._settled(self.add(kind, op, map(now, data), map(now, control), **more))

    def op(self, op, *data, block=None, tree=None):
        """An operation; what may fail is pinned to its block by a control edge."""
        control = () if block is None or op.total else (block,)
        return self.make("op", op, data, control, tree=tree)

    def const(self, value, name=None):
        return self.make("const", value=value, name=name)

    # ----- a node becomes another -----
    def _settled(self, node):
        self.waiting.append(node)
        if not self.settling:
            self._work()
        return now(node)

    def _work(self):
        self.settling = True
        while self.waiting:
            node = self.waiting.pop()
            if node.became is None and node.kind not in CONTROL:
                other = self._better(node)
                if other is not node:
                    self._become(node, other)
        self.settling = False

    def _better(self, node):
        if node.kind == "phi":
            others = {x for x in node.data if x is not node}
            if len(others) == 1 and len(node.data) == len(node.control[0].control):
                return others.pop()
        if self.simplify is None:
            return node
        other = self.simplify(self, node)
        if other is not None:
            return now(other)
        key = _key(node)
        if key is None:
            return node
        found = self.known.get(key)
        if found is None or found.became is not None or _key(found) != key:
            self.known[key] = node
            return node
        return found

    def replace(self, old, new):
        self._become(old, new)
        if not self.settling:
            self._work()

    def _become(self, old, new):
        """Everybody who reads `old` reads `new`, and may have become simpler by it."""
        old.became = new
        new.name = new.name or (old.name if new.kind in ("op", "phi", "call") else None)
        for user in dict.fromkeys(old.users):
            user.data = [new if x is old else x for x in user.data]
            user.control = [new if x is old else x for x in user.control]
            new.users.append(user)
            self.waiting.append(user)
        self._detach(old)

    def _detach(self, node):
        for x in (*node.data, *node.control):
            if node in x.users:
                x.users.remove(node)
        node.data, node.control, node.users = [], [], []

    # ----- phis -----
    def phi(self, region, name):
        """A phi without values: they are set when all control edges of its region are known."""
        return self.add("phi", control=[region], name=name)

    def fill(self, phi, values):
        phi.data = list(map(now, values))
        for x in phi.data:
            x.users.append(phi)
        return self._settled(phi)

    # ----- the finished graph -----
    def living(self, stop, parameters):
        """The nodes that the end depends on, in order: all others are dead code."""
        alive, todo = {self.start, *parameters}, [stop]
        while todo:
            node = todo.pop()
            if node not in alive:
                alive.add(node)
                todo += [*node.data, *node.control]
        for node in alive:
            node.users = [u for u in dict.fromkeys(node.users) if u in alive]
        found = sorted(alive, key=lambda node: node.index)
        for index, node in enumerate(found):
            node.index = index
        return found


def now(node):
    """What a node has become."""
    while node.became is not None:
        node = node.became
    return node


def _key(node):
    """Nodes with the same key compute the same; None for what is only itself."""
    if node.kind == "const":
        value = node.value
        simple = isinstance(value, (int, float, str, bool, type(None), complex))
        return ("const", type(value), repr(value) if simple else id(value))
    if node.kind not in ("op", "call", "phi") or (node.kind == "phi" and not node.data):
        return None
    parts = [id(x) for x in node.data], [id(x) for x in node.control]
    return (node.kind, node.op and node.op.key, *map(tuple, parts))
