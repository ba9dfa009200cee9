"""Read a row's mathematics by running it: the same lambdas, called on symbols instead of arrays.

A `Symbol` answers the operators, and `Symbols` the verbs of `xp`, with LaTeX. So the card that
shows the derivative of tanh, and the list of values the reverse walk must keep, are read off the
row and never stated a second time.
"""

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


class Symbol:
    def __init__(self, tex, rank=ATOM, uses=frozenset()):
        self.tex, self.rank, self.uses = tex, rank, frozenset(uses)

    def at(self, rank):
        """My LaTeX, in brackets if I bind less tightly than `rank`."""
        return self.tex if self.rank >= rank else rf"\left({self.tex}\right)"

    def __add__(self, b):
        return join(self, b, "{} + {}", SUM, SUM, SUM)

    def __radd__(self, a):
        return symbol(a) + self

    def __sub__(self, b):
        return join(self, b, "{} - {}", SUM, PRODUCT, SUM)

    def __rsub__(self, a):
        return symbol(a) - self

    def __mul__(self, b):
        b = symbol(b)
        if b.tex == self.tex:
            return join(self, symbol(2), "{}^{{{}}}", ATOM, SUM, POWER)
        return join(self, b, r"{} \, {}", PRODUCT, PRODUCT, PRODUCT)

    def __rmul__(self, a):
        return symbol(a) * self

    def __truediv__(self, b):
        return join(self, b, r"\frac{{{}}}{{{}}}", SUM, SUM, POWER)

    def __rtruediv__(self, a):
        return symbol(a) / self

    def __pow__(self, b):
        return join(self, b, "{}^{{{}}}", ATOM, SUM, POWER)

    def __mod__(self, b):
        return join(self, b, r"{} \bmod {}", PRODUCT, PRODUCT, SUM)

    def __floordiv__(self, b):
        return join(self, b, r"\lfloor {} / {} \rfloor", POWER, POWER, ATOM)

    def __rpow__(self, a):
        return symbol(a) ** self

    def __neg__(self):
        return Symbol(f"-{self.at(PRODUCT)}", SUM, self.uses)

    __hash__ = object.__hash__

    def __invert__(self):
        return Symbol(rf"\neg {self.at(ATOM)}", POWER, self.uses)


def _compare(sign):
    return lambda self, b: join(self, b, "{} " + sign + " {}", SUM, SUM, SUM)


for _name, _sign in dict(
    gt=">",
    ge=r"\ge",
    lt="<",
    le=r"\le",
    eq="=",
    ne=r"\ne",
    and_=r"\wedge",
    or_=r"\vee",
    xor=r"\oplus",
).items():
    setattr(Symbol, f"__{_name.rstrip('_')}__", _compare(_sign))


def symbol(x):
    if isinstance(x, Symbol):
        return x
    return Symbol(f"{x:g}" if isinstance(x, (int, float)) else str(x))


def join(a, b, form, left, right, rank):
    a, b = symbol(a), symbol(b)
    return Symbol(form.format(a.at(left), b.at(right)), rank, a.uses | b.uses)


def call(tex, *args):
    args = [symbol(a) for a in args]
    inside = ", ".join(a.tex for a in args)
    return Symbol(rf"{tex}\left({inside}\right)", ATOM, frozenset().union(*(a.uses for a in args)))


def cases(condition, a, b):
    c, a, b = symbol(condition), symbol(a), symbol(b)
    body = rf"\begin{{cases}} {a.tex} & {c.tex} \\ {b.tex} & \text{{otherwise}} \end{{cases}}"
    return Symbol(body, ATOM, a.uses | b.uses | c.uses)


def wrap(form, x):
    x = symbol(x)
    return Symbol(form.format(x.tex), POWER, x.uses)


def uses(x, *others):
    """`x`, whose value needs the others too, somewhere near a kink."""
    return Symbol(x.tex, x.rank, x.uses.union(*(symbol(o).uses for o in others)))


class Symbols:
    """The namespace `xp` that writes instead of computing."""

    where = staticmethod(cases)
    square = staticmethod(lambda x: x * x)
    sqrt = staticmethod(lambda x: wrap(r"\sqrt{{{}}}", x))
    exp = staticmethod(lambda x: wrap(r"e^{{{}}}", x))
    abs = staticmethod(lambda x: wrap(r"\left|{}\right|", x))
    floor = staticmethod(lambda x: wrap(r"\lfloor {} \rfloor", x))
    slope_of_abs = staticmethod(lambda x: call(r"\operatorname{sign}", x))
    sigmoid = staticmethod(lambda x: call(r"\sigma", x))
    rsqrt = staticmethod(lambda x: 1 / wrap(r"\sqrt{{{}}}", x))
    exp2 = staticmethod(lambda x: 2 ** symbol(x))
    cbrt = staticmethod(lambda x: wrap(r"\sqrt[3]{{{}}}", x))
    hypot = staticmethod(lambda a, b: wrap(r"\sqrt{{{}}}", a * a + b * b))
    deg2rad = staticmethod(lambda x: x * Symbol(r"\pi") / 180)
    rad2deg = staticmethod(lambda x: x * 180 / Symbol(r"\pi"))
    logaddexp2 = staticmethod(lambda a, b: call(r"\operatorname{logaddexp2}", a, b))
    polygamma = staticmethod(lambda n, x: uses(call(rf"\psi^{{({symbol(n).tex})}}", x), n))
    digamma = staticmethod(lambda x: call(r"\psi", x))
    conj = staticmethod(lambda x: wrap(r"\bar{{{}}}", x))
    zeros_like = staticmethod(lambda x: uses(symbol(0), x))
    maximum = staticmethod(lambda a, b: call(r"\max", a, b))
    minimum = staticmethod(lambda a, b: call(r"\min", a, b))

    # ----- conventions at kinks: written as they are elsewhere -----
    exceeds = staticmethod(lambda a, b: a > b)
    wins_fmax = staticmethod(lambda a, b: a > b)
    wins_fmin = staticmethod(lambda a, b: a < b)
    slope_of_power = staticmethod(lambda a, b: b * a ** (b - 1))
    slope_of_exponent = staticmethod(lambda y, a, b: uses(y * call(r"\log", a), b))
    share_of_logaddexp = staticmethod(lambda exp, y, a, b: uses(exp(a - y), b))
    inverse_square = staticmethod(lambda a, b: 1 / (a * a + b * b))
    slope_of_rsqrt = staticmethod(lambda y, x: uses(-0.5 * y**3, x))
    slope_of_copysign = staticmethod(lambda y, a: y / a)
    slope_of_angle = staticmethod(lambda x: Symbol("-i") / x)
    slope_of_sinc = staticmethod(
        lambda x: (wrap(r"\cos \pi {}", x) - wrap(r"\operatorname{{sinc}} {}", x)) / x
    )
    slope_of_logit = staticmethod(lambda x: 1 / (x * (1 - x)))
    factor_of_log = staticmethod(lambda log, a, b, pole: uses(log(b), a))
    unless_tiny = staticmethod(lambda x, f, otherwise: f(x))
    no_derivative = staticmethod(lambda row, what: Symbol(r"\text{none}"))

    def __getattr__(self, verb):
        plain = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log", "max")
        name = f"\\{verb}" if verb in plain else rf"\operatorname{{{verb.replace('_', ' ')}}}"
        return lambda *xs: call(name, *xs)


NAMES = {1: ("x",), 2: ("a", "b"), 3: ("c", "a", "b")}


def inputs(arity):
    return [Symbol(n, uses={i}) for i, n in enumerate(NAMES.get(arity, ()))]


def output():
    return Symbol("y", uses={"y"})
