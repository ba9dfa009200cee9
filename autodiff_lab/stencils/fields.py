"""What a stencil's function is given for its arrays: things to read at an offset.

The function is run once on symbols. A `Weighted` sum of what was read is a linear stencil, and is
its table of weights; anything else becomes `Opaque`, and the function is then run on arrays.
Nothing else can be done to a field, so what is no stencil is refused where it is written.
"""

import ast
import numbers
import sys

from ..errors import AutodiffError
from ..reading import read

BRANCH = (
    "a stencil does the same at every place, and this branches on a value; choose with "
    "where(condition, a, b)"
)


class Field:
    """An argument of a stencil's function: `field[offset]` is what `look(self, offset)` finds."""

    def __init__(self, name, number, f, look):
        self.name, self.number, self.f, self.look = name, number, f, look

    def __getitem__(self, offset):
        found = offset if isinstance(offset, tuple) else (offset,)
        if not all(isinstance(o, numbers.Integral) and not isinstance(o, bool) for o in found):
            raise refusal(
                self.f,
                f"a stencil reads {self.name} at fixed whole-number offsets, and this is "
                f"{_words(offset)}; write {self.name}[-1, 0] for the neighbour above, and read at "
                "computed places outside of the stencil",
            )
        return self.look(self, tuple(map(int, found)))

    def _no_array(self, *_):
        raise refusal(
            self.f,
            f"{self.name} is no array in a stencil, which says what happens at one place; write "
            f"{self.name}[0, 0], with one number for each axis, for its value there",
        )

    def __getattr__(self, what):
        if what.startswith("__"):
            raise AttributeError(what)
        return self._no_array()


class Symbol:
    """A number that is not known yet."""

    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to us
    f = None

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return next(x for x in args if isinstance(x, Symbol)).opaque()

    def opaque(self, *_):
        return Opaque(self.f)

    def __bool__(self):
        raise refusal(self.f, BRANCH)


class Opaque(Symbol):
    """Some function of what was read: not a weighted sum."""

    def __init__(self, f):
        self.f = f


class Weighted(Symbol):
    """A weighted sum: `terms` are the weights by (field, offset)."""

    def __init__(self, f, terms):
        self.f, self.terms = f, terms

    def __add__(self, b):
        if not isinstance(b, Weighted):  # `sum` starts with 0
            return self if isinstance(b, numbers.Real) and b == 0 else self.opaque()
        terms = dict(self.terms)
        for place, weight in b.terms.items():
            terms[place] = terms[place] + weight if place in terms else weight
        return Weighted(self.f, terms)

    __radd__ = __add__

    def __mul__(self, c):
        if not isinstance(c, numbers.Real):
            return self.opaque()
        c = float(c) if not isinstance(c, (int, float)) else c
        return Weighted(self.f, {place: weight * c for place, weight in self.terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, c):
        known = isinstance(c, numbers.Real) and c != 0
        return self * (1 / c) if known and isinstance(c, numbers.Real) else self.opaque()

    def __neg__(self):
        return self * -1

    def __pos__(self):
        return self

    def __sub__(self, b):
        return self + -b if isinstance(b, (Weighted, numbers.Real)) else self.opaque()

    def __rsub__(self, a):
        return -self + a


_BINARY = "add sub mul truediv floordiv mod pow matmul lt le gt ge eq ne and or xor".split()
for _name in [*_BINARY, *("r" + n for n in _BINARY), "neg", "pos", "abs", "invert", "iter", "len"]:
    _method = f"__{_name}__"
    if _name not in ("iter", "len") and not hasattr(Weighted, _method) or _name in ("eq", "ne"):
        setattr(Weighted, _method, Symbol.opaque)
    if _name not in ("iter", "len"):
        setattr(Opaque, _method, Symbol.opaque)
    setattr(Field, _method, Field._no_array)
for _class in (Weighted, Opaque, Field):
    setattr(_class, "__hash__", object.__hash__)  # noqa: B010


def refusal(f, why, traceback=None):
    """An error that points at the place where f is running now, or was when it was left."""
    running = _left(f, traceback) if traceback else _running(f)
    try:
        text = read(f)
    except AutodiffError:
        running = None
    if running is None:
        return AutodiffError(f"in {f.__name__}: {why}")
    line, end, start, stop = list(f.__code__.co_positions())[running // 2]
    place = ast.Pass(lineno=line, end_lineno=end, col_offset=start, end_col_offset=stop)
    return text.refusal(place, why)


def _running(f):
    frame = sys._getframe(2)
    while frame is not None and frame.f_code is not f.__code__:
        frame = frame.f_back
    return frame and frame.f_lasti


def _left(f, traceback):
    while traceback is not None and traceback.tb_frame.f_code is not f.__code__:
        traceback = traceback.tb_next
    return traceback and traceback.tb_lasti


def _words(offset):
    if isinstance(offset, tuple):
        return "[" + ", ".join(map(_words, offset)) + "]"
    if isinstance(offset, slice):
        return "a slice"
    return repr(offset) if isinstance(offset, (int, float, str)) else f"a {type(offset).__name__}"
