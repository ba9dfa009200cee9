"""`Tape.forward`: tangents on every node of a recorded tape, the same as `ad.jvp` gives."""

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, array, to_numpy

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


def close(ours, theirs):
    return np.allclose(to_numpy(ours), to_numpy(theirs))


def lib(framework):
    return __import__("torch") if framework == "torch" else __import__("jax").numpy


@BOTH
def test_tangents_are_those_of_jvp_through_operations_with_several_outputs(framework):
    xp = lib(framework)

    def f(x, w):
        a, b = xp.split(xp.tanh(x * w), 2)
        return {"y": (a * b).sum(), "n": xp.floor(x)}

    x, w = (array(framework, v) for v in ([0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]))
    dx = array(framework, [1.0, 0.0, -1.0, 2.0])
    tape = ad.record(f, x, w)
    _, expected = ad.jvp(f, (x, w), (dx, None))
    found = tape.forward(dx, None)
    assert close(found["y"], expected["y"]) and close(found["n"], expected["n"])
    assert tape.nodes[1].tangent is None and close(tape.nodes[0].tangent, dx)


@BOTH
def test_a_second_walk_overwrites_the_first(framework):
    tape = ad.record(lambda x: x * x, array(framework, 3.0))
    assert close(tape.forward(array(framework, 1.0)), array(framework, 6.0))
    assert close(tape.forward(array(framework, 10.0)), array(framework, 60.0))


@BOTH
def test_a_missing_tangent_is_refused(framework):
    tape = ad.record(lambda x, w: x * w, array(framework, 1.0), array(framework, 1.0))
    with pytest.raises(ad.AutodiffError, match="2 primals and 1 tangents"):
        tape.forward(array(framework, 1.0))
