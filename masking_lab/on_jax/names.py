"""Names for ragged sizes: what JAX's tracer is given, and what a size computed from them means.

`jax.export.symbolic_shape` makes a size that is a name: "n0" stands for each example's own length.
"""

import copy
import re

from autodiff_lab import xp

from .. import sizes
from ..batches.masked_batch import told
from ..lane import Lane, Length
from .per_entry import PerEntry, refuse_mixed
from .sizes import watched


def is_given(x):
    """What the tracer is given; a length that dispatch meets is a size, and has a name."""
    return isinstance(x, Lane) and not isinstance(x, Length) or xp.framework_of(x) == "jax"


class Names:
    """One name per ragged size: sizes whose lengths agree share it."""

    def __init__(self, jax, may_be_empty):
        self.jax, self.scope = jax, jax.export.SymbolicScope()
        self.lengths, self.known, self.dims = [], {}, {}
        self.less = 1 if may_be_empty else 0  # a dim reads "n0 - 1", and n0 is the length plus one

    def renewed(self, leaves):
        """The same names for other lengths."""
        new = Names(self.jax, self.less == 1)
        for x in leaves:
            new.given(x)
        return new

    def given(self, x):
        """What the tracer is given for an argument: a size for a length, a look for an array."""
        if isinstance(x, Length):
            return self.dim(x)
        return self.spec(x) if is_given(x) else x

    def spec(self, x):
        """What `x` looks like to the tracer."""
        if not isinstance(x, Lane):
            weak = bool(getattr(x, "weak_type", False))
            return self.jax.ShapeDtypeStruct(x.shape, x.dtype, weak_type=weak)
        words = [str(n) if not isinstance(n, Length) else self.name(n) for n in x.shape]
        shape = self.jax.export.symbolic_shape(", ".join(words), scope=self.scope) if words else ()
        return self.jax.ShapeDtypeStruct(tuple(map(watched, shape)), x.dtype)

    def dim(self, length):
        """The symbolic size that stands for a length."""
        return watched(self.jax.export.symbolic_shape(self.name(length), scope=self.scope)[0])

    def prepare(self, dims):
        """Compute these lengths here, and not inside a loop that JAX traces on its own."""
        for dim in dims:
            self.length(dim)

    def led(self, taken):
        """The same names with each follower's lengths those of its leader (`lifting.leader`)."""
        new = copy.copy(self)
        new.lengths = [n.having(taken.lengths(n.data)) for n in self.lengths]
        new.known = {}
        new.dims = {}
        new.prepare(self.dims.values())
        return new

    def own(self, x):
        """A size that `f` returns, perhaps computed from others, as each example's own number."""
        if not hasattr(x, "scope"):
            return x
        return self.computed(x)

    def computed(self, dim):
        """The `Length` of a size that may be computed from others."""
        own, (lowest, highest) = self.value(dim), self.ends(dim)
        return Length(own.data, highest, own.sizes, lowest)

    def word(self, i):
        return f"n{i} - 1" if self.less else f"n{i}"

    def name(self, length):
        for i, known in enumerate(self.lengths):
            if known.same(length) and known.span == length.span:
                return self.word(i)
        self.lengths.append(length)
        return self.word(len(self.lengths) - 1)

    def length(self, dim):
        """The `Length` that a symbolic dim stands for: the same one for the same dim."""
        if not self.known:
            self.known.update({self.word(i): n for i, n in enumerate(self.lengths)})
        word = str(dim)
        self.dims[word] = dim
        if word not in self.known:
            self.known[word] = self.computed(dim)
        return self.known[word]

    def value(self, dim):
        """Each example's own value of a size that may be computed, such as 3*n0 - 1."""
        used = {f"n{i}": self.lengths[i] for i in map(int, re.findall(r"\bn(\d+)", str(dim)))}
        outer = next((n for n in used.values() if n.ndim), None)
        if outer is not None:
            return self._nested(dim, used, outer)
        known = {name: n.data + self.less for name, n in used.items()}
        return Lane(sizes.own(dim, known, self.jax.numpy), ())

    def _nested(self, dim, used, outer):
        """The same where a size is each outer entry's own."""
        refuse_mixed(used.values(), outer)
        known = {
            name: (n.data if n.ndim else n.data.reshape(-1, *(1,) * outer.ndim)) + self.less
            for name, n in used.items()
        }
        return PerEntry(sizes.own(dim, known, self.jax.numpy), outer.sizes)

    def ends(self, dim):
        """The smallest such a size can be, and the size that all examples are padded to."""
        known = ((f"n{i}", n.span) for i, n in enumerate(self.lengths))
        return sizes.ends(dim, {n: (a + self.less, b + self.less) for n, (a, b) in known})

    def told(self, text):
        """Symbolic names as the lengths they stand for."""
        for i, n in reversed(list(enumerate(self.lengths))):
            text = re.sub(rf"\b{self.word(i)}\b", f"<lengths {told(n.data)}>", text)
        return text
