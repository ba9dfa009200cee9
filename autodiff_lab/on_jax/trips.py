"""Loops recorded as the trips that were taken: every trip leaves its own nodes on the tape."""

from ..table.row import ROWS
from . import bodies, front


def scan_trips(site, loop, body):
    """Each entry is cut from the stacked inputs, and the outputs are stacked, with nodes too."""
    consts, carry, xs = loop.parts(site.pairs)
    trips = range(loop.length)
    stacks = []
    for t in reversed(trips) if loop.reverse else trips:
        entries = [_entry(site, pair, t) for pair in xs]
        outputs = site.enter(body, [*consts, *carry, *entries], "scan")
        carry, ys = bodies.split(outputs, loop.carry)
        stacks.append(ys)
    if loop.reverse:
        stacks.reverse()
    variables = site.eqn.outvars[loop.carry :]
    return [*carry, *(_stacked(site, [ys[i] for ys in stacks], v) for i, v in enumerate(variables))]


def _entry(site, pair, t):
    x, node = pair
    if node is None:
        return x[t], None
    start, stop = (t, *(0 for _ in x.shape[1:])), (t + 1, *x.shape[1:])
    row = site.apply(ROWS["slice"], [pair], start=start, stop=stop, step=(1,) * len(start))
    return site.apply(ROWS["reshape"], [row], shape=x.shape[1:], old=(1, *x.shape[1:]))


def _stacked(site, pairs, variable):
    if not pairs:
        return front.zeros_like(variable), None
    if all(node is None for _, node in pairs):
        return site.verbs.stack([y for y, _ in pairs]), None
    pairs = [(site.verbs.lib.asarray(y), node) for y, node in pairs]  # literals are plain numbers
    return site.apply(ROWS["stack"], pairs, axis=0)


def while_trips(site):
    """The final state, or None if the predicate is not a concrete boolean."""
    p = site.eqn.params
    tests, rest = bodies.split(site.pairs, p["cond_nconsts"])
    consts, state = bodies.split(rest, p["body_nconsts"])
    while True:
        (go,) = bodies.call(p["cond_jaxpr"], *(x for x, _ in [*tests, *state]))
        if front.is_traced(go):
            return None
        if not go:
            return state
        state = site.enter(p["body_jaxpr"], [*consts, *state], "while")
