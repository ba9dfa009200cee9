"""An expression that is written instead of computed.

Rows state their mathematics as functions of arrays and of the verbs `xp`. Called on an `Expr` and
on verbs that write (`torch_text`, `jax_text`), the very same functions give Python text, as a
spreadsheet shows formulas instead of values. An `Expr` knows its shape and dtype where somebody
said so; where a row asks for a shape that nobody knows, `Unknown` is raised.
"""

import math

# How tightly Python binds: who stands inside a tighter one needs brackets. A product may be the
# right side of a product, a fraction may not.
LOOSE, COMPARE, OR, AND, SUM, FRACTION, PRODUCT, UNARY, POWER, ATOM = range(10)


class Unknown(Exception):
    """A row asked for the shape of an expression of which only the text is known."""


class Expr:
    """`pieces` are texts and `(expression, rank)` pairs; `known` is an abstract array, or None.

    `base` is the expression that a view looks into: it may be the same memory.
    """

    __slots__ = ("pieces", "rank", "known", "base", "writer", "alias")

    def __init__(self, writer, pieces, rank=ATOM, known=None, base=None):
        self.writer, self.pieces, self.rank, self.known = writer, pieces, rank, known
        self.base, self.alias = base, None

    @property
    def is_name(self):
        return len(self.pieces) == 1 and type(self.pieces[0]) is str

    @property
    def shape(self):
        if self.known is None:
            raise Unknown
        return tuple(self.known.shape)

    @property
    def dtype(self):
        return self.writer.some_float if self.known is None else self.known.dtype

    @property
    def ndim(self):
        return len(self.shape)

    def parts(self):
        return [piece[0] for piece in self.pieces if type(piece) is tuple]

    def text(self, rank=LOOSE):
        """My text, in brackets if I bind less tightly than `rank`."""
        if self.alias:
            return self.alias
        inner = "".join(p if type(p) is str else p[0].text(p[1]) for p in self.pieces)
        return inner if self.rank >= rank else f"({inner})"

    def __repr__(self):
        return self.text()

    __hash__, __iter__ = object.__hash__, None

    def __neg__(self):
        return self.writer.expr(("-", (self, UNARY)), UNARY, lambda x: -x, (self,))

    def __invert__(self):
        return self.writer.expr(("~", (self, UNARY)), UNARY, lambda x: ~x, (self,))

    def __getitem__(self, index):
        pieces = ((self, ATOM), "[", *self.writer.index(index), "]")
        return self.writer.expr(pieces, ATOM, lambda x, i: x[i], (self, index), base=self)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.writer.member(self, name)


def _operator(sign, rank, left, right, compute):
    def forth(self, other):
        return self.writer.binary(self, other, sign, rank, left, right, compute)

    def back(self, other):
        return self.writer.binary(other, self, sign, rank, left, right, compute)

    return forth, back


for _name, _sign, _rank, _left, _right in (
    ("add", "+", SUM, SUM, SUM), ("sub", "-", SUM, SUM, FRACTION),
    ("mul", "*", PRODUCT, FRACTION, PRODUCT), ("truediv", "/", FRACTION, FRACTION, UNARY),
    ("floordiv", "//", FRACTION, FRACTION, UNARY), ("mod", "%", FRACTION, FRACTION, UNARY),
    ("matmul", "@", FRACTION, FRACTION, UNARY), ("pow", "**", POWER, ATOM, POWER),
    ("and", "&", AND, AND, SUM), ("or", "|", OR, OR, AND),
):  # fmt: skip
    _compute = eval(f"lambda a, b: a {_sign} b")
    _forth, _back = _operator(_sign, _rank, _left, _right, _compute)
    setattr(Expr, f"__{_name}__", _forth)
    setattr(Expr, f"__r{_name}__", _back)
for _name, _sign in dict(lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=").items():
    _compute = eval(f"lambda a, b: a {_sign} b")
    setattr(Expr, f"__{_name}__", _operator(_sign, COMPARE, OR, OR, _compute)[0])


class Writer:
    """What both frameworks' writing verbs share. `library` is how the framework is called.

    `shorter` are functions of the library that are written as the verb of that name is.
    """

    shorter: frozenset = frozenset()

    def variable(self, text, known=None):
        """A variable, or any text that binds as tightly as one."""
        return Expr(self, (text,), ATOM, known)

    def expr(self, pieces, rank, compute, args, base=None):
        """The expression, or one for each part of an answer in several parts."""
        found = self.abstract(compute, args)
        whole = Expr(self, tuple(pieces), rank, found, base)
        if not isinstance(found, (tuple, list)):
            return whole
        return tuple(
            Expr(self, ((whole, ATOM), f"[{i}]"), ATOM, part, whole) for i, part in enumerate(found)
        )

    def binary(self, a, b, sign, rank, left, right, compute):
        simpler = self.simpler(a, b, sign)
        if simpler is not None:
            return simpler
        pieces = (*self.say(a, left), f" {sign} ", *self.say(b, right))
        return self.expr(pieces, rank, compute, (a, b))

    def simpler(self, a, b, sign):
        """A factor or a power of 1, and `a * (1 / b)`: what a person would not write."""
        if sign == "**" and type(b) is int and b == 1:
            return a
        if sign == "*" and type(b) is int and b == 1:
            return a
        if sign == "*" and type(a) is int and a == 1:
            return b
        if sign == "*" and isinstance(b, Expr) and b.pieces[:2] == ("1", " / "):
            return a / b.pieces[2][0]
        return None

    def call(self, function, compute, args, kwargs=None, base=None):
        """`function(*args, **kwargs)`, of the library."""
        kwargs = kwargs or {}
        pairs = [("", a) for a in args] + [(f"{k}=", v) for k, v in kwargs.items()]
        pieces = (f"{function}(", *self.listed(pairs), ")")
        return self.expr(pieces, ATOM, lambda *xs: compute(*xs, **kwargs), args, base)

    def member(self, x, name):
        """A property, or a method that waits for its arguments."""
        if name in self.properties:
            pieces = ((x, ATOM), f".{name}")
            return self.expr(pieces, ATOM, lambda v: getattr(v, name), (x,), base=x)
        if not hasattr(self.array, name):
            raise AttributeError(name)

        def method(*args, **kwargs):
            pairs = [("", a) for a in args] + [(f"{k}=", v) for k, v in kwargs.items()]
            pieces = [(x, ATOM), f".{name}(", *self.listed(pairs), ")"]
            compute = lambda v, *xs: getattr(v, name)(*xs, **kwargs)  # noqa: E731
            return self.expr(pieces, ATOM, compute, (x, *args), x if name in self.views else None)

        return method

    # ----- Python's objects as text -----
    def listed(self, pairs):
        pieces = []
        for label, value in pairs:
            pieces += [", "] * bool(pieces) + [label, *self.say(value)]
        return [p for p in pieces if p != ""]

    def say(self, x, rank=LOOSE):
        """The pieces of an argument: an expression, or a Python object as it is written."""
        if isinstance(x, Expr):
            return ((x, rank),)
        if type(x) in (tuple, list):
            left, right = "()" if type(x) is tuple else "[]"
            comma = "," if type(x) is tuple and len(x) == 1 else ""
            return (left, *self.listed([("", v) for v in x]), comma + right)
        text = self.literal(x)
        negative = text.startswith("-") and rank > SUM
        return (f"({text})" if negative else text,)

    def literal(self, x):
        if isinstance(x, float) and not math.isfinite(x):
            sign = "-" if x < 0 else ""
            return sign + f"{self.library}.{'nan' if x != x else 'inf'}"
        if isinstance(x, float):
            return repr(float(x))  # numpy's floats write themselves otherwise
        if x is None or isinstance(x, (bool, int, complex, str)):
            return repr(x)
        text = self.dtype_text(x)
        if text is None:
            raise NotImplementedError(f"a {type(x).__name__} as an argument")
        return text

    def index(self, index):
        parts = index if type(index) is tuple else (index,)
        pieces = []
        for part in parts:
            pieces += [", "] * bool(pieces)
            pieces += [slice_text(part)] if type(part) is slice else self.say_index(part)
        return pieces or ["()"]

    def say_index(self, part):
        return ["..."] if part is Ellipsis else self.say(part)


def slice_text(s):
    """`1:3`, as it stands in brackets."""
    start, stop = ("" if v is None else str(v) for v in (s.start, s.stop))
    return f"{start}:{stop}" + ("" if s.step in (None, 1) else f":{s.step}")


class Library:
    """A module that writes: `torch.sin(x)` becomes text where x is an `Expr`, a number else."""

    def __init__(self, writer, module, name):
        self._writer, self._module, self._name = writer, module, name

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if name in self._writer.submodules:
            return Library(self._writer, found, f"{self._name}.{name}")
        if not callable(found) or isinstance(found, type):
            return found
        title, writer = f"{self._name}.{name}", self._writer

        def written(*args, **kwargs):
            if not any(isinstance(a, Expr) for a in flat((args, tuple(kwargs.values())))):
                return found(*args, **kwargs)
            if name in writer.shorter:
                return getattr(writer, name)(*args, **kwargs)
            base = args[0] if name in writer.views else None
            return writer.call(title, found, args, kwargs, base)

        return written


def shortest(shape, start, stop, step):
    """The index of a slice with as little written as possible."""
    parts = []
    for n, a, b, t in zip(shape, start, stop, step, strict=True):
        parts.append(slice(a or None, None if b >= n else b, None if t == 1 else t))
    while parts and parts[-1] == slice(None):
        parts.pop()
    return tuple(parts)


def known(x):
    """An argument as an abstract array."""
    if type(x) in (tuple, list):
        return type(x)(known(v) for v in x)
    return x.known if isinstance(x, Expr) else x


def flat(x):
    """The leaves of nested tuples and lists."""
    return [leaf for item in x for leaf in flat(item)] if type(x) in (tuple, list) else [x]
