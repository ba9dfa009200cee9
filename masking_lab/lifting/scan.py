"""A `for` loop over a ragged dim as one `lax.scan`, where lengths are not known: under `jax.jit`.

The scan makes as many trips as the batch is padded to, and its body is traced once for all. In a
trip that an example does not make, it has the values of its leader, as everywhere here. When no
example makes the trip any more, all have the values of the last one that was made: `rows` keeps
what the leader had then. So also the trips beyond the end compute nothing that was not computed
before, and leave zeros in every gradient.

A loop whose names change their kind from trip to trip (a list that is read while it grows, an
array that shrinks) cannot be compiled as one; it is unrolled.
"""

from autodiff_lab import trees, xp
from autodiff_lab.on_jax.bodies import evaluate
from autodiff_lab.on_jax.front import is_traced, opened, read

from ..lane import Lane, is_array
from ..on_jax.trip import Table, Trip
from .blocks import Block
from .items import Items
from .leader import Taken, row_of
from .state import Slots, Unsettled, given_back, lane, settled, snapshots, staying


def always(carried):
    """Nothing but its end ends the loop."""
    return True


class Here(Taken):
    """The examples that make a trip; the rows of their leader are handed in."""

    def __init__(self, going, leader, rows):
        self.mask, self.verbs, self.sizes = going, xp.of(going), {}
        self.none = self.all = False
        self._leader, self.rows = leader, rows

    def keeps(self, x):
        return id(x.data) in self.rows

    def one(self, data):
        return self.rows[id(data)][1] if id(data) in self.rows else super().one(data)


class Scan:
    """One loop, from the trip number `start` on.

    `step(here, going, item, carried, given)` makes a trip and gives what the carried names hold
    afterwards; `on(carried)` is False, or false on an example, that has left the loop.
    """

    def __init__(self, items, start, step, on, count):
        import jax

        self.jax, self.items, self.step, self.on, self.count = jax, items, step, on, count
        self.trips = items.trips.data if isinstance(items.trips, Lane) else items.trips
        self.numbers = range(start, items.last)

    def run(self, carried, given):
        """What the carried names hold after the last trip; the `given` things are changed too."""
        before = tuple(lane(x, self.count, self.trips) for x in carried), tuple(given)
        known = Slots((before, self.items.over, self.items.trips))
        outside = [x for x in known.values if is_array(x)]
        self.table = Table(self.count, self.trips, self.numbers, outside)
        self.lengths = {id(known.values[i]) for i in known.lengths}
        slots, places = settled(self.trial, before, len(Slots(before[0]).values), self.count)
        after, given_after = self.compiled(slots, places)
        return given_back(carried, given, after, given_after, self.stay)

    # ----- tracing -----
    def trial(self, slots, places):
        """The tree after one trip. Keeps the jaxpr of the trip, for all of them."""
        arrays = [slots.values[i] for i in places]
        while True:
            columns = list(self.table.columns())
            parts = [arrays, self.memory(arrays, columns), [c[0] for c in columns]]
            ends = [len(parts[0]), len(parts[0]) + len(parts[1])]

            def traced(number, *values, ends=ends):
                i, j = ends
                return self.trip(slots, places, number, values[:i], values[i:j], values[j:])

            self.closed = self.jax.make_jaxpr(traced)(self.numbers[0], *sum(parts, []))
            if len(self.table.asked) == len(columns):
                return self.after

    def memory(self, arrays, columns):
        """What the leader of the last trip had: its number, the trip's, and its rows."""
        shared = self.table.shared()
        rows = [c[0] if s else c[0][:1] for c, s in zip(columns, shared, strict=True)]
        number = self.jax.numpy.asarray(self.numbers[0])
        return [number * 0, number, *[x[:1] for x in arrays], *rows]

    def trip(self, slots, places, number, arrays, memory, columns):
        """`(what lists got, arrays, memory)`, flat: all that a trip computes."""
        carried, given = slots.put(places, arrays)
        before = snapshots(carried)
        going = self.going(number, carried)
        columns, memory, here = self.led(going, number, arrays, memory, columns)
        self.table.handed = columns
        trip = Trip(self.table, memory[1])
        _ = trip.data  # made here, once
        after = self.step(here, Lane(going, ()), lambda: self.items.at(trip), carried, given)
        self.after = after, given
        self.stay = staying(carried, after, before)
        new = Slots(self.after, slots.hidden)
        grown = [new.lists[k] for k in sorted(slots.hidden) if k < len(new.lists)]
        got, self.pieces = _got(grown, going)
        handed = [new.values[i] for i in places if i < len(new.values)]
        self.sizes = len(got), len(handed)
        return [x for x in (*got, *handed, *memory) if is_array(x)]

    def going(self, number, carried):
        """Which examples make the trip."""
        below = self.jax.numpy.broadcast_to(number < self.trips, (self.count,))
        on = self.on(carried)
        return below & on.data if isinstance(on, Lane) else below & on

    def led(self, going, number, arrays, memory, columns):
        """The rows of this trip's leader; of the last one's, if nobody makes this trip."""
        where, verbs, some = self.jax.numpy.where, xp.verbs("jax"), going.any()
        leader = where(some, self.jax.numpy.argmax(going), memory[0])
        last = where(some, number, memory[1])
        n, shared = len(arrays), self.table.shared()
        now = [row_of(verbs, x, leader) for x in arrays]
        now += [x if s else row_of(verbs, x, leader) for x, s in zip(columns, shared, strict=False)]
        rows = [where(some, x, row) for x, row in zip(now, memory[2:], strict=True)]
        columns = [row if s else x for x, row, s in zip(columns, rows[n:], shared, strict=False)]
        kept = {id(x): (x, row) for x, row in zip((*arrays, *columns), rows, strict=True)}
        return columns, [leader, last, *rows], Here(going, leader, kept)

    # ----- running -----
    def compiled(self, slots, places):
        """The tree after all trips, by one scan."""
        arrays, columns = [slots.values[i] for i in places], self.table.columns()
        jaxpr, consts = opened(self.closed)
        some = self.going(self.numbers[0], slots.build(slots.values)[0]).any()
        consts = [_cut_off(self.jax, some, c) for c in consts]
        got, handed = self.sizes

        def trip(state, entry):
            env = dict(zip(jaxpr.constvars, consts, strict=True))
            env.update(zip(jaxpr.invars, (entry[0], *state, *entry[1:]), strict=True))
            evaluate(jaxpr.eqns, env)
            results = [read(env, v) for v in jaxpr.outvars]
            return results[got:], results[:got]

        start = [*arrays, *self.memory(arrays, columns)]
        numbers = self.jax.numpy.asarray(self.numbers)
        state, lists = self.jax.lax.scan(trip, start, (numbers, *columns))
        filled = self.filled(slots, lists)
        slots.hiding = lambda x: filled[id(x)]
        return slots.put(places, state[:handed])

    def filled(self, slots, arrays):
        """The lists that the loop filled, by what they were before."""
        arrays, new = iter(arrays), {}
        for k, (rebuild, n, whole) in zip(sorted(slots.hidden), self.pieces, strict=True):
            old, masks = slots.lists[k], _in_line(next(arrays))
            lanes = [_in_line(next(arrays)) for _ in range(n)]
            tree = rebuild([Lane(x, (None,) * (x.ndim - 1)) for x in lanes])
            new[id(old)] = list_ = type(old)()
            list_.fill([*old.pairs(), (Block(tree, self.size(masks) if whole else None), masks)])
        return new

    def size(self, masks):
        """Each example's number of elements, of a list that got some in each trip."""
        once = masks.shape[1] == len(self.numbers) == self.items.last
        if once and self.on is always and id(self.trips) in self.lengths:
            return self.trips
        return masks.sum(1, dtype=getattr(self.trips, "dtype", None))


def _got(lists, going):
    """The arrays that lists got in a trip, each with its mask in front, and how to read them."""
    arrays, pieces = [], []
    for x in lists:
        pairs = x.pairs()
        if not pairs:
            raise Unsettled("a list gets elements in some trips only")
        block = Items([e for e, _ in pairs], [going if m is None else m for _, m in pairs])
        leaves, _, rebuild = trees.flatten(block.block())
        arrays += [block.masks[1] & going[:, None], *[x.data for x in leaves]]
        pieces.append((rebuild, len(leaves), all(m is None or m is going for _, m in pairs)))
    return arrays, pieces


def _in_line(x):
    """Entries of all trips after each other: (trips, examples, k, ...) -> (examples, all, ...)."""
    x = x.swapaxes(0, 1)
    return x.reshape(x.shape[0], -1, *x.shape[3:])


def _cut_off(jax, some, x):
    """`x`; if no example makes any trip, without gradient: what was computed is nobody's."""
    if not is_traced(x) or not jax.numpy.issubdtype(x.dtype, jax.numpy.inexact):
        return x
    return jax.numpy.where(some, x, jax.lax.stop_gradient(x))
