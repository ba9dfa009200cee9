"""Integrators of dy/dt = f(t, y), y a vector: one with a fixed step, one that chooses its steps.

Runge and Kutta's of order 4 (1901), and Dormand and Prince's of order 5 with an error estimate of
order 4 (1980; the table and the rule for the step from Hairer, Norsett and Wanner 1993, II.4-5).
"""

from .. import xp
from .told import accepted

LIMIT = 100_000  # steps

# Dormand and Prince: where the stages stand, what each is made of, and the error's weights.
NODES = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)

STALLED = (
    "integrating {name} came to a halt at t = {0:.6g} after {1:.0f} steps, the last of size "
    "{2:.2g}: the solution blows up there, or is too stiff for an explicit method"
)


def rk4(f, y, t0, t1, steps):
    """The state at t1, by `steps` equal steps of order 4. Differentiable through, like any code."""
    h = (t1 - t0) / steps

    def step(k, y):
        t = t0 + k * h
        a = f(t, y)
        b = f(t + h / 2, y + h / 2 * a)
        c = f(t + h / 2, y + h / 2 * b)
        return y + h / 6 * (a + 2 * b + 2 * c + f(t + h, y + h * c))

    return xp.of(y).fori_loop(steps, step, y)


def dormand_prince(f, y, t0, t1, rtol, atol, name):
    """The state at t1, by steps whose estimated error is below atol + rtol |y|."""
    verbs = xp.of(y)
    length = t1 - t0
    tiny = 10 * float(verbs.lib.finfo(y.dtype).eps)

    def going(state):
        _, done, h, *_, k = state
        return (done < 1) & (h > tiny) & (k < LIMIT)

    def step(state):
        """From `done`, the share of the way behind us, a step of size h, kept if it is good."""
        y, done, h, slope, k = state
        h = verbs.where(done + 1.01 * h > 1, 1 - done, h)  # no crumb is left for the last step
        last = verbs.where(done + h >= 1 - tiny, done * 0 + 1, done + h)
        new, slopes = _stages(f, t0 + done * length, y, h * length, slope)
        error = _weighed(h * length * _sum(ERROR, slopes), y, new, rtol, atol)
        good = error <= 1
        grow = verbs.where(error == error, 0.9 * (error + 1e-10) ** -0.2, error * 0 + 0.2)
        grow = verbs.where(grow > 5, grow * 0 + 5, verbs.where(grow < 0.2, grow * 0 + 0.2, grow))
        return (
            verbs.where(good, new, y),
            verbs.where(good, last, done),
            h * verbs.where(error == error, grow, grow * 0 + 0.2),
            verbs.where(good, slopes[-1], slope),
            k + 1,
        )

    zero = (y * 0).sum()
    start = (y, zero, zero + 0.01, f(t0 + zero, y), zero)
    y, done, h, _, k = verbs.while_loop(going, step, start)
    return accepted(y, done >= 1, STALLED, name, (t0 + done * length, k, h * length))


def _stages(f, t, y, h, slope):
    """The new state and the slopes on the way; the last of them is the first of the next step."""
    slopes = [slope]
    for node, weights in zip(NODES[1:], STAGES[1:], strict=True):
        new = y + h * _sum(weights, slopes)
        slopes.append(f(t + node * h, new))
    return new, slopes


def _sum(weights, slopes):
    return sum(w * s for w, s in zip(weights, slopes, strict=True) if w)


def _weighed(error, y, new, rtol, atol):
    """The root mean square of the error, in units of what is allowed."""
    verbs = xp.of(y)
    size = verbs.where(abs(y) > abs(new), abs(y), abs(new))
    share = error / (atol + rtol * size)
    return (share * share).mean() ** 0.5
