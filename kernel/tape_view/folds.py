"""Which nodes belong together: calls, and the turns of loops, as a tree over the tape.

A fold is an interval of the tape. Calls of functions and modules come from the scopes that the
recording notes. Loops leave no scope, but repetition: the same operations on the same lines, again
and again. Such a run is found as a tandem repeat among the parts of a level, the longest first, so
that a loop in a loop is found inside a turn of the outer one.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby

MANY = 26  # parts that a level shows at most; more are folded into equal shares
LEAST_TURNS, LEAST_NODES = 3, 6
CANDIDATES = 12  # how often the first operation of a turn may occur in it
INPUTS = 8  # more inputs of one argument than that are a fold


@dataclass(eq=False)
class Fold:
    """`kind` is call, loop, turn, more or inputs; `make` gives its parts: nodes and folds."""

    kind: str
    name: str
    first: int
    stop: int
    make: object = field(repr=False)
    where: tuple | None = None
    count: int = 1

    @cached_property
    def parts(self):
        return self.make()

    def __len__(self):
        return self.stop - self.first


def tree(tape):
    """The parts of the whole tape: `Node`s, and `Fold`s that have parts of their own."""
    many = len(tape.inputs)
    return shared(_inputs(tape.nodes[:many]) + _level(tape.nodes[many:], 0))


def _inputs(nodes):
    found = []
    for name, group in groupby(nodes, lambda n: (n.name or "").split("[")[0].split(".")[0]):
        group = list(group)
        if len(group) > INPUTS:
            group = [Fold("inputs", name, *_ends(group), lambda g=group: shared(g))]
        found += group
    return found


# ----- calls -----
def _level(nodes, depth):
    """Calls so many deep are one part each; then what repeats is one part."""
    parts = []
    for (call, *_), group in groupby(nodes, lambda n: _called(n, depth)):
        group = list(group)
        parts += group if call is None or len(group) == 1 else [_call(call, group, depth)]
    return _folded(parts)


def _called(node, depth):
    call = node.scope[depth] if len(node.scope or ()) > depth else None
    return call, getattr(call, "where", None), getattr(call, "serial", None)


def _call(call, nodes, depth):
    parts, where = _level(nodes, depth + 1), getattr(call, "where", None)
    if len(parts) == 1 and isinstance(parts[0], Fold):  # `h = cell(h)` in a loop: many calls
        only = parts[0]
        name = str(call) if only.kind == "loop" else f"{call} {only.name}".replace(" <lambda>", "")
        return replace(only, name=name, where=where)
    return Fold("call", str(call), *_ends(nodes), lambda: shared(parts), where)


def _ends(nodes):
    return nodes[0].index, nodes[-1].index + 1


# ----- loops -----
def _folded(parts):
    """Every tandem repeat becomes one part, from the left, the one that covers most."""
    keys, found, i = _numbered(map(_key, parts)), [], 0
    later = _next(keys)
    while i < len(parts):
        period, turns = _repeat(keys, later, i)
        size = _first_stop(parts[i : i + period * turns])
        if turns >= LEAST_TURNS and size[1] - size[0] >= LEAST_NODES:
            found.append(_loop(parts[i : i + period * turns], period))
            i += period * turns
        else:
            found.append(parts[i])
            i += 1
    return found


def _key(part):
    if isinstance(part, Fold):
        return part.kind, part.name, part.where
    return part.op, part.part, part.where


def _numbered(keys):
    known: dict = {}
    return [known.setdefault(key, len(known)) for key in keys]


def _next(keys):
    """For each place the next one with the same key."""
    last: dict = {}
    found = [None] * len(keys)
    for i in reversed(range(len(keys))):
        found[i] = last.get(keys[i])
        last[keys[i]] = i
    return found


def _repeat(keys, later, i):
    """`(period, turns)` of the repeat from place i on that covers most."""
    best, j = (1, 1), later[i]
    for _ in range(CANDIDATES):
        if j is None:
            break
        period, turns = j - i, 1
        block = keys[i:j]
        while keys[i + turns * period : i + (turns + 1) * period] == block:
            turns += 1
        if turns >= LEAST_TURNS and period * turns > best[0] * best[1]:
            best = period, turns
        j = later[j]
    return best


def _first_stop(parts):
    last = parts[-1]
    first = parts[0].first if isinstance(parts[0], Fold) else parts[0].index
    return first, last.stop if isinstance(last, Fold) else last.index + 1


def _loop(parts, period):
    first, stop = _first_stop(parts)
    where = parts[0].where
    turns = len(parts) // period
    if period == 1:
        alike = isinstance(parts[0], Fold)
        name = parts[0].name if alike else parts[0].op
        return Fold("loop", name, first, stop, lambda: shared(parts), where, turns)
    make = lambda: shared([_turn(parts, k, period, turns) for k in range(turns)])  # noqa: E731
    return Fold("loop", "loop", first, stop, make, where, turns)


def _turn(parts, k, period, turns):
    inside = parts[k * period : (k + 1) * period]
    make = lambda: shared(_folded(inside))  # noqa: E731
    return Fold("turn", f"turn {k + 1} of {turns}", *_first_stop(inside), make, inside[0].where)


# ----- too many parts for one picture -----
def shared(parts):
    """Of a long level equal shares are folded; of turns the first and the last ones stay."""
    if len(parts) <= MANY:
        return parts
    if all(isinstance(p, Fold) and p.kind == "turn" for p in parts):
        return [*parts[:2], _more(parts[2:-2]), *parts[-2:]]
    each = -(-len(parts) // MANY)
    shares = [parts[i : i + each] for i in range(0, len(parts), each)]
    return [share[0] if len(share) == 1 else _more(share) for share in shares]


def _more(parts):
    ends = [p.name.split(" ")[1] for p in (parts[0], parts[-1]) if getattr(p, "kind", "") == "turn"]
    name = f"turns {ends[0]}-{ends[1]}" if len(ends) == 2 else f"{len(parts)} more"
    return Fold("more", name, *_first_stop(parts), lambda: _split(parts))


def _split(parts):
    """Shares of shares: a turn in the middle of a thousand is three folds away."""
    if len(parts) <= MANY:
        return parts
    each = -(-len(parts) // MANY)
    return [_more(parts[i : i + each]) for i in range(0, len(parts), each)]


def path_to(parts, index):
    """The folds around a node, from the outside in."""
    found = []
    while True:
        around = [p for p in parts if isinstance(p, Fold) and p.first <= index < p.stop]
        if not around:
            return found
        found.append(around[0])
        parts = around[0].parts
