"""Small local rules, asked of every new node; the big optimisations are what is left of them.

Constant folding, algebra and the removal of decided branches are here; value numbering is the
dictionary in `nodes`, dead code is what nobody reaches, and loop-invariant motion is a choice in
`schedule` (Click, "Global Code Motion, Global Value Numbering", 1995).

A rule must be exact. x + 0.0 is not x (-0.0), x * 0 is not 0 (NaN, inf), and of a parameter nobody
knows the type. So algebra is done where a number is known to be an int, and for floats only where
no bit changes.
"""

from .nodes import now
from .verbs import NOTHING

NUMBERS = (bool, int, float)
_ARITHMETIC = frozenset("+ - * // %".split())
_COMPARISONS = frozenset("< <= > >= == !=".split())
_TYPED = _ARITHMETIC | _COMPARISONS | {"/"}
_BIGGEST = 2**64  # a constant should not be longer than the expression it stands for


def simplify(graph, node):
    """A node that computes the same and is simpler, or None."""
    if node.kind != "op":
        return None
    rule = _RULES.get(node.op.name)
    return (
        _nothing(node)
        or _fold(graph, node)
        or (rule and rule(graph, node))
        or (_algebra(graph, node) if len(node.data) == 2 else None)
        or _unpin(graph, node)
    )


# ----- what is known about a value -----
ANY = "any"  # a loop's own phi, while it is asked: whatever its other values say
_DEEP = 6  # how far a question goes: an answer of None is always right


def type_of(node, asked=(), deep=0):
    """int, float, bool, ... or None if nobody knows."""
    node = now(node)
    if node.kind == "const":
        return type(node.value)
    if node.kind == "op" and node.op.type is not None:
        return node.op.type
    if deep > _DEEP:
        return None
    if node.kind == "phi":
        return _type_of_phi(node, asked, deep)
    if node.kind != "op" or node.op.name not in _TYPED:
        return None
    return _type_of_op(node.op.name, [type_of(x, asked, deep + 1) for x in node.data])


def _type_of_phi(node, asked, deep):
    if node in asked:
        return ANY
    if len(node.data) != len(node.control[0].control):  # not yet filled
        return None
    kinds = {type_of(x, (*asked, node), deep + 1) for x in node.data} - {ANY}
    kind = kinds.pop() if len(kinds) == 1 else None if kinds else ANY
    return None if kind is bool else kind


def _type_of_op(name, kinds):
    if not all(k in NUMBERS or k is ANY for k in kinds):
        return None
    if name in _COMPARISONS:
        return bool
    if name == "/" or float in kinds:
        return float
    return int if int in kinds or bool in kinds else ANY


def _is(node, value):
    """Is this the int `value`?"""
    node = now(node)
    return node.kind == "const" and type(node.value) is int and node.value == value


# ----- constants -----
def _fold(graph, node):
    """Compute now what is known now; what would fail is left to fail at its place."""
    known = all(x.kind == "const" and _small(x.value) for x in node.data)
    if not known or node.op.name not in _FOLDED:
        return None
    values = [x.value for x in node.data]
    if node.op.name in ("**", "<<") and any(type(v) is int and abs(v) > 64 for v in values):
        return None
    try:
        y = node.op.fn(*values)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return graph.const(y) if _small(y) else None


_FOLDED = _ARITHMETIC | _COMPARISONS | {"/", "**", "<<", ">>", "&", "|", "^", "~", "not", "index"}
_FOLDED |= {"is", "is not"}


def _small(value):
    if type(value) is int:
        return abs(value) < _BIGGEST
    return type(value) in (bool, float, type(None))


# ----- algebra on known numbers -----
def _algebra(graph, node):
    a, b = node.data
    kinds, name = (type_of(a), type_of(b)), node.op.name
    if kinds == (int, int):
        return _of_ints(graph, node, name, a, b)
    if kinds == (float, float) or kinds in ((float, int), (int, float)):
        return _of_floats(name, a, b, kinds)
    return None


def _of_ints(graph, node, name, a, b):
    if name in ("*",) and (_is(a, 0) or _is(b, 0)):
        return graph.const(0)
    if name == "-" and a is b:
        return graph.const(0)
    if name in _COMPARISONS and a is b:
        return graph.const(name in ("<=", ">=", "=="))
    if (name in "+-" and _is(b, 0)) or (name in ("*", "//") and _is(b, 1)):
        return a
    if (name == "+" and _is(a, 0)) or (name == "*" and _is(a, 1)):
        return b
    if name in ("+", "*") and a.kind == "const" and b.kind != "const":
        return graph.op(node.op, b, a, tree=node.tree)  # constants to the right
    inner = a.kind == "op" and a.op is node.op and name in ("+", "*")
    if inner and b.kind == "const" and a.data[1].kind == "const" and type_of(a.data[0]) is int:
        c = graph.const(node.op.fn(a.data[1].value, b.value))  # (x + 1) + 2 is x + 3
        return graph.op(node.op, a.data[0], c, tree=node.tree)
    return None


def _of_floats(name, a, b, kinds):
    """1 * x, x * 1, x / 1, x - 0 change no bit of a float; x + 0 does, where x is -0.0."""
    if kinds[0] is float and b.kind == "const":
        if (name in ("*", "/") and b.value == 1) or (name == "-" and repr(b.value) in ("0", "0.0")):
            return a
    if kinds[1] is float and a.kind == "const" and name == "*" and a.value == 1:
        return b
    return None


def _unpin(graph, node):
    """A division by a number that is not 0 cannot fail: it may float."""
    if not node.control or node.op.name not in ("/", "//", "%"):
        return None
    by = node.data[1]
    if by.kind == "const" and type(by.value) in (int, float) and by.value != 0:
        return graph.make("op", node.op, node.data, tree=node.tree)
    return None


# ----- the sea's own operations -----
def _item(graph, node):
    """(a, b)[0] is a."""
    if len(node.data) != 2:  # a slice
        return None
    box, at = node.data
    if box.kind != "op" or at.kind != "const" or type(at.value) is not int:
        return None
    if box.op.name == "tuple" and -len(box.data) <= at.value < len(box.data):
        return box.data[at.value]
    return None


def _unpack(graph, node):
    box, count = node.data
    fits = box.kind == "op" and box.op.name == "tuple" and len(box.data) == count.value
    return box if fits else None


def _index(graph, node):
    return node.data[0] if type_of(node.data[0]) is int else None


def _top(graph, node):
    """What was pushed last is on top: a push that meets its pop is no push."""
    stack = node.data[0]
    return stack.data[1] if stack.kind == "op" and stack.op.name == "push" else None


def _rest(graph, node):
    stack = node.data[0]
    return stack.data[0] if stack.kind == "op" and stack.op.name == "push" else None


def _add_cotangents(graph, node):
    a, b = node.data
    return b if is_nothing(a) else a if is_nothing(b) else None


def is_nothing(node):
    """The reverse walk's own zero, which is no number: nothing arrived."""
    return node.kind == "const" and node.value is NOTHING


_CARRY = frozenset("* fit gate part pull back []".split())


def _nothing(node):
    """Of nothing comes nothing."""
    carries = node.op.name in _CARRY or (node.op.name == "-" and len(node.data) == 1)
    return node.data[0] if carries and node.data and is_nothing(node.data[0]) else None


_RULES = {"[]": _item, "unpack": _unpack, "index": _index, "top": _top, "rest": _rest,
          "sum up": _add_cotangents}  # fmt: skip


# ----- branches that are decided -----
def decide(graph, stop):
    """Remove branches with a known test, edges that nobody takes, regions with one way in."""
    changed = True
    while changed:
        changed = False
        for node in graph.nodes:
            if node.became is None and node.kind in ("if", "region", "loop"):
                changed |= _decide_if(graph, node) if node.kind == "if" else _thin(graph, node)
    dead = {id(r) for r in stop.control if not _is_reached(r, graph.start)}
    stop.control = [r for r in stop.control if id(r) not in dead]


def _decide_if(graph, node):
    (test,), (block,) = node.data, node.control
    if test.kind != "const" or type(test.value) not in (*NUMBERS, type(None)):
        return False
    for branch in [u for u in node.users if u.kind in ("true", "false")]:
        if bool(test.value) is (branch.kind == "true"):
            graph.replace(branch, block)
    return _forget(graph, node)


def _forget(graph, node):
    node.became = node.became or _DEAD
    graph._detach(node)
    return True


def _thin(graph, region):
    """Drop the edges on which control never comes."""
    alive = [_is_reached(c, graph.start) for c in region.control]
    if region.kind == "loop" and not alive[0]:
        alive = [False] * len(alive)
    if not any(alive):
        return False
    if all(alive) and len(alive) > 1:
        return False
    phis = [u for u in region.users if u.kind == "phi" and u.data]
    for i in reversed(range(len(alive))):
        if not alive[i]:
            for node in (region, *phis):
                edges = node.control if node is region else node.data
                gone = edges.pop(i)
                gone.users.remove(node)
    for phi in phis:
        graph._settled(phi)
    if len(region.control) == 1:
        graph.replace(region, region.control[0])
    return True


def _is_reached(node, start):
    """Does control come here from the start? Loops are entered by their first edge."""
    seen, todo = set(), [node]
    while todo:
        node = todo.pop()
        if node is start:
            return True
        if node in seen or node.became is not None:
            continue
        seen.add(node)
        edges = node.control[:1] if node.kind == "loop" else node.control
        todo += [e for e in edges if e.kind != "if" or e.became is None]
    return False


class _Dead:
    became = None
    kind = "dead"


_DEAD = _Dead()


def settle(graph):
    """Ask every node once more: what was learnt late (types of loops) may help earlier nodes."""
    for node in list(graph.nodes):
        if node.became is None and node.kind in ("op", "call", "phi"):
            graph.waiting.append(node)
    if graph.simplify is not None:
        graph._work()
