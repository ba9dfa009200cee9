"""More than a hundred of lax's primitives: our vjp and jvp against JAX's own, and against slopes.

Each entry is `name: (function, shapes of its inputs)`; inputs are drawn from (0.2, 0.9), where all
of them are smooth. Checked are both modes, forward over reverse, and the slope of the function
itself along a line. What has no row yet is refused by name, and stands in WITHOUT_ROW.
"""

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import allclose

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax

V, M, S, Q, T = (3,), (2, 3), (), (3, 3), (2, 3, 4)
IMAGE, KERNEL = (1, 2, 5, 5), (3, 2, 3, 3)
UNARY = (
    "abs acos acosh asin asinh atan atanh cbrt ceil cos cosh digamma erf erf_inv erfc exp exp2 "
    "expm1 floor is_finite lgamma log log1p logistic neg round rsqrt sign sin sinh sqrt square tan "
    "tanh bessel_i0e bessel_i1e"
)
BINARY = "add atan2 div max min mul nextafter pow rem sub igamma igammac"


def window(op):
    return lambda x: lax.reduce_window(x, *op, (1, 2), (1, 2), "VALID")


def definite(x):
    return x @ x.T + jnp.eye(3)


def scattered(op):
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
    return lambda x, u: op(x, jnp.array([[2], [0]]), u, numbers)


def taken(x):
    numbers = lax.GatherDimensionNumbers((1,), (0,), (0,))
    return lax.gather(x, jnp.array([[1], [0], [1]]), numbers, (1, 3))


def scan(x):
    return lax.scan(lambda c, a: (jnp.sin(c * a), c), x[0], x)[1]


ENTRIES = {name: (getattr(lax, name), [M]) for name in UNARY.split()}
ENTRIES |= {name: (getattr(lax, name), [M, M]) for name in BINARY.split()}
ENTRIES["acosh"] = (lambda x: lax.acosh(x + 1.5), [M])
ENTRIES |= {
    "argmax": (lambda x: lax.argmax(x, 0, jnp.int32) * x[0], [M]),
    "betainc": (lambda x: lax.betainc(jnp.full(3, 0.5), jnp.full(3, 2.0), x), [V]),
    "bitcast_convert_type": (
        lambda x: x * lax.bitcast_convert_type(jnp.arange(3.0), jnp.int64) * 1e-18, [V]),
    "broadcast_in_dim": (lambda x: lax.broadcast_in_dim(x, (2, 3, 4), (1,)), [V]),
    "cholesky": (lambda x: lax.linalg.cholesky(definite(x)), [Q]),
    "clamp": (lambda a, x, b: lax.clamp(a / 2, x, b + 0.3), [M, M, M]),
    "complex": (lambda a, b: jnp.abs(lax.complex(a, b)), [V, V]),
    "concatenate": (lambda a, b: lax.concatenate([a, b], 0), [M, Q]),
    "conj": (lambda a, b: lax.real(lax.conj(lax.complex(a, b)) * (2 + 1j)), [V, V]),
    "conv_general_dilated": (
        lambda x, w: lax.conv_general_dilated(x, w, (1, 2), "SAME", rhs_dilation=(2, 1)),
        [IMAGE, KERNEL]),
    "convert_element_type": (lambda x: lax.convert_element_type(x, jnp.float32), [V]),
    "copy": (jnp.copy, [V]),
    "cumlogsumexp": (lambda x: lax.cumlogsumexp(x, 1), [M]),
    "cummax": (lambda x: lax.cummax(x, 1), [M]),
    "cummin": (lambda x: lax.cummin(x, 0, reverse=True), [M]),
    "cumprod": (lambda x: lax.cumprod(x, 1), [M]),
    "cumsum": (lambda x: lax.cumsum(x, 0, reverse=True), [M]),
    "custom_linear_solve": (lambda a, b: jnp.linalg.solve(a + 3 * jnp.eye(3), b), [Q, V]),
    "cond": (lambda x: lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), [M]),
    "det": (lambda x: jnp.linalg.det(definite(x)), [Q]),
    "dot_general": (
        lambda a, b: lax.dot_general(a, b, (((2,), (2,)), ((0,), (0,)))), [T, (2, 5, 4)]),
    "dynamic_slice": (lambda x: lax.dynamic_slice(x, (0, x.shape[1] - 2), (2, 2)) ** 2, [M]),
    "dynamic_slice at a place": (lambda x: lax.dynamic_slice(x, (jnp.array(1),), (2,)), [V]),
    "dynamic_update_slice": (
        lambda x, u: lax.dynamic_update_slice(x, u, (jnp.array(1),)), [V, (2,)]),
    "eigh": (lambda x: lax.linalg.eigh(definite(x) + jnp.diag(jnp.arange(3.0)))[1], [Q]),
    "expand_dims": (lambda x: lax.expand_dims(x, (1,)), [V]),
    "fft": (lambda x: jnp.abs(lax.fft(x + 0j, "FFT", (3,))), [V]),
    "gather": (taken, [M]),
    "householder_product": (lambda x: jnp.linalg.qr(x)[0], [Q]),
    "imag": (lambda a, b: lax.imag(lax.complex(a, b) ** 2), [V, V]),
    "integer_pow": (lambda x: lax.integer_pow(x, -3), [M]),
    "iota": (lambda x: x * lax.iota(float, 3), [V]),
    "logistic of a sum": (lambda x: lax.logistic(x.sum()), [M]),
    "lu": (lambda x: lax.linalg.lu(x + 3 * jnp.eye(3))[0], [Q]),
    "optimization_barrier": (lambda x: lax.optimization_barrier(x) * x, [M]),
    "pad": (lambda x, v: lax.pad(x, v, [(1, 0, 1), (-1, 2, 0)]), [M, S]),
    "pad with room": (lambda x, v: lax.pad(x, v, [(1, 0, 1), (0, 2, 0)]), [M, S]),
    "polygamma": (lambda x: lax.polygamma(jnp.ones(3), x), [V]),
    "population_count": (lambda x: lax.population_count(jnp.arange(3)) * x, [V]),
    "qr": (lambda x: jnp.linalg.qr(x + 2 * jnp.eye(3))[1], [Q]),
    "random_bits": (lambda x: x * jax.random.normal(jax.random.key(0), (3,)), [V]),
    "real": (lambda a, b: lax.real(lax.complex(a, b) ** 2), [V, V]),
    "reduce": (lambda x: lax.reduce(x, 0.0, lambda a, b: a + b, (1,)), [M]),
    "reduce_and": (lambda x: jnp.where((x > 0).all(), x, 2 * x), [M]),
    "reduce_max": (lambda x: lax.reduce_max(x, (1,)), [M]),
    "reduce_min": (lambda x: lax.reduce_min(x, (0, 1)), [M]),
    "reduce_or": (lambda x: jnp.where((x > 0.5).any(0), x, 2 * x), [M]),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 11, 52) ** 2, [M]),
    "reduce_prod": (lambda x: jnp.prod(x, 1), [M]),
    "reduce_sum": (lambda x: jnp.sum(x, 0), [M]),
    "reduce_window add": (window((0.0, lax.add)), [(2, 4)]),
    "reduce_window max": (window((-jnp.inf, lax.max)), [(2, 4)]),
    "reduce_window min": (window((jnp.inf, lax.min)), [(2, 4)]),
    "regularized_incomplete_beta": (lambda x: jax.scipy.special.betainc(0.5, 2.0, x), [V]),
    "reshape": (lambda x: lax.reshape(x, (3, 2)), [M]),
    "rev": (lambda x: lax.rev(x, (0, 1)), [M]),
    "scan": (scan, [M]),
    "scatter": (scattered(lax.scatter), [V, (2,)]),
    "scatter_add": (scattered(lax.scatter_add), [V, (2,)]),
    "scatter_max": (scattered(lax.scatter_max), [V, (2,)]),
    "scatter_min": (scattered(lax.scatter_min), [V, (2,)]),
    "scatter_mul": (scattered(lax.scatter_mul), [V, (2,)]),
    "select_n": (lambda a, b: lax.select_n(a > 0.5, a * 1.0, b), [M, M]),
    "select_n of three": (lambda x: lax.select_n(jnp.array([2, 0, 1]), x, 2 * x, x * x), [V]),
    "shift_right_logical": (
        lambda x: x * lax.shift_right_logical(jnp.arange(3), jnp.ones(3, int)), [V]),
    "slice": (lambda x: lax.slice(x, (0, 1), (2, 3), (1, 2)), [M]),
    "sort": (lambda x: lax.sort(x, 1), [M]),
    "sort by a key": (lambda x, y: lax.sort((x, y), 1, num_keys=1)[1], [M, M]),
    "split": (lambda x: lax.split(x, (1, 2), 1)[1], [M]),
    "squeeze": (lambda x: lax.squeeze(x, (0,)), [(1, 3)]),
    "stop_gradient": (lambda x: lax.stop_gradient(x) * x, [M]),
    "svd": (lambda x: jnp.linalg.svd(x, compute_uv=False), [M]),
    "take_along_axis": (lambda x: jnp.take_along_axis(x, jnp.array([[1], [0]]), 1), [M]),
    "tile": (lambda x: jnp.tile(x, (2, 1, 3)), [M]),
    "top_k": (lambda x: lax.top_k(x, 2)[0], [M]),
    "transpose": (lambda x: lax.transpose(x, (2, 0, 1)), [T]),
    "triangular_solve": (
        lambda a, b: lax.linalg.triangular_solve(a + 2 * jnp.eye(3), b, left_side=True, lower=True),
        [Q, Q]),
}  # fmt: skip

# Refused by name; of the second set JAX has no derivative either.
WITHOUT_ROW = {
    "betainc", "reduce", "regularized_incomplete_beta", "scatter_max", "scatter_min", "scatter_mul",
}  # fmt: skip
JAX_TOO = {"nextafter"}
ONCE = {"igamma", "igammac"}  # nobody has the second derivative by the first argument


def draw(shapes):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.uniform(0.2, 0.9, shape)) for shape in shapes]


def derivatives(lib, f, xs, dxs, twice):
    def run(xs, dxs):
        y, pull = lib.vjp(f, *xs)
        g = jnp.cos(jnp.arange(1.0, y.size + 1)).reshape(y.shape).astype(y.dtype)
        pulled = lambda *xs: lib.vjp(f, *xs)[1](g)  # noqa: E731
        found = {"reverse": pull(g), "forward": lib.jvp(f, xs, dxs)}
        return found | ({"second": lib.jvp(pulled, xs, dxs)} if twice else {})

    return run(tuple(xs), tuple(dxs))


def is_flat(f, xs):
    return not jnp.issubdtype(jax.eval_shape(f, *xs).dtype, jnp.inexact)


@pytest.mark.parametrize("name", [n for n in ENTRIES if n not in WITHOUT_ROW | JAX_TOO])
def test_primitive(name):
    f, shapes = ENTRIES[name]
    xs = draw(shapes)
    dxs = [jnp.cos(3 * x) for x in xs]
    if is_flat(f, xs):
        return allclose(ad.record(f, *xs).output, f(*xs), "float64")
    ours, theirs = (derivatives(lib, f, xs, dxs, name not in ONCE) for lib in (ad, jax))
    precision = "float32" if name == "convert_element_type" else "float64"
    for kind in theirs:
        pairs = zip(jax.tree.leaves(ours[kind]), jax.tree.leaves(theirs[kind]), strict=True)
        for found, want in pairs:
            allclose(found, want, precision)
    if name not in ("convert_element_type", "stop_gradient"):
        against_the_slope(f, xs, dxs, ours["forward"][1])


def against_the_slope(f, xs, dxs, found, h=1e-5):
    at = lambda t: np.asarray(f(*(x + t * dx for x, dx in zip(xs, dxs, strict=True))))  # noqa: E731
    slope = (at(h) - at(-h)) / (2 * h)
    np.testing.assert_allclose(slope, found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(WITHOUT_ROW | JAX_TOO))
def test_what_has_no_row_is_refused_by_name(name):
    """A row was added? Then take the name out of WITHOUT_ROW: the test above is waiting for it."""
    f, shapes = ENTRIES[name]
    xs = draw(shapes)
    with pytest.raises(ad.AutodiffError, match="no row for JAX's"):
        ad.vjp(f, *xs)


def test_at_least_eighty_of_lax_have_a_row():
    assert len(set(ENTRIES) - WITHOUT_ROW) >= 80
