"""Fast ways through rows: PyTorch's own fused kernels for what the rest of the table spells out.

A row's `fn` says what it means, and its derivative follows from that. On plain tensors a kernel
that does the whole of it at once is quicker and keeps less. So a row may name a `Fast` way:

    forward(xp, *xs, **params) -> y, residuals           (or None: not for these inputs)
    backward(xp, g, y, xs, residuals, wanted, **params)  -> one cotangent per input, or None

No mathematics is stated here: every way is tested against its row. A reverse walk takes it where
the values are plain tensors; looked at, pushed forward or nested, the row is what it says it is.
"""

import functools
from typing import NamedTuple


# ----- what the backward reads besides the residuals: `(output?, (input 0?, input 1?, ...))` -----
def nothing(active):
    return False, (False,) * len(active)


def output(active):
    return True, (False,) * len(active)


def inputs(active):
    return False, (True,) * len(active)


class Fast(NamedTuple):
    forward: object
    backward: object
    keep: object = inputs
    of: tuple | None = None  # the inputs that it has cotangents for; None: all

    def reaches(self, active):
        """Is it only asked for what it has?"""
        return self.of is None or not any([a for i, a in enumerate(active) if i not in self.of])


# ----- activations: PyTorch names the kernel of `f` for the cotangent `f_backward` -----
def activation(forward, backward):
    return Fast(
        lambda xp, x, **params: (forward(xp, x, **params), ()),
        lambda xp, g, y, xs, _, wanted, **params: (backward(xp, g, xs[0], **params),),
    )


def elu(alpha=1.0, scale=1.0, rate=1.0):
    """`elu` and its relatives differ in three numbers; `celu` knows its rate from its alpha."""

    def numbers(given):
        return given, scale, 1 / given if rate is None else rate

    return activation(
        lambda xp, x, alpha=alpha: xp.elu_kernel(x, *numbers(alpha)),
        lambda xp, g, x, alpha=alpha: xp.elu_backward(g, *numbers(alpha), False, x),
    )


gelu = activation(
    lambda xp, x, approximate="none": xp.gelu(x, approximate=approximate),
    lambda xp, g, x, approximate="none": xp.gelu_backward(g, x, approximate=approximate),
)
silu = activation(lambda xp, x: xp.silu(x), lambda xp, g, x: xp.silu_backward(g, x))
mish = activation(lambda xp, x: xp.mish(x), lambda xp, g, x: xp.mish_backward(g, x))
hardswish = activation(
    lambda xp, x: xp.hardswish(x), lambda xp, g, x: xp.hardswish_backward(g, x)
)
softplus = activation(
    lambda xp, x, beta=1.0, threshold=20.0: xp.softplus(x, beta, threshold),
    lambda xp, g, x, beta=1.0, threshold=20.0: xp.softplus_backward(g, x, beta, threshold),
)
leaky_relu = activation(
    lambda xp, x, slope=0.01: xp.leaky_relu(x, slope),
    lambda xp, g, x, slope=0.01: xp.leaky_relu_backward(g, x, slope, False),
)
hardtanh = activation(
    lambda xp, x, low=-1.0, high=1.0: xp.hardtanh(x, low, high),
    lambda xp, g, x, low=-1.0, high=1.0: xp.hardtanh_backward(g, x, low, high),
)


# ----- softmax: its derivative can be told from its result -----
softmax = Fast(
    lambda xp, x, *, axis: (xp.softmax(x, *axis), ()),
    lambda xp, g, y, xs, _, wanted, *, axis: (
        xp._softmax_backward_data(g, y, *axis, xs[0].dtype),
    ),
    output,
)
log_softmax = Fast(
    lambda xp, x, *, axis: (xp.log_softmax(x, *axis), ()),
    lambda xp, g, y, xs, _, wanted, *, axis: (
        xp._log_softmax_backward_data(g, y, *axis, xs[0].dtype),
    ),
    output,
)


# ----- attention: the kernel is only asked for the value -----
def attention(xp, q, k, v, mask=None, *, scale, causal):
    if causal and mask is not None:
        n, m = q.shape[-2], k.shape[-2]
        mask, causal = mask & (xp.lib.ones(n, m, dtype=bool, device=q.device).tril()), False
    attend = xp.lib.nn.functional.scaled_dot_product_attention
    return attend(q, k, v, attn_mask=mask, is_causal=causal, scale=scale)


# ----- cells: the kernels want one axis for all examples -----
def _rows(x):
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def gru_cell(xp, x, h, *weights):
    y = xp.lib.gru_cell(_rows(x), _rows(h), *weights)
    return y if h.ndim == 2 else y.reshape(h.shape)


def lstm_cell(xp, x, h, c, *weights):
    ys = xp.lib.lstm_cell(_rows(x), (_rows(h), _rows(c)), *weights)
    return tuple(ys) if h.ndim == 2 else tuple([y.reshape(h.shape) for y in ys])


# ----- losses -----
HOW = {"none": 0, "mean": 1, "sum": 2}  # what PyTorch calls them inside


def _picks_classes(xp, x, t):
    """One class per example, and no more axes: what the kernels do."""
    return len(x.shape) in (1, 2) and len(t.shape) == len(x.shape) - 1 and t.dtype == xp.int64


def _nll(xp, logp, t, w=None, *, axis, ignore, reduction, smoothing=0.0):
    if smoothing or not _picks_classes(xp, logp, t):
        return None
    y, total = xp.nll_loss_forward(logp, t, w, HOW[reduction], ignore)
    return y, total


def _nll_back(xp, g, y, xs, total, wanted, *, axis, ignore, reduction, smoothing=0.0):
    logp, t, *w = xs
    c = xp.nll_loss_backward(g, logp, t, *(w or [None]), HOW[reduction], ignore, total)
    return (c,) + (None,) * (len(xs) - 1)


def _cross_entropy(xp, x, t, w=None, *, axis, **params):
    if params["smoothing"] or not _picks_classes(xp, x, t):
        return None
    logp = xp.log_softmax(x, axis)
    y, total = _nll(xp, logp, t, w, axis=axis, **params)
    return y, (logp, total)


def _cross_entropy_back(xp, g, y, xs, residuals, wanted, *, axis, **params):
    logp, total = residuals
    c, *none = _nll_back(xp, g, y, [logp, *xs[1:]], total, wanted, axis=axis, **params)
    return xp._log_softmax_backward_data(c, logp, axis, logp.dtype), *none


def _all_but_the_first(active):
    return False, (False,) + (True,) * (len(active) - 1)


nll = Fast(_nll, _nll_back, of=(0,))
cross_entropy = Fast(_cross_entropy, _cross_entropy_back, _all_but_the_first, of=(0,))


def _mse(xp, x, t, *, reduction):
    return (xp.mse_loss(x, t, reduction=reduction), ()) if x.shape == t.shape else None


def _mse_back(xp, g, y, xs, _, wanted, *, reduction):
    x, t = xs
    c = xp.mse_loss_backward(g, x, t, HOW[reduction])
    return c, -c if wanted[1] else None


mse = Fast(_mse, _mse_back)


# ----- mean: one node instead of two -----
def _mean_back(xp, g, y, xs, _, wanted, *, axis, keepdims):
    (x,) = xs
    there = range(len(x.shape)) if keepdims else [i for i in range(len(x.shape)) if i not in axis]
    n = xp.size(x, axis)
    g = g / xp.at_hand(float(n), g) if n else g
    return (xp.broadcast(g, x.shape, tuple(there)),)


mean = Fast(
    lambda xp, x, *, axis, keepdims: (xp.lib.mean(x, axis, keepdims), ()) if axis else None,
    _mean_back,
    nothing,
)


# ----- normalisation: the mean and the spread are what is left over -----
def _layer_norm(xp, x, w=None, b=None, *, axis, eps):
    y, *residuals = xp.native_layer_norm(x, [x.shape[a] for a in axis], w, b, eps)
    return y, residuals


def _layer_norm_back(xp, g, y, xs, residuals, wanted, *, axis, eps):
    x, w, b = _three(xs)
    size, asked = [x.shape[a] for a in axis], _three(wanted, False)
    return xp.native_layer_norm_backward(g, x, size, *residuals, w, b, asked)[: len(xs)]


def _batch_norm(xp, x, w=None, b=None, *, eps):
    if len(x.shape) < 2:  # the kernel asks for channels
        return None
    y, *residuals = xp.native_batch_norm(x, w, b, None, None, True, 0.0, eps)
    return y, residuals


def _batch_norm_back(xp, g, y, xs, residuals, wanted, *, eps):
    x, w, _ = _three(xs)
    asked = _three(wanted, False)
    found = xp.native_batch_norm_backward(g, x, w, None, None, *residuals, True, eps, asked)
    return found[: len(xs)]


def _three(xs, nothing=None):
    return [*xs, *[nothing] * (3 - len(xs))]


layer_norm = Fast(_layer_norm, _layer_norm_back)
batch_norm = Fast(_batch_norm, _batch_norm_back)


# ----- products: one node with the bias, and a cotangent that is added where it is multiplied -----
class Product:
    """The cotangent `a @ b` before it is multiplied.

    A parameter that is used a hundred times gets a hundred of them, and a matrix product can add
    to a sum as it goes (`beta` in BLAS): the walk asks for that. For everybody else, call it.
    """

    __slots__ = ("xp", "a", "b")
    rank = 10  # a box on the left leaves the sum to us

    def __init__(self, xp, a, b):
        self.xp, self.a, self.b = xp, a, b

    def __call__(self):
        return self.a @ self.b

    def __radd__(self, total):
        return total + self()

    def add_to(self, total):
        """`total + a @ b`, where nobody else holds `total`: it may be overwritten."""
        return self.xp.add_product_to(total, self.a, self.b)


def _product(xp, a, b):
    plain = type(a) is type(b) is xp.kernels_for
    return Product(xp, a, b) if plain and a.dtype is b.dtype else a @ b


def _two_dims(xp, a, b, *, spec, precision=None, dtype=None):
    return (a @ b, ()) if len(a.shape) == len(b.shape) == 2 and spec == "ij,jk->ik" else None


def _contract_keep(active):
    """The product's two factors, each for the other's cotangent."""
    return False, (active[1], active[0])


def _contract_back(xp, g, y, xs, _, wanted, **__):
    a, b = xs
    return g @ b.mT if wanted[0] else None, _product(xp, a.mT, g) if wanted[1] else None


contract = Fast(_two_dims, _contract_back, _contract_keep)


def _add_product_keep(active):
    return False, (False, active[2], active[1])


def _add_product_back(xp, g, y, xs, _, wanted):
    _, a, b = xs
    return (g, *_contract_back(xp, g, y, (a, b), _, wanted[1:]))


add_product = Fast(lambda xp, c, a, b: (xp.addmm(c, a, b), ()), _add_product_back,
                   _add_product_keep)  # fmt: skip


def _linear_keep(active):
    return False, (active[1], active[0]) + (False,) * (len(active) - 2)


def _linear_back(xp, g, y, xs, _, wanted):
    x, w, *bias = xs
    rows = g.reshape(-1, g.shape[-1]) if len(g.shape) != 2 else g
    flat = x.reshape(-1, x.shape[-1]) if wanted[1] and len(x.shape) != 2 else x
    return (
        (rows @ w).reshape(x.shape) if wanted[0] else None,
        _product(xp, rows.mT, flat) if wanted[1] else None,
        *[rows.sum(0) if wanted[2] else None for _ in bias],
    )


linear = Fast(lambda xp, x, w, *b: (xp.lib.nn.functional.linear(x, w, *b), ()), _linear_back,
              _linear_keep)  # fmt: skip


# ----- convolution: its three cotangents from one kernel -----
def _conv(xp, x, w, *b, **plan):
    numbers = _numbers(**plan)
    return numbers and (xp.convolution(x, w, *(b or [None]), *numbers), ())


@functools.cache
def _numbers(stride, padding, dilation, groups):
    """What the kernels ask for, or None: they pad both sides alike."""
    if any([low != high for low, high in padding]):
        return None
    return stride, [low for low, _ in padding], dilation, False, [0] * len(stride), groups


def _conv_back(xp, g, y, xs, _, wanted, **plan):
    x, w, *b = xs
    if type(g) is not xp.kernels_for:  # the cotangent is recorded: the row's own transposes are
        return _conv_transposes(xp, g, x, w, b, wanted, **plan)
    x = x if wanted[1] else g.new_empty(1).expand(x.shape)  # only its shape is read
    w = w if wanted[0] else g.new_empty(1).expand(w.shape)
    size, asked = [*b[0].shape] if b else None, _three(wanted, False)
    return xp.convolution_backward(g, x, w, size, *_numbers(**plan), asked)[: len(xs)]


def _conv_transposes(xp, g, x, w, b, wanted, **plan):
    n = len(plan["stride"])
    plan |= {"shapes": (tuple(x.shape), tuple(w.shape)), "gaps": (1,) * n}
    return (
        xp.conv_input(g, w, **plan) if wanted[0] else None,
        xp.conv_weight(g, x, **plan) if wanted[1] else None,
        *[xp.sum(g, (0, *range(2, n + 2))) for _ in b],
    )


conv = Fast(_conv, _conv_back, _linear_keep)


# ----- max_pool over the last two axes: who won is remembered instead of found out again -----
def _max_pool(xp, x, *, window, stride, padding, dilation, gaps):
    plan = _pool_plan(window, stride, padding, dilation, gaps)
    if plan is None or not xp.is_float(x.dtype):
        return None
    y, winners = xp.max_pool2d_with_indices(x, *plan)
    return y, (winners, plan)


@functools.cache
def _pool_plan(window, stride, padding, dilation, gaps):
    space = slice(len(window) - 2, None)
    even = all([low == high for low, high in padding])
    outside = len(window) in (3, 4) and set(window[: len(window) - 2]) == {1}
    if not (even and outside and max(gaps) == 1):
        return None
    return window[space], stride[space], [p for p, _ in padding[space]], dilation[space]


def _max_pool_back(xp, g, y, xs, residuals, wanted, **_):
    winners, plan = residuals
    like = g.new_empty(1).expand(xs[0].shape)  # only its shape is read
    return (xp.max_pool2d_with_indices_backward(g, like, *plan, False, winners),)


max_pool = Fast(_max_pool, _max_pool_back, nothing)
