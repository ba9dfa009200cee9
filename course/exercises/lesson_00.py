"""The exercise of the tour: one row of the table."""

import numpy as np

from .exercise import exercise
from .oracles import slopes


def softplus(x):
    return np.log(1 + np.exp(x))


exercise(
    "00.softplus",
    stub="""
    def d_softplus(xp, y, x): ...  # fill in: return the derivative of y with respect to x
    """,
    cases=lambda random: [(np.array(x),) for x in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)],
    ask=lambda answer, inputs, xp: answer(xp, xp.log(1 + xp.exp(inputs[0])), inputs[0]),
    expected=lambda x: slopes(softplus, x),
    hints=(
        "The derivative of log(u) is u'/u. What is u here, and what is u'?",
        "Divide above and below by exp(x): what you get is a function of exp(-x) that has a name.",
        "Look at the card of torch.sigmoid.",
    ),
    solution="""
    def d_softplus(xp, y, x):
        # u = 1 + exp(x), so u'/u = exp(x) / (1 + exp(x)) = 1 / (1 + exp(-x))
        return xp.sigmoid(x)
    """,
    slips={
        "that is 1/u. The chain rule asks for u' too: what is inside the logarithm changes with x.":
        """
        def d_softplus(xp, y, x):
            return 1 / (1 + xp.exp(x))
        """,
        "that is u', the derivative of what is inside; the logarithm still divides by u.":
        """
        def d_softplus(xp, y, x):
            return xp.exp(x)
        """,
        "that is the function, not its slope.":
        """
        def d_softplus(xp, y, x):
            return y
        """,
        "the sign is wrong: softplus climbs everywhere, so its slope is never negative.":
        """
        def d_softplus(xp, y, x):
            return -xp.sigmoid(x)
        """,
        "that is the derivative of your answer: one derivative too many.":
        """
        def d_softplus(xp, y, x):
            return xp.sigmoid(x) * (1 - xp.sigmoid(x))
        """,
    },
)  # fmt: skip
