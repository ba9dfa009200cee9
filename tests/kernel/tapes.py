"""The tapes that the tests of the kernel look at: the same program on either framework."""

import autodiff_lab as ad
from tests.helpers import array


def small(framework, backward=True):
    """Eight nodes: a fan-out, a scalar constant, a flat operation, a reduction."""
    xs = [array(framework, v, "float32") for v in ([0.5, 1.0, 2.0], 0.25)]
    tape = ad.record(_program(framework), *xs)
    if backward:
        tape.backward()
    return tape


def _program(framework):
    xp = __import__("torch") if framework == "torch" else __import__("jax").numpy

    def program(x, w):
        h = xp.tanh(x * w)
        return xp.sum(2 * h + xp.floor(x))

    return program


def chain(framework, length):
    """A tape of about `length` operations, on which one input is read again and again."""

    def program(x, w):
        for _ in range(length // 2):
            x = -(x * w)
        return x.sum()

    tape = ad.record(program, array(framework, [0.5, 1.0, 2.0]), array(framework, [0.9] * 3))
    tape.backward()
    return tape
