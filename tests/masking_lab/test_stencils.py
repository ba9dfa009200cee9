"""Images of different sizes in one batch: a stencil reads zeros outside of each."""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, allclose, array

both = pytest.mark.parametrize("name", FRAMEWORKS)


@ad.stencil
def blur(u):
    return (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] + 4 * u[0, 0]) / 8


@ad.stencil
def between(u, v):
    return u[1, 0] - 2 * v[0, -2]


def images(name):
    random = np.random.default_rng(0)
    sizes = (5, 4), (2, 6), (1, 1), (3, 3)
    return [array(name, random.normal(size=size)) for size in sizes]


PROGRAMS = {
    "blur": blur,
    "after something that is not zero at zero": lambda x: blur(abs(x) + 1),
    "twice": lambda x: blur(blur(x)) * x,
    "two fields": lambda x: between(x, x * x),
    "mean": lambda x: blur(x).mean(),
}


@both
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_batch_is_each_image_alone(program, name):
    f, xs = PROGRAMS[program], images(name)
    for y, x in zip(ml.autobatch(f)(ml.batch(xs)).unbatch(), xs, strict=True):
        allclose(y, f(x), "float64")


@both
def test_the_gradient_of_what_they_share(name):
    xs, w = images(name), array(name, 2.0)
    f = lambda x, w: (blur(x + w) ** 2).sum()  # noqa: E731
    of_all = lambda w: sum(ml.autobatch(f)(ml.batch(xs), w).unbatch())  # noqa: E731
    allclose(ad.grad(of_all)(w), sum(ad.grad(f, 1)(x, w) for x in xs), "float64")


@both
def test_other_boundaries_are_refused(name):
    for boundary in ("wrap", "edge", "reflect"):
        f = ad.stencil(blur.f, boundary=boundary)
        with pytest.raises((ad.AutodiffError, ml.MaskError)):
            ml.autobatch(f)(ml.batch(images(name)))
    with pytest.raises((ad.AutodiffError, ml.MaskError)):
        ml.autobatch(ad.stencil(blur.f, stride=2))(ml.batch(images(name)))


@both
@pytest.mark.parametrize("boundary", ["zero", "wrap", "reflect"])
def test_any_boundary_serves_different_numbers_of_images(boundary, name):
    stacks = [array(name, np.random.default_rng(n).normal(size=(n, 3, 4))) for n in (2, 1, 3)]
    for f in (blur.f, lambda u: u[0, 0] * u[1, 0], lambda u: u[0, 0] * u[0, 1] + 1):
        f = ad.stencil(f, boundary=boundary)
        for y, x in zip(ml.autobatch(f)(ml.batch(stacks)).unbatch(), stacks, strict=True):
            allclose(y, f(x), "float64")
