"""Programs whose steps are the trips of a loop, for `checkpointing.reversal`.

    Trips          a scan on concrete values: every trip is recorded equation by equation
    UntilDone      a while on concrete values: there are as many trips as its predicate says
    nested         a scan on traced values, as a scan of scans: all, none, sqrt
    ScannedTrips   a scan on traced values under the other schedules: trips that are advanced are
                   one scan; a piece is the pair of scans that `scan` makes of the body

Names: `("const", i)`, `("carry", at, i)`, and for what a scan's trip takes and gives besides,
`("x", at, i)` and `("y", at, i)`.
"""

from math import isqrt

from .. import xp
from ..checkpointing import reversal
from ..tape import Tape
from . import bodies, front
from .bodies import pick, split
from .equations import set_apart


class Trips:
    """A scan, trip by trip. A state is a list of (value, does a derivative flow to it)."""

    def __init__(self, site, plan, loop, body):
        self.loop, self.plan, self.steps = loop, plan, loop.length
        self.jaxpr, self.jaxpr_consts = front.opened(body)
        consts, carry, xs = loop.parts(list(zip(site.values, site.active, strict=True)))
        self.consts, self.first, self.xs = consts, list(carry), xs
        self.ys, self.variables = {}, site.eqn.outvars[loop.carry :]
        actions = plan.schedule(self.steps)
        self.reversal = reversal.Reversal(self, actions, self.first)

    def forward(self):
        last = self.reversal.forward() if self.steps else self.first
        stacks = [self._stacked(i, v) for i, v in enumerate(self.variables)]
        results = [*last, *stacks]
        self.ys_active = [a for _, a in stacks]
        self.ys = {}
        return [y for y, _ in results], [a for _, a in results]

    def backward(self, gs):
        into_carry, into_ys = split(gs, self.loop.carry)
        n = self.steps
        cotangents = {("carry", n, i): g for i, g in enumerate(into_carry)}
        for i, g in enumerate(into_ys):
            if self.ys_active[i]:
                cotangents.update({("y", at, i): g[self._entry(at)] for at in range(n)})
        found = self.reversal.backward(cotangents) if n else cotangents
        into_xs = [self._gathered(found, i) if a else None for i, (_, a) in enumerate(self.xs)]
        return [
            *(found.get(("const", i)) for i in range(len(self.consts))),
            *(found.get(("carry", 0, i)) for i in range(self.loop.carry)),
            *into_xs,
        ]

    def _entry(self, at):
        return self.steps - 1 - at if self.loop.reverse else at

    def _stacked(self, i, variable):
        if not self.steps:
            return front.zeros_like(variable), False
        pairs = [self.ys[self._entry(at)][i] for at in range(self.steps)]
        lib = xp.verbs("jax").lib
        return lib.stack([lib.asarray(y) for y, _ in pairs]), any(a for _, a in pairs)

    def _gathered(self, found, i):
        x = self.xs[i][0]
        rows = [found.get(("x", self._entry(at), i)) for at in range(self.steps)]
        lib = xp.verbs("jax").lib
        return lib.stack([lib.zeros_like(x[0]) if r is None else r for r in rows])

    # ----- what `reversal` asks -----
    def more(self, state, at):
        return at < self.steps

    def keep(self, state, at):
        return state

    def restore(self, kept):
        return kept

    def advance(self, state, start, stop):
        for at in range(start, stop):
            state = self.record(state, at, at + 1)[1]
        return state

    def record(self, state, start, stop):
        tape, inputs, outputs = Tape(xp.verbs("jax")), [], []

        def given(kind, pairs):
            return [self._given(tape, inputs, (*kind, i), *p) for i, p in enumerate(pairs)]

        consts, carry = given(("const",), self.consts), given(("carry", start), state)
        for at in range(start, stop):
            xs = given(("x", at), [(x[self._entry(at)], a) for x, a in self.xs])
            results = front.interpret(tape, self.jaxpr, self.jaxpr_consts, consts + carry + xs)
            results = [(y, n if n is not None and n.active else None) for y, n in results]
            carry, ys = split(results, len(state))
            if self.reversal.cotangents is None:
                self.ys[at] = [(y, n is not None) for y, n in ys]
            outputs += _named(("y", at), ys)
        outputs += _named(("carry", stop), carry)
        return reversal.Piece(tape, inputs, outputs), [(y, n is not None) for y, n in carry]

    def _given(self, tape, inputs, name, x, active):
        if not active:
            return x, None
        node = tape.input(x, "")
        inputs.append((name, node))
        return x, node

    def pull(self, piece, cotangents, sums):
        reversal.pull(piece, cotangents, sums)


def _named(kind, pairs):
    return [((*kind, i), node) for i, (_, node) in enumerate(pairs) if node is not None]


class UntilDone(Trips):
    """A while loop whose predicate is concrete; the number of trips is known at the end."""

    def __init__(self, site, plan):
        p = site.eqn.params
        tests, rest = split(list(zip(site.values, site.active, strict=True)), p["cond_nconsts"])
        self.tests, self.test = [x for x, _ in tests], p["cond_jaxpr"]
        self.consts, self.first = split(rest, p["body_nconsts"])
        self.jaxpr, self.jaxpr_consts = front.opened(p["body_jaxpr"])
        self.xs, self.ys, self.steps = [], {}, 0
        self.reversal = reversal.Reversal(self, plan.schedule(), self.first)

    def forward(self):
        last = self.reversal.forward()
        return [x for x, _ in last], [a for _, a in last]

    def backward(self, gs):
        cotangents = {("carry", self.steps, i): g for i, g in enumerate(gs)}
        found = self.reversal.backward(cotangents)
        return [
            *(None for _ in self.tests),
            *(found.get(("const", i)) for i in range(len(self.consts))),
            *(found.get(("carry", 0, i)) for i in range(len(self.first))),
        ]

    def more(self, state, at):
        self.steps = at
        return bool(bodies.call(self.test, *self.tests, *(x for x, _ in state))[0])


def nested(site, plan, loop, body):
    """A traced scan as a scan of scans: the outer one keeps states, an inner one starts from them.

    A loop within a loop keeps its order in XLA, which drops barriers on some devices.
    """
    import jax

    n = loop.length
    inner = {"all": 1, "none": max(n, 1), "sqrt": isqrt(max(n - 1, 0)) + 1}[plan.name]
    whole, keeps_all = n // inner * inner, plan.name == "all"

    def looped(*operands):
        consts, carry, xs = loop.parts(operands)

        def trip(carry, entry):
            return split(bodies.call(body, *consts, *carry, *entry), loop.carry)

        def trips(length):
            return lambda carry, xs: loop._replace(length=length).run(trip, list(carry), list(xs))

        if keeps_all or n == 0:
            carry, ys = trips(n)(carry, xs)
            return [*carry, *ys]
        first, rest = _parted(xs, whole, loop.reverse)
        blocks = [x.reshape(whole // inner, inner, *x.shape[1:]) for x in first]
        outer = loop._replace(length=whole // inner)
        carry, ys = outer.run(jax.checkpoint(trips(inner)), list(carry), blocks)
        ys = [y.reshape(whole, *y.shape[2:]) for y in ys]
        carry, more = trips(n - whole)(carry, rest)
        both = [(b, a) if loop.reverse else (a, b) for a, b in zip(ys, more, strict=True)]
        return [*carry, *map(xp.verbs("jax").lib.concatenate, both)]

    return jax.make_jaxpr(looped)(*bodies.structs(site.eqn.invars))


def _parted(xs, count, reverse):
    """The entries of the first `count` trips, and those of the others."""
    if reverse:
        xs = [(x[len(x) - count :], x[: len(x) - count]) for x in xs]
    else:
        xs = [(x[:count], x[count:]) for x in xs]
    return [a for a, _ in xs], [b for _, b in xs]


class ScannedTrips:
    """A scan on traced values. A state is the list of the carry's values."""

    def __init__(self, site, plan, loop, body):
        self.loop, self.body, self.steps = loop, body, loop.length
        self.consts, self.first, self.xs = loop.parts(site.values)
        self.active, self.outs = self._settled(site.active)
        self.ys, self.cotangents = {}, {}
        self.reversal = reversal.Reversal(self, plan.schedule(self.steps), self.first)

    def _settled(self, given):
        """Which operands, and which outputs, have a derivative after any number of trips."""
        halves, active = bodies.settle(bodies.halve, self.body, given, self.loop.consts,
                                       self.loop.carry)  # fmt: skip
        _, carry, _ = self.loop.parts(active)
        return active, carry + halves.outs[self.loop.carry :]

    def forward(self):
        last = self.reversal.forward() if self.steps else self.first
        pieces = [self.ys[at] for at in sorted(self.ys, reverse=self.loop.reverse)]
        self.ys = {}
        lib = xp.verbs("jax").lib
        return [*last, *(lib.concatenate(stack) for stack in zip(*pieces, strict=True))], self.outs

    def backward(self, gs):
        n, loop = self.steps, self.loop
        into_carry, self.into_ys = split(gs, loop.carry)
        flows = self.outs[: loop.carry]
        carry = [g if a else None for g, a in zip(into_carry, flows, strict=True)]
        self.cotangents["carry"] = carry
        if n:
            self.reversal.backward(self.cotangents)
        consts = self.cotangents.get("consts", [None] * len(self.consts))
        parts = self.cotangents.get("xs", {})
        stacks = zip(*(parts[at] for at in sorted(parts, reverse=loop.reverse)), strict=True)
        lib = xp.verbs("jax").lib
        xs = [None if stack[0] is None else lib.concatenate(stack) for stack in stacks]
        return [*consts, *self.cotangents["carry"], *xs]

    def _part(self, stacks, start, stop):
        """Of stacked values the entries of some trips."""
        if self.loop.reverse:
            start, stop = self.steps - stop, self.steps - start
        return [x[start:stop] for x in stacks]

    # ----- what `reversal` asks -----
    def more(self, state, at):
        return at < self.steps

    def keep(self, state, at):
        return state

    def restore(self, kept):
        held = (kept, self.consts, self.xs)
        kept, self.consts, self.xs = set_apart(held, self.cotangents)
        return kept

    def advance(self, state, start, stop):
        def trip(carry, entry):
            return split(bodies.call(self.body, *self.consts, *carry, *entry), len(carry))

        if stop == start:
            return state
        loop = self.loop._replace(length=stop - start)
        carry, ys = loop.run(trip, list(state), self._part(self.xs, start, stop))
        self._note(start, ys)
        return carry

    def record(self, state, start, stop):
        from .scan import halved

        loop = self.loop._replace(length=stop - start)
        forward, backward, outs = halved(self.body, self.active, loop)
        operands = [*self.consts, *state, *self._part(self.xs, start, stop)]
        results, residuals = forward(operands)
        carry, ys = split(results, len(state))
        self._note(start, ys)
        return (start, stop, lambda gs: backward(residuals, pick(outs, gs))), carry

    def _note(self, start, ys):
        if not self.cotangents:  # on the way back they are known
            self.ys[start] = ys

    def pull(self, piece, cotangents, sums):
        start, stop, backward = piece
        gs = [*cotangents["carry"], *self._part(self.into_ys, start, stop)]
        into_consts, into_carry, into_xs = self.loop.parts(backward(gs))
        before = cotangents.get("consts", (None,) * len(into_consts))
        cotangents["consts"] = [_sum(a, b) for a, b in zip(before, into_consts, strict=True)]
        cotangents["carry"] = [front.zeros_like(x) if a and g is None else g for g, a, x in
                               zip(into_carry, self.outs, self.first, strict=False)]  # fmt: skip
        cotangents.setdefault("xs", {})[start] = into_xs


def _sum(a, b):
    return b if a is None else a if b is None else a + b
