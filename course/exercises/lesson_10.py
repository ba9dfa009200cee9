"""Networks: a loss that does not overflow, an optimiser, a count."""

import numpy as np

from .exercise import exercise, guess


def _entropy(logits, label):
    z = logits.astype(np.longdouble)  # wide enough for what overflows in a double
    return np.array(float(np.log(np.exp(z - z.max()).sum()) + z.max() - z[label]))


exercise(
    "10.cross_entropy",
    stub="""
    def cross_entropy(xp, logits, label): ...  # fill in: -log of the softmax at label, for any logits
    """,
    cases=lambda random: [
        (random.normal(size=4).round(2), 1),
        (np.array([5.0, 5.0, 5.0]), 0),
        (np.array([1000.0, 1003.0, -1000.0]), 2),
        (np.array([-900.0, -905.0]), 1),
    ],
    ask=lambda answer, inputs, xp: answer(xp, *inputs),
    expected=_entropy,
    hints=(
        "-log(exp(z[k]) / sum(exp(z))) = log(sum(exp(z))) - z[k]. What if z is 1000?",
        "Take the largest logit out of the sum: log(sum(exp(z))) = m + log(sum(exp(z - m))).",
        "m = logits.max(); then exp(logits - m) is at most 1.",
    ),
    solution="""
    def cross_entropy(xp, logits, label):
        # with the largest taken out, no exponential is larger than 1, and one of them is 1
        m = logits.max()
        return m + xp.log(xp.exp(logits - m).sum()) - logits[label]
    """,
    slips={
        "right for small logits; exp(1000) is infinite. Take the largest out first.": """
        def cross_entropy(xp, logits, label):
            return xp.log(xp.exp(logits).sum()) - logits[label]
        """,
        "the largest logit was taken out of the sum and not put back.": """
        def cross_entropy(xp, logits, label):
            return xp.log(xp.exp(logits - logits.max()).sum()) - logits[label]
        """,
        "the sign is wrong: a probability is at most 1, so -log of it is never negative.": """
        def cross_entropy(xp, logits, label):
            m = logits.max()
            return logits[label] - m - xp.log(xp.exp(logits - m).sum())
        """,
        "exponentials no longer overflow, but the probability underflows to 0, and log(0) is "
        "infinite: do not form it.": """
        def cross_entropy(xp, logits, label):
            e = xp.exp(logits - logits.max())
            return -xp.log(e[label] / e.sum())
        """,
        "that is the probability, not -log of it.": """
        def cross_entropy(xp, logits, label):
            e = xp.exp(logits - logits.max())
            return e[label] / e.sum()
        """,
        "exp(1000) is infinite, and its share of infinity is NaN: take the largest out first.": """
        def cross_entropy(xp, logits, label):
            e = xp.exp(logits)
            return -xp.log(e[label] / e.sum())
        """,
        "log(sum(exp(z))) is there; the logit at label is still to be taken off.": """
        def cross_entropy(xp, logits, label):
            m = logits.max()
            return m + xp.log(xp.exp(logits - m).sum())
        """,
        "the largest is taken out twice: the logit at label stays as it is.": """
        def cross_entropy(xp, logits, label):
            m = logits.max()
            return m + xp.log(xp.exp(logits - m).sum()) - (logits[label] - m)
        """,
        "the sum of exponentials is there, but not its logarithm.": """
        def cross_entropy(xp, logits, label):
            m = logits.max()
            return m + xp.exp(logits - m).sum() - logits[label]
        """,
        "all classes came back; the loss is that of the one at label.": """
        def cross_entropy(xp, logits, label):
            m = logits.max()
            return m + xp.log(xp.exp(logits - m).sum()) - logits
        """,
        "one example, one loss: it is not divided by the number of classes.": """
        def cross_entropy(xp, logits, label):
            m = logits.max()
            return (m + xp.log(xp.exp(logits - m).sum()) - logits[label]) / len(logits)
        """,
        "a small number inside the logarithm caps the loss: of a hopeless logit it is 2003, not 28.": """
        def cross_entropy(xp, logits, label):
            e = xp.exp(logits - logits.max())
            return -xp.log(e[label] / e.sum() + 1e-12)
        """,
    },
)


def _descend(update, gradients, rate, keep):
    """Three steps, so that what is carried along is seen."""
    w, v = 0 * gradients[0], 0 * gradients[0]
    for k in range(3):
        found = update(w, v, gradients[k], rate, keep)
        if found is None or found is ...:
            return ...
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError("two things are asked, the new weights and the new velocity, as a pair")
        w, v = found
    return w, v


def _momentum(gradients, rate, keep):
    """In closed form: the velocity is a sum of all gradients, each shrunk once for each step."""
    speed = [sum(keep ** (k - i) * gradients[i] for i in range(k + 1)) for k in range(3)]
    return -rate * sum(speed), speed[-1]


exercise(
    "10.momentum",
    stub="""
    def momentum(w, v, g, rate, keep): ...  # fill in: the new weights and velocity, as a pair
    """,
    cases=lambda random: [(random.normal(size=(3, 4)).round(2), 0.5, 0.9)],
    ask=lambda answer, inputs, xp: _descend(answer, *inputs),
    expected=_momentum,
    hints=(
        "The velocity remembers: a share `keep` of the old one stays, and the gradient is added.",
        "The weights move with the *new* velocity, downhill.",
        "v = keep * v + g, then w = w - rate * v.",
    ),
    solution="""
    def momentum(w, v, g, rate, keep):
        # a heavy ball (Polyak 1964): it keeps most of its speed, and is pushed by the gradient
        v = keep * v + g
        return w - rate * v, v
    """,
    slips={
        "the weights go against the velocity, of which the gradient is only the newest part.": """
        def momentum(w, v, g, rate, keep):
            return w - rate * g, keep * v + g
        """,
        "the weights moved with the old velocity: update it first.": """
        def momentum(w, v, g, rate, keep):
            return w - rate * v, keep * v + g
        """,
        "that climbs: the gradient points uphill.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v + g
            return w + rate * v, v
        """,
        "the velocity is not kept: this is plain gradient descent.": """
        def momentum(w, v, g, rate, keep):
            return w - rate * g, g
        """,
        "that is a moving average: here the gradient is added whole, not with weight 1 - keep.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v + (1 - keep) * g
            return w - rate * v, v
        """,
        "keep shrinks the gradient; it should shrink the old velocity.": """
        def momentum(w, v, g, rate, keep):
            v = v + keep * g
            return w - rate * v, v
        """,
        "the weights come first, then the velocity.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v + g
            return v, w - rate * v
        """,
        "the weights are right; the velocity is that of gradients alone, without the rate.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v + rate * g
            return w - v, v
        """,
        "the weights are right; here the velocity adds up gradients, and the weights go against it.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v - rate * g
            return w + v, v
        """,
        "the gradient is subtracted from the velocity and that from the weights: uphill.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v - g
            return w - rate * v, v
        """,
        "that is Nesterov's: the weights go one push further. Here they move with v.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v + g
            return w - rate * (g + keep * v), v
        """,
        "the old velocity came back: the next step needs the new one.": """
        def momentum(w, v, g, rate, keep):
            return w - rate * (keep * v + g), v
        """,
        "the step is not multiplied by the rate.": """
        def momentum(w, v, g, rate, keep):
            v = keep * v + g
            return w - v, v
        """,
        "nothing slows the ball: of the old velocity a share `keep` stays.": """
        def momentum(w, v, g, rate, keep):
            v = v + g
            return w - rate * v, v
        """,
        "`keep` is the share that stays, not the share that is lost.": """
        def momentum(w, v, g, rate, keep):
            v = (1 - keep) * v + g
            return w - rate * v, v
        """,
        "keep shrinks the old velocity only, not the gradient that is added.": """
        def momentum(w, v, g, rate, keep):
            v = keep * (v + g)
            return w - rate * v, v
        """,
    },
)


guess(
    "10.count",
    "weights",
    say="How many numbers does each layer learn? The image has one channel; all have a bias.",
    answers={
        "conv of 16 filters, 3 x 3": 160,
        "relu": 0,
        "conv of 32 filters, 3 x 3": 4640,
        "dense, 512 to 10": 5130,
    },
    why="filters times (channels that come in, times places, plus the bias)",
    hints=(
        "A filter looks at 3 x 3 places of *every* channel that comes in.",
        "The second convolution is given 16 channels; and each filter has one number for its bias.",
        "16 * (1 * 9 + 1), 32 * (16 * 9 + 1), 10 * (512 + 1).",
    ),
    slips={
        "the biases are missing: one for each filter, and one for each class.": {
            "conv of 16 filters, 3 x 3": 144,
            "conv of 32 filters, 3 x 3": 4608,
            "dense, 512 to 10": 5120,
        },
        "a filter of the second convolution looks at all 16 channels.": {
            "conv of 32 filters, 3 x 3": 320
        },
        "a relu has nothing to learn.": {"relu": 16},
        "one bias for each filter, not for each place of it.": {
            "conv of 16 filters, 3 x 3": 288,
            "conv of 32 filters, 3 x 3": 9216,
            "dense, 512 to 10": 10240,
        },
        "the dense layer has a bias for each class, not one for all.": {"dense, 512 to 10": 5121},
        "the first convolution lacks its biases: one for each of 16 filters.": {
            "conv of 16 filters, 3 x 3": 144
        },
        "the second convolution lacks its biases: one for each of 32 filters.": {
            "conv of 32 filters, 3 x 3": 4608
        },
        "the dense layer lacks its biases: one for each of 10 classes.": {"dense, 512 to 10": 5120},
        "that is one filter; there are 16 of them.": {"conv of 16 filters, 3 x 3": 10},
        "a filter of the second convolution has 9 weights for each channel, but one bias.": {
            "conv of 32 filters, 3 x 3": 5120
        },
    },
)
