"""Truncated power series, x(t) = x_0 + x_1 t + x_2 t^2 + ..., as numbers that rows can be run on.

Sums, products and quotients of series are stated here: everything else follows from the table. A
row says how its output changes, y' = d(y, x) x', in code that is written over `xp`. Run on series
that code gives the series of y', and its integral is y: coefficient k + 1 of y needs no more than
k of y itself (Griewank & Walther 2008, chapter 13). So a coefficient is computed when it is asked
for, and once (Karczmarczuk 2001, "Functional differentiation of computer programs").

None stands for a coefficient that is zero and that nobody has to compute.
"""

import functools
import inspect
import operator

from .calculus import _like, push
from .errors import AutodiffError
from .table.row import ROWS


class Series:
    """The coefficients that are known, and `later(k)` for the next one."""

    __slots__ = ("xp", "known", "later", "images", "slope")
    __array_ufunc__ = None
    rank = 10  # answers before a box or a lane does

    def __init__(self, xp, value, later):
        self.xp, self.known, self.later = xp, [value], later
        self.images, self.slope = {}, None
        xp.made.append(self)

    value = property(lambda self: self.known[0])
    shape = property(lambda self: self.known[0].shape)
    dtype = property(lambda self: self.known[0].dtype)

    def at(self, k):
        """Coefficient k, in the shape and dtype of the value."""
        while len(self.known) <= k:
            c = self.later(len(self.known))
            self.known.append(None if c is None else _like(self.xp.plain, c, self.value))
        return self.known[k]

    def rate(self):
        """The series of x'."""
        if self.slope is None:
            self.slope = Series(self.xp, or_zeros(self, 1), lambda k: times(k + 1, self.at(k + 1)))
        return self.slope

    def forget(self):
        """Keep the coefficients, and let go of how they came about."""
        self.later = self.slope = None
        self.images = {}

    # ----- sums: coefficient by coefficient -----
    def __neg__(self):
        return Series(self.xp, -self.value, lambda k: times(-1, self.at(k)))

    def __add__(self, b):
        return Series(self.xp, self.value + at(b, 0), lambda k: plus(self.at(k), at(b, k)))

    def __radd__(self, a):
        return Series(self.xp, a + self.value, self.at)

    def __sub__(self, b):
        return Series(self.xp, self.value - at(b, 0), lambda k: minus(self.at(k), at(b, k)))

    def __rsub__(self, a):
        return Series(self.xp, a - self.value, lambda k: times(-1, self.at(k)))

    # ----- products: Cauchy's -----
    def __mul__(self, b):
        if not isinstance(b, Series):
            return Series(self.xp, self.value * b, lambda k: times(b, self.at(k)))
        return product(self.xp, lambda x, y: x * y, self, b)

    def __rmul__(self, a):
        return Series(self.xp, a * self.value, lambda k: times(a, self.at(k)))

    # ----- quotients: q b = a, solved for one coefficient after the other -----
    def __truediv__(self, b):
        if not isinstance(b, Series):
            return Series(self.xp, self.value / b, lambda k: over(b, self.at(k)))
        return quotient(self.xp, self, b)

    def __rtruediv__(self, a):
        return quotient(self.xp, a, self)

    # ----- what the table knows -----
    def __pow__(self, b):
        return self.xp.apply(ROWS["power"], [self, b], {})

    def __rpow__(self, a):
        return self.xp.apply(ROWS["power"], [a, self], {})

    def __mod__(self, b):
        return self.xp.apply(ROWS["remainder"], [self, b], {})

    def __rmod__(self, a):
        return self.xp.apply(ROWS["remainder"], [a, self], {})

    __hash__ = object.__hash__


def _by_values(compare):
    """A comparison is decided by the values: near t = 0 nothing else counts."""
    return lambda self, b: compare(self.value, at(b, 0))


for _name in ("eq", "ne", "lt", "le", "gt", "ge", "floordiv"):
    setattr(Series, f"__{_name}__", _by_values(getattr(operator, _name)))


# ----- coefficients: arrays, or None for zero -----
def at(x, k):
    """Coefficient k of a series, or of anything that does not change."""
    if isinstance(x, Series):
        return x.at(k)
    return None if k else x


def or_zeros(x, k):
    """Coefficient k as an array."""
    c = x.at(k) if k >= 0 else None
    return x.xp.plain.zeros(tuple(x.shape), x.dtype, x.value) if c is None else c


def plus(a, b):
    return b if a is None else a if b is None else a + b


def minus(a, b):
    return a if b is None else -b if a is None else a - b


def times(number, c):
    return None if c is None else c if type(number) is int and number == 1 else number * c


def over(number, c):
    return None if c is None else c if type(number) is int and number == 1 else c / number


def convolved(f, a, b, ks):
    """The sum of `f(a_j, b_i)` over the pairs in `ks`."""
    total = None
    for j, i in ks:
        x, y = at(a, j), at(b, i)
        if x is not None and y is not None:
            total = plus(total, f(x, y))
    return total


def product(xp, f, a, b, value=None):
    """The series of any product `f`, one that is linear in each of its two factors."""
    value = f(at(a, 0), at(b, 0)) if value is None else value
    return Series(xp, value, lambda k: convolved(f, a, b, [(j, k - j) for j in range(k + 1)]))


def quotient(xp, a, b):
    def later(k):
        rest = convolved(lambda x, y: x * y, q, b, [(j, k - j) for j in range(k)])
        return over(b.value, minus(at(a, k), rest))

    q = Series(xp, at(a, 0) / b.value, later)
    return q


# ----- the namespace: a row's code, run on series -----
class SeriesVerbs:
    """`xp` for series. A verb is a row of the table, or one of the framework's conventions."""

    def __init__(self, plain):
        self.plain, self.made = plain, []
        self.name, self.bool_type = plain.name, plain.bool_type
        self.lib = self.lax = self  # a convention at a kink, run on series, asks here as well

    def __getattr__(self, name):
        plain, row = getattr(self.plain, name), ROWS.get(_ROW_OF.get(name, name))
        if not callable(plain) or isinstance(plain, type):
            return plain
        verb = self._of_row(row, plain) if row else self._of_framework(name, plain)

        def asked(*args, **params):
            return verb(*args, **params) if _changes(args) else plain(*args, **params)

        setattr(self, name, asked)  # the same one again: a row may ask which verb it was given
        return asked

    def where(self, c, a, b):
        if isinstance(c, bool):
            return a if c else b
        return self._linear(ROWS["where"], self.plain.where)(c, a, b)

    def times(self, x, number):
        return x * number

    def asarray(self, x, like):
        return x if isinstance(x, Series) else self.plain.asarray(x, at(like, 0))

    # ----- a row on series -----
    def apply(self, row, xs, params, y=None):
        """The series of `row(*xs)`, a tuple of them for many outputs; `y` is its value if known."""
        if row.kind == "composite" or row.name in ARITHMETIC:
            return row.fn(self, *xs, **params)
        values = [at(x, 0) for x in xs]
        y = row.fn(self.plain, *values, **params) if y is None else y
        if row.kind == "constant":
            return y
        if row.kind == "bilinear":
            return product(self, lambda a, b: row.fn(self.plain, a, b, **params), *xs, value=y)
        if row.kind == "linear":
            later = functools.cache(lambda k: self._linear_push(row, y, values, xs, params, k))
            return self._outputs(row, y, lambda part: lambda k: _part(later(k), part))
        return self._by_its_rate(row, xs, params, y)

    def _by_its_rate(self, row, xs, params, y):
        """y is the integral of y', which is the row's own forward rule, run on series."""
        if row.name in OF_MATRICES:
            return Series(self, y, lambda k: self._corner(row, xs[0], k))
        alone = len(xs) == 1 and not params
        if alone and row in xs[0].images:
            return xs[0].images[row]

        @functools.cache
        def rate():
            dxs = [x.rate() if isinstance(x, Series) else None for x in xs]
            return push(row, self, ys, xs, dxs, params)

        ys = self._outputs(row, y, lambda part: lambda k: over(k, at(_part(rate(), part), k - 1)))
        if alone:
            xs[0].images[row] = ys  # the derivative of sin is cos, and that of cos is this one
        return ys

    def _corner(self, row, x, k):
        """A series of matrices is itself a matrix, with x_0 on its diagonal, x_1 next to it, ...

        What a function of matrices makes of it is such a matrix again (Mathias 1996), so
        coefficient k of the result stands in the corner. (Its rule would double x per order.)
        """
        n, last, plain = x.shape[-1], len(x.shape) - 1, self.plain
        rows = [[or_zeros(x, j - i) for j in range(k + 1)] for i in range(k + 1)]
        whole = plain.concat([plain.concat(blocks, last) for blocks in rows], last - 1)
        start, stop = (0,) * last + (k * n,), (*x.shape[:-1], (k + 1) * n)
        return plain.slice(row.fn(plain, whole), start, stop, (1,) * (last + 1))

    def _linear_push(self, row, y, values, xs, params, k):
        return push(row, self.plain, y, values, [at(x, k) for x in xs], params)

    def _outputs(self, row, y, later):
        if row.outputs == 1:
            return Series(self, y, later(None))
        inexact = self.plain.is_inexact
        return tuple(Series(self, v, later(i)) if inexact(v.dtype) else v for i, v in enumerate(y))

    # ----- verbs, as rows call them: arrays first, then the parameters in their order -----
    def _of_row(self, row, verb):
        if row.kind == "constant":
            return self._of_values(verb)
        if row.kind == "linear":
            return self._linear(row, verb)
        if row.kind == "bilinear":
            return lambda a, b, *rest, **params: product(
                self, lambda x, y: verb(x, y, *rest, **params), a, b
            )
        names = _parameters(row)

        def call(*args, **params):
            n = len(args) if row.arity is None else row.arity
            given = dict(zip(names, args[n:], strict=False))
            return self.apply(row, list(args[:n]), given | params)

        return call

    def _linear(self, row, verb):
        """Linear in some of its arguments: coefficient by coefficient, the others stand still."""
        moving = (0,) if row.linear_in == "all" else row.linear_in  # concat takes one list

        def call(*args, **params):
            def coefficient(k):
                if all(_is_still(args[i], k) for i in moving):
                    return None
                nth = [self._nth(x, k if i in moving else 0) for i, x in enumerate(args)]
                return verb(*nth, **params)

            value = verb(*[self._nth(x, 0) for x in args], **params)
            flows = self.plain.is_inexact(value.dtype)
            return Series(self, value, coefficient) if flows else value

        return call

    def _nth(self, x, k):
        """Coefficient k of a linear map's argument, in full."""
        if isinstance(x, list):
            return [self._nth(part, k) for part in x]
        if isinstance(x, Series):
            return or_zeros(x, k) if k else x.value
        return x if k == 0 else self.plain.zeros_like(x) if hasattr(x, "shape") else 0.0

    def _of_values(self, verb):
        return lambda *args, **params: verb(*[at(x, 0) for x in args], **params)

    def _of_framework(self, name, plain):
        """A convention is code over verbs, and runs on series too; a question is about values."""
        convention = getattr(type(self.plain), name, None)
        if name in QUESTIONS:
            return self._of_values(plain)
        if convention is not None and name not in UNKNOWN:
            return functools.partial(convention, self)

        def refuse(k):
            raise AutodiffError(
                f"Taylor mode came to a rule that uses {name}, which has no row of its own, so its "
                "derivatives are not known; ask for a lower order, or keep that input constant"
            )

        def valued(*args, **params):
            y = self._of_values(plain)(*args, **params)
            if not hasattr(y, "dtype"):
                refuse(0)
            return Series(self, y, refuse) if self.plain.is_inexact(y.dtype) else y

        return valued


ARITHMETIC = {"add", "subtract", "multiply", "divide", "negative", "reciprocal"}
QUESTIONS = {"zeros", "ones", "size", "result_type"}  # a shape or a dtype answers them
UNKNOWN = {"igamma_grad_a"}  # a derivative that nobody has the derivative of
OF_MATRICES = {"matrix_exp"}
_ROW_OF = {"imaginary": "real", "as_complex": "real"}  # linear in the first argument too


def _part(found, part):
    return found if part is None or found is None else found[part]


def _changes(args):
    return any(
        isinstance(x, Series) or (isinstance(x, (list, tuple)) and _changes(x)) for x in args
    )


def _is_still(x, k):
    """Is coefficient k of a linear map's argument zero?"""
    return all(_is_still(p, k) for p in x) if isinstance(x, list) else at(x, k) is None


@functools.cache
def _parameters(row):
    kinds = inspect.signature(row.fn).parameters.values()
    return [p.name for p in kinds if p.kind is p.KEYWORD_ONLY]
