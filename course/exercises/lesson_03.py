"""Forward mode: tangents that travel along."""

import numpy as np

from .exercise import exercise, guess


def _along(f, *pairs, h=1e-6):
    """How `f` moves if its arguments move along: central differences."""
    there = f(*[x + h * dx for x, dx in pairs])
    back = f(*[x - h * dx for x, dx in pairs])
    return (there - back) / (2 * h)


def _two_matrices(random):
    a, da = random.normal(size=(2, 2, 3))
    b, db = random.normal(size=(2, 3, 2))
    return a, da, b, db


exercise(
    "03.matmul",
    stub="""
    def push_matmul(a, da, b, db): ...  # fill in: the tangent of a @ b
    """,
    cases=lambda random: [_two_matrices(random) for _ in range(2)],
    ask=lambda answer, inputs, xp: answer(*inputs),
    expected=lambda a, da, b, db: _along(np.matmul, (a, da), (b, db)),
    hints=(
        "Matrices have a product rule too. Only their order is not yours to change.",
        "Multiply out (a + da) @ (b + db) and drop what is of second order.",
        "Two terms: da with b, and a with db, each with @.",
    ),
    solution="""
    def push_matmul(a, da, b, db):
        # the product rule; matrices keep their places
        return da @ b + a @ db
    """,
    slips={
        "`*` multiplies entry by entry; matrices want `@`.": """
        def push_matmul(a, da, b, db):
            return da * b + a * db
        """,
        "matrices keep their places: a stands on the left, b on the right, in both terms.": """
        def push_matmul(a, da, b, db):
            return da @ b + db @ a
        """,
        "matrices keep their places: it is a on the left and b on the right.": """
        def push_matmul(a, da, b, db):
            return b @ da + db @ a
        """,
        "two terms, and the tangent is their sum.": """
        def push_matmul(a, da, b, db):
            return da @ b, a @ db
        """,
        "that is the product itself; its tangent is asked.": """
        def push_matmul(a, da, b, db):
            return a @ b
        """,
        "only the tangent is asked, without the product.": """
        def push_matmul(a, da, b, db):
            return a @ b, da @ b + a @ db
        """,
        "that is the product after the step; its change is asked, and of that what is of first order.": """
        def push_matmul(a, da, b, db):
            return (a + da) @ (b + db)
        """,
        "that is how cotangents come back; tangents go forward, with no transpose.": """
        def push_matmul(a, da, b, db):
            return da @ b.T, a.T @ db
        """,
        "that is the tangent if b stands still.": """
        def push_matmul(a, da, b, db):
            return da @ b
        """,
        "that is the tangent if a stands still.": """
        def push_matmul(a, da, b, db):
            return a @ db
        """,
        "two small changes multiplied are of second order; each change meets the other's value.": """
        def push_matmul(a, da, b, db):
            return da @ db
        """,
        "da @ db is of second order and does not belong to the tangent.": """
        def push_matmul(a, da, b, db):
            return da @ b + a @ db + da @ db
        """,
        "one of the two terms has the wrong sign: each change adds its own.": """
        def push_matmul(a, da, b, db):
            return da @ b - a @ db
        """,
    },
)

exercise(
    "03.normalize",
    stub="""
    def push_normalize(x, dx): ...  # fill in: the tangent of x / (x * x).sum() ** 0.5
    """,
    cases=lambda random: [tuple(random.normal(size=(2, n)).round(2)) for n in (2, 3, 5)],
    ask=lambda answer, inputs, xp: answer(*inputs),
    expected=lambda x, dx: _along(lambda x: x / np.sqrt((x * x).sum()), (x, dx)),
    hints=(
        "Call the length r. Then y = x / r, and r moves too: what is dr?",
        "r * r = (x * x).sum(), so r * dr = (x * dx).sum().",
        "dy = dx / r - x * dr / r**2.",
    ),
    solution="""
    def push_normalize(x, dx):
        r = (x * x).sum() ** 0.5
        # the length moves as well: r r = x.x, so r dr = x.dx
        dr = (x * dx).sum() / r
        # the quotient rule
        return dx / r - x * dr / r**2
    """,
    slips={
        "the length is a *root*: your r is r * r.": """
        def push_normalize(x, dx):
            r = (x * x).sum()
            return dx / r - x * (x * dx).sum() / r**2
        """,
        "dr is one number: sum x * dx.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r - x * (x * dx) / r**3
        """,
        "x itself moves, too: the term dx / r is missing.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return -x * (x * dx).sum() / r**3
        """,
        "that is the result; its tangent is asked.": """
        def push_normalize(x, dx):
            return x / (x * x).sum() ** 0.5
        """,
        "dr is not the sum of dx: r * dr = (x * dx).sum().": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r - x * dx.sum() / r**2
        """,
        "dr is not the length of dx: only what points along x makes x longer.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r - x * (dx * dx).sum() ** 0.5 / r**2
        """,
        "that is the change over a whole step; a tangent is its first order.": """
        def push_normalize(x, dx):
            move = lambda x: x / (x * x).sum() ** 0.5
            return move(x + dx) - move(x)
        """,
        "that is the result after a whole step; a tangent is the rate of its change.": """
        def push_normalize(x, dx):
            return (x + dx) / ((x + dx) ** 2).sum() ** 0.5
        """,
        "a mean has crept in where the length has a sum.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r - x * (x * dx).mean() / r**3
        """,
        "only the tangent is asked, without the result.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return x / r, dx / r - x * (x * dx).sum() / r**3
        """,
        "the length moves too when x moves; you held it still.": """
        def push_normalize(x, dx):
            return dx / (x * x).sum() ** 0.5
        """,
        "that is dx made to length one; it is the *result* that has length one.": """
        def push_normalize(x, dx):
            return dx / (dx * dx).sum() ** 0.5
        """,
        "dr is (x * dx).sum() / r; the r below is missing.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r - x * (x * dx).sum() / r**2
        """,
        "the second term of the quotient rule is taken away, not added.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r + x * (x * dx).sum() / r**3
        """,
        "dr is taken for 2 (x * dx).sum(): that is the change of r * r.": """
        def push_normalize(x, dx):
            r = (x * x).sum() ** 0.5
            return dx / r - x * 2 * (x * dx).sum() / r**2
        """,
    },
)


guess(
    "03.direction",
    "cheaper",
    say='Fill in "forward" or "reverse": which walk gives it in fewer passes?',
    answers={
        "the gradient of a loss with respect to a million weights": "reverse",
        "how a picture of 10,000 pixels changes with one camera angle": "forward",
        "how all 512 outputs of a layer move along one direction": "forward",
        "the Jacobian of a map from 3 numbers to 50": "forward",
        "the Jacobian of a map from 50 numbers to 3": "reverse",
    },
    why="one pass for each input that moves, or for each output that is asked",
    hints=(
        "Forward asks once for each input that moves, reverse once for each output that is asked.",
        "Count what moves, and count what is asked: the smaller number decides.",
        "One direction, one forward pass: however many outputs follow.",
    ),
    slips={
        "a loss is one number: one walk backwards, for any number of weights.": {
            "the gradient of a loss with respect to a million weights": "forward",
        },
        "3 numbers move, 50 are asked: three passes forward, fifty backward.": {
            "the Jacobian of a map from 3 numbers to 50": "reverse",
        },
        "50 numbers move, 3 are asked: three passes backward, fifty forward.": {
            "the Jacobian of a map from 50 numbers to 3": "forward",
        },
        "the two maps have changed places: forward is paid by the numbers that move.": {
            "the Jacobian of a map from 3 numbers to 50": "reverse",
            "the Jacobian of a map from 50 numbers to 3": "forward",
        },
        "these are all the wrong way round: forward is paid by the inputs, reverse by the outputs.": {
            "the gradient of a loss with respect to a million weights": "forward",
            "how a picture of 10,000 pixels changes with one camera angle": "reverse",
            "how all 512 outputs of a layer move along one direction": "reverse",
            "the Jacobian of a map from 3 numbers to 50": "reverse",
            "the Jacobian of a map from 50 numbers to 3": "forward",
        },
        "reverse is not always the answer: it is paid by the number of outputs.": {
            "how a picture of 10,000 pixels changes with one camera angle": "reverse",
            "how all 512 outputs of a layer move along one direction": "reverse",
            "the Jacobian of a map from 3 numbers to 50": "reverse",
        },
        "forward is not always the answer: it is paid by the number of inputs.": {
            "the gradient of a loss with respect to a million weights": "forward",
            "the Jacobian of a map from 50 numbers to 3": "forward",
        },
        "one direction moves, so one forward pass gives all 512 rates; backward each output asks anew.": {
            "how all 512 outputs of a layer move along one direction": "reverse"
        },
        "one angle moves, so one forward pass sees all 10,000 pixels change.": {
            "how a picture of 10,000 pixels changes with one camera angle": "reverse"
        },
    },
)
