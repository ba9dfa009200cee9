"""Slopes: differences, expressions, pairs."""

import numpy as np

from .case import Unreadable
from .exercise import exercise

CUBES = {"x**2": lambda x: x**2, "x**3": lambda x: x**3, "2*x": lambda x: 2 * x}


def _named(name):
    f = CUBES[name]
    f.__name__ = name
    return f


exercise(
    "02.central",
    stub="""
    def central(f, x, h): ...  # fill in: the slope of f at x, seen from both sides at distance h
    """,
    cases=lambda random: [
        (_named(name), x, h) for name in CUBES for x, h in ((1.0, 0.1), (-2.0, 0.5))
    ],
    # Exact for a square and a line; for a cube the error is h**2 and nothing else.
    expected=lambda f, x, h: np.array(
        {"x**2": 2 * x, "x**3": 3 * x**2 + h**2, "2*x": 2.0}[f.__name__]
    ),
    ask=lambda answer, inputs, xp: answer(*inputs),
    frameworks=("torch",),
    hints=(
        "Take one point to the right of x and one to the left, each at distance h.",
        "The slope of the line through the two is rise over run. How far apart are they?",
        "The run is (x + h) - (x - h) = 2 * h.",
    ),
    solution="""
    def central(f, x, h):
        # rise over run, where the run is from x - h to x + h
        return (f(x + h) - f(x - h)) / (2 * h)
    """,
    slips={
        "`/ 2 * h` divides by 2 and then multiplies by h: write `/ (2 * h)`.": """
        def central(f, x, h):
            return (f(x + h) - f(x - h)) / 2 * h
        """,
        "only the second value is divided: the difference needs brackets.": """
        def central(f, x, h):
            return f(x + h) - f(x - h) / (2 * h)
        """,
        "that is the rise; divide it by the run.": """
        def central(f, x, h):
            return f(x + h) - f(x - h)
        """,
        "you divided by 2; the run is 2 * h.": """
        def central(f, x, h):
            return (f(x + h) - f(x - h)) / 2
        """,
        "the rise is a difference, not a sum.": """
        def central(f, x, h):
            return (f(x + h) + f(x - h)) / (2 * h)
        """,
        "that looks half as far: the points are x - h and x + h.": """
        def central(f, x, h):
            return (f(x + h / 2) - f(x - h / 2)) / h
        """,
        "that is the second derivative.": """
        def central(f, x, h):
            return (f(x + h) - 2 * f(x) + f(x - h)) / h**2
        """,
        "a step of its own size; the h that is given is asked, with its error of h**2.": """
        def central(f, x, h):
            return (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        """,
        "the step is added to x; x * (1 + h) moves by x * h.": """
        def central(f, x, h):
            return (f(x * (1 + h)) - f(x * (1 - h))) / (2 * h)
        """,
        "the run is 2 * h, from x - h to x + h, and you divided by h.": """
        def central(f, x, h):
            return (f(x + h) - f(x - h)) / h
        """,
        "that looks to the right alone; its error is of the size of h, not of h**2.": """
        def central(f, x, h):
            return (f(x + h) - f(x)) / h
        """,
        "that looks to the left alone; its error is of the size of h, not of h**2.": """
        def central(f, x, h):
            return (f(x) - f(x - h)) / h
        """,
        "rise and run have opposite signs: (right - left) over (right - left).": """
        def central(f, x, h):
            return (f(x - h) - f(x + h)) / (2 * h)
        """,
        "the two points are x - h and x + h; you went only half as far, and divided by 2 * h.": """
        def central(f, x, h):
            return (f(x + h / 2) - f(x - h / 2)) / (2 * h)
        """,
    },
)


def _value(e, x):
    """The value of an expression of nested tuples."""
    if isinstance(e, (tuple, list)) and len(e) == 3 and e[0] in ("+", "*"):
        a, b = (_value(part, x) for part in e[1:])
        return a + b if e[0] == "+" else a * b
    if isinstance(e, (int, float)) or e == "x":
        return x if e == "x" else e
    raise Unreadable(f'an expression is "x", a number, ("+", a, b) or ("*", a, b); {e!r} is none')


exercise(
    "02.product",
    stub="""
    def d_product(a, b, da, db): ...  # fill in: the derivative of ("*", a, b), as an expression
    """,
    cases=lambda random: [
        (a, b, da, db, x)
        for a, b, da, db in (
            ("x", "x", 1, 1), ("x", 5, 1, 0), (("*", "x", "x"), "x", ("*", 2, "x"), 1),
        )
        for x in (2.0, -3.0)
    ],
    ask=lambda answer, inputs, xp: _told(answer(*inputs[:4]), inputs[4]),
    expected=lambda a, b, da, db, x: np.array(
        _value(da, x) * _value(b, x) + _value(a, x) * _value(db, x)
    ),
    frameworks=("torch",),
    hints=(
        "The product rule: (a b)' = a' b + a b'.",
        'A sum is written ("+", left, right), a product ("*", left, right).',
        'It begins ("+", ("*", da, b), ...).',
    ),
    solution="""
    def d_product(a, b, da, db):
        # (a b)' = a' b + a b'
        return ("+", ("*", da, b), ("*", a, db))
    """,
    slips={
        "a and b are expressions, not numbers: write ('+', ..., ...) and ('*', ..., ...).": """
        def d_product(a, b, da, db):
            return da * b + a * db
        """,
        "that is the expression itself.": """
        def d_product(a, b, da, db):
            return ("*", a, b)
        """,
        "the terms are products and their sum is asked; sum and products have changed places.": """
        def d_product(a, b, da, db):
            return ("*", ("+", da, b), ("+", a, db))
        """,
        "the two terms are added: a minus belongs to the rule of the quotient.": """
        def d_product(a, b, da, db):
            return ("+", ("*", da, b), ("*", -1, ("*", a, db)))
        """,
        "da times db is of second order: the rule has two terms.": """
        def d_product(a, b, da, db):
            return ("+", ("+", ("*", da, b), ("*", a, db)), ("*", da, db))
        """,
        "each factor changes once: you have da twice.": """
        def d_product(a, b, da, db):
            return ("+", ("*", da, b), ("*", da, b))
        """,
        "the derivative of a product is not the product of the derivatives.": """
        def d_product(a, b, da, db):
            return ("*", da, db)
        """,
        "b stands still in your rule; it changes with x, too.": """
        def d_product(a, b, da, db):
            return ("*", da, b)
        """,
        "a stands still in your rule; it changes with x, too.": """
        def d_product(a, b, da, db):
            return ("*", a, db)
        """,
        "each derivative is multiplied by the *other* factor.": """
        def d_product(a, b, da, db):
            return ("+", ("*", da, a), ("*", b, db))
        """,
        "that is the rule of a sum.": """
        def d_product(a, b, da, db):
            return ("+", da, db)
        """,
    },
)  # fmt: skip


def _told(e, x):
    return ... if e in (None, ...) else _value(e, x)


exercise(
    "02.dual",
    stub="""
    def times(a, da, b, db): ...  # fill in: return the product and its slope, as a pair
    """,
    cases=lambda random: [tuple(random.normal(size=4).round(2).tolist()) for _ in range(3)],
    ask=lambda answer, inputs, xp: answer(*inputs),
    # A dual number a + da*e with e*e = 0 is the matrix [[a, da], [0, a]]: matrices know the rule.
    expected=lambda a, da, b, db: tuple(
        (np.array([[a, da], [0, a]]) @ np.array([[b, db], [0, b]]))[0]
    ),
    frameworks=("torch",),
    hints=(
        "The value is easy. For the slope: how does a * b change if a moves by da and b by db?",
        "(a + da e)(b + db e) = a b + (a db + da b) e + da db e e, and e e is nothing.",
        "return a * b, da * b + ...",
    ),
    solution="""
    def times(a, da, b, db):
        # what is of second order, da * db, is dropped
        return a * b, da * b + a * db
    """,
    slips={
        "the slope is right; the value has to come back with it, as a pair.": """
        def times(a, da, b, db):
            return da * b + a * db
        """,
        "the two terms of the slope are added: a minus belongs to the quotient.": """
        def times(a, da, b, db):
            return a * b, da * b - a * db
        """,
        "b stands still in your slope; it moves too.": """
        def times(a, da, b, db):
            return a * b, da * b
        """,
        "a stands still in your slope; it moves too.": """
        def times(a, da, b, db):
            return a * b, a * db
        """,
        "the value is a product, too.": """
        def times(a, da, b, db):
            return a + b, da * b + a * db
        """,
        "that is the sum of two pairs.": """
        def times(a, da, b, db):
            return a + b, da + db
        """,
        "that is the slope of the quotient.": """
        def times(a, da, b, db):
            return a * b, (da * b - a * db) / b**2
        """,
        "the arguments come as a, da, b, db: each value with its slope.": """
        def times(a, da, b, db):
            return a * da, b * da + a * db
        """,
        "the slopes are not multiplied with each other: da * db is of second order.": """
        def times(a, da, b, db):
            return a * b, da * db
        """,
        "each slope is multiplied by the other number's *value*.": """
        def times(a, da, b, db):
            return a * b, da * a + b * db
        """,
        "the term da * db is too much: two small changes multiplied are negligible.": """
        def times(a, da, b, db):
            return a * b, da * b + a * db + da * db
        """,
        "the slope of a product is not the sum of the slopes.": """
        def times(a, da, b, db):
            return a * b, da + db
        """,
        "both have to come back, the value first and then the slope.": """
        def times(a, da, b, db):
            return da * b + a * db, a * b
        """,
    },
)
