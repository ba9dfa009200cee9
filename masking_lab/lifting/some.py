"""Some of the examples, and nobody else: what the strategy `shrink` runs blocks for.

Where `masked` runs a block for all examples and gives those that do not take it a leader's values
(`leader`), here a block is given the rows of those that take it. Afterwards each row is put back in
its place. On PyTorch the rows are just as many as the examples; on JAX, which compiles each
operation for each number of rows, they are filled up to a power of two with copies of the first.
"""

import functools
import inspect
from contextvars import ContextVar

import numpy as np

from autodiff_lab import source, trees, xp

from ..errors import MaskError
from ..lane import NUMBERS, Lane, Length
from ..setting import setting
from .blocks import Block
from .items import Items
from .leader import Led, Taken, reads_lanes
from .sequences import Ragged
from .undefined import PartlyDefined

_asked: ContextVar = ContextVar("blocks are run for some of the examples only", default=False)


def only_some():
    """Inside, blocks are run for those that take them only."""
    return setting(_asked, True)


def asked():
    return _asked.get()


class Some(Taken):
    """The examples at some places among those that are here.

    A range of places are those in front. `source` are those that are here, where these are some
    themselves (else None); `numbers` tell which of all examples ours are, and `like` is an array on
    their device. A loop that is left again and again has a chain of sources.
    """

    narrows = True

    def __init__(self, like, count, places, source=None):
        self._forget()
        self.none = self.all = False
        self.like, self.source, self.count = like, source, count
        self.verbs = xp.of(like) if source is None else source.verbs
        self.places, self.present = places, len(places)
        self.first = type(places) is range  # those in front

    @functools.cached_property
    def numbers(self):
        if self.source is None:
            return list(self.places)
        known = self.source.numbers
        return known[: self.present] if self.first else [known[i] for i in self.places]

    @functools.cached_property
    def direct(self):
        """The same rows, taken of all examples at once."""
        return self if self.source is None else Some(self.like, self.count, self.numbers)

    @functools.cached_property
    def index(self):
        """The places as an array."""
        return array_of(self.verbs, _filled_up(self.verbs, self.places, self.before), self.like)

    @functools.cached_property
    def before(self):
        """How many rows there are before."""
        return self.count if self.source is None else len(self.source.index)

    @functools.cached_property
    def back(self):
        """For each of all examples its row, the first for those that are not among them."""
        back = np.zeros(self.count, int)
        back[self.numbers] = range(self.present)
        return array_of(self.verbs, back, self.like)

    @functools.cached_property
    def mask(self):
        """Which of all examples these are."""
        mask = np.zeros(self.count, bool)
        mask[self.numbers] = True
        return array_of(self.verbs, mask, self.like)

    def row(self, data):
        """Their rows."""
        if self.first and self.verbs.name == "torch":
            return data[: self.present]
        return rows(data, self.index)

    def rows_of(self, x):
        """The others' rows are asked for when they leave."""
        if self.first and self.verbs.name == "torch":
            return x.apart(self.present)[0]
        return self.row(x.data)

    def here(self):
        """Inside, errors name the examples by their numbers among all."""
        return setting(NUMBERS, self.among(NUMBERS.get()))

    def among(self, outer):
        """Their numbers, for each row; `outer` are those of the examples that are here."""
        own = _filled_up(self.verbs, self.numbers, self.count)
        return own if outer is None else [outer[i] for i in own]

    def _now(self, *args):
        with self.here():
            return super()._now(*args)

    # ----- back in their places -----
    def unled(self, x):
        """What the examples have, each in its place among all; of the others it holds anything."""
        if isinstance(x, Ragged) and x.taken in (self, self.direct):
            return x.base if x.taken is self.direct else self.source.unled(x.base)
        if isinstance(x, (Led, Block)) and x.taken is self.direct:
            return x.base
        if isinstance(x, (Led, Block)) and x.taken is self:
            return self.source.unled(x.base)
        if isinstance(x, Block):
            size = None if x.size is None else self._own(x.size)
            return Block(trees.map(self.unled, x.tree), size)
        if isinstance(x, Lane):
            return self._own_sizes(x)
        if isinstance(x, PartlyDefined):
            return PartlyDefined(x._name, self.unled(x._value), self._own(x._defined))
        if isinstance(x, Items):
            x.fill([(self.unled(e), self._own(m)) for e, m in x.pairs()])
            return x
        if inspect.isfunction(x):
            base = next((f for f, new in self.direct.functions.values() if new is x), None)
            if base is None and self.source is None and reads_lanes(x, set()):
                raise MaskError(
                    f"a function is kept that was made at {source.here()} for some of the examples "
                    "and reads what they have; keep what it reads, and make the function later"
                )
            return base or (x if self.source is None else self.source.unled(x))
        return super().unled(x)

    def _own_sizes(self, x):
        sizes, data = [self._own(n) for n in x.sizes], rows(x.data, self.back)
        return x.having(data, sizes) if isinstance(x, Length) else Lane(data, sizes, weak=x.weak)

    def _own(self, led):
        """Lengths or a mask; they hold nothing for the others."""
        if led is None:
            return None
        for some in (self, self.direct):
            base = next((n for n, row in some.sizes.values() if row is led), None)
            if base is not None:
                return base if some.source is None else some.source._own(base)
        mask = self.verbs.reshape(self.mask, (self.count, *(1,) * (led.ndim - 1)))
        return self.verbs.where(mask, rows(led, self.back), 0 if led.dtype != mask.dtype else False)


def rows(data, index):
    if xp.framework_of(data) == "torch" and hasattr(data, "index_select"):
        return data.index_select(0, index)
    return data[index]


def array_of(verbs, numbers, like):
    kind = np.asarray(numbers)
    if kind.dtype != bool:
        kind = kind.astype(verbs.index_dtype)
    return verbs.asarray(kind, like)


def _filled_up(verbs, places, most):
    """On JAX as many as the next power of two: so that there are few shapes to compile for."""
    if verbs.name == "torch" or not places:
        return list(places)
    goal = min(1 << (len(places) - 1).bit_length(), most)
    return [*places, *[places[0]] * (goal - len(places))]
