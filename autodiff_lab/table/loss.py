"""Losses: composite rows. `reduction` is torch's: "none", "mean" or "sum".

The class of an example is a number `t`; its entry is found by comparing with all classes, which
needs no gather and is understood by masks. A target that is ignored counts for nothing.
"""

from . import fused
from .composite import in_float32, log_softmax
from .row import composite, pointwise


def reduce(xp, y, how):
    if how == "none":
        return y
    axis = tuple(range(len(y.shape)))
    total = xp.sum(y, axis)
    return total if how == "sum" else total / xp.size(y, axis)


# ----- distance from a target, entry by entry -----
def mse(xp, x, t, *, reduction):
    return reduce(xp, xp.square(x - t), reduction)


def l1(xp, x, t, *, reduction):
    return reduce(xp, xp.abs(x - t), reduction)


def huber(xp, x, t, *, reduction, delta):
    far = xp.abs(x - t)
    y = xp.where(far <= delta, 0.5 * xp.square(x - t), delta * (far - 0.5 * delta))
    return reduce(xp, y, reduction)


def smooth_l1(xp, x, t, *, reduction, beta):
    if beta == 0:
        return l1(xp, x, t, reduction=reduction)
    far = xp.abs(x - t)
    y = xp.where(far < beta, 0.5 * xp.square(x - t) / beta, far - 0.5 * beta)
    return reduce(xp, y, reduction)


PAIR = (([(4, 3), (4, 3)], {"reduction": "mean"}), ([(4, 3), (4, 3)], {"reduction": "none"}))


def _with(cases, **params):
    return tuple((shapes, p | params) for shapes, p in cases)


F = "torch.nn.functional."
composite("mse_loss", mse, arity=2, fast=fused.mse, torch=F + "mse_loss", jax="-", cases=PAIR,
          tex=r"y = \overline{(x - t)^2}",
          example="mse_loss([1., 3.], [0., 0.], reduction='sum') = 10.")
composite("l1_loss", l1, arity=2, torch=F + "l1_loss", jax="-", cases=PAIR,
          tex=r"y = \overline{\left|x - t\right|}", kinks="at x = t, as abs at 0",
          example="l1_loss([1., -3.], [0., 0.], reduction='mean') = 2.")
composite("huber_loss", huber, arity=2, torch=F + "huber_loss", jax="-",
          cases=_with(PAIR, delta=0.7),
          tex=r"y = \frac{1}{2} (x - t)^2 \text{ near } t, \; "
              r"\delta (\left|x - t\right| - \frac{\delta}{2}) \text{ beyond } \delta",
          example="huber_loss([1., 3.], [0., 0.], reduction='none', delta=1.) = [0.5, 2.5]")
composite("smooth_l1_loss", smooth_l1, arity=2, torch=F + "smooth_l1_loss", jax="-",
          cases=_with(PAIR, beta=0.7), tex=r"y = \text{huber}_\beta(x, t) / \beta",
          example="smooth_l1_loss([1., 3.], [0., 0.], reduction='none', beta=1.) = [0.5, 2.5]")


# ----- classes -----
def _hits(xp, logp, t, axis):
    """Where the target's class stands, as a boolean array in the shape of `logp`."""
    shape = tuple(logp.shape)
    spread = (*shape[:axis], 1, *shape[axis + 1 :])
    t = xp.broadcast(t, spread, tuple(i for i in range(len(shape)) if i != axis))
    return t == xp.arange(shape, axis, None, logp)


def _picked(xp, hits, values, axis):
    return xp.sum(xp.where(hits, values, 0.0), (axis,))


def _along(xp, w, x, axis):
    """One weight per class, in a shape that broadcasts with x."""
    return xp.reshape(w, (w.shape[0],) + (1,) * (len(x.shape) - 1 - axis))


def nll(xp, logp, t, w=None, *, axis, ignore, reduction, smoothing=0.0):
    """Minus the log-probability of the class; `smoothing` gives each class a little."""
    hits = _hits(xp, logp, t, axis)
    counted = xp.astype(t != ignore, logp.dtype)
    weighted = logp if w is None else logp * _along(xp, w, logp, axis)
    mine = counted if w is None else counted * _picked(xp, hits, _along(xp, w, logp, axis), axis)
    y = -_picked(xp, hits, weighted, axis) * counted
    if smoothing:
        even = -xp.sum(weighted, (axis,)) * counted
        y = (1 - smoothing) * y + smoothing / logp.shape[axis] * even
    if reduction != "mean":
        return reduce(xp, y, reduction)
    everything = tuple(range(len(y.shape)))
    total, n = xp.sum(y, everything), xp.sum(mine, everything)
    some = n != 0  # of nothing the mean is NaN, and it has no derivative
    return xp.where(some, total / xp.where(some, n, 1.0), xp.stop_gradient(total / n))


@in_float32
def cross_entropy(xp, x, t, w=None, *, axis, ignore, reduction, smoothing):
    logp = log_softmax(xp, x, axis=(axis,))
    if not xp.is_float(t.dtype):
        return nll(xp, logp, t, w, axis=axis, ignore=ignore, reduction=reduction,
                   smoothing=smoothing)  # fmt: skip
    t = t * (1 - smoothing) + smoothing / x.shape[axis] if smoothing else t
    logp = logp if w is None else logp * _along(xp, w, x, axis)
    return reduce(xp, -xp.sum(logp * t, (axis,)), reduction)


PLAIN = {"axis": 1, "ignore": -100, "reduction": "mean"}
composite("nll_loss", nll, arity=None, fast=fused.nll, torch=F + "nll_loss", jax="-",
          tex=r"y = -\log p_t",
          pitfalls="With weights the mean divides by the sum of the weights, not by the count.",
          example="nll_loss([[-1., -2.], [-3., -4.]], [0, 1], axis=1, ignore=-100, "
                  "reduction='none') = [1., 4.]")
composite("cross_entropy", cross_entropy, arity=None, fast=fused.cross_entropy,
          torch=F + "cross_entropy", jax="-",
          cases=(([(4, 3), (4, 3)], PLAIN | {"smoothing": 0.1}),
                 ([(4, 3, 2), (4, 3, 2)], PLAIN | {"smoothing": 0.0, "reduction": "none"})),
          tex=r"y = -\sum_c t_c \log \operatorname{softmax}(x)_c",
          pitfalls="Takes logits, not probabilities; t may be class numbers or probabilities.",
          example="cross_entropy([[0., 0.]], [1], axis=1, ignore=-100, reduction='sum', "
                  "smoothing=0.) = 0.69314718")


# ----- probabilities -----
def _above(xp, x, bound):
    return xp.where(x < bound, bound, x)


pointwise("binary_cross_entropy",
          lambda xp, x, t: -(t * _above(xp, xp.log(x), -100.0)
                             + (1 - t) * _above(xp, xp.log1p(-x), -100.0)),
          (lambda xp, y, x, t: (x - t) / _above(xp, (1 - x) * x, 1e-12),
           lambda xp, y, x, t: xp.log1p(-x) - xp.log(x)), 2,
          torch=F + "binary_cross_entropy", jax="-", prims="", domain=(0.1, 0.9), safe=0.5,
          tex=r"y = -t \log x - (1 - t) \log (1 - x)",
          kinks="torch keeps the logarithms above -100 and the denominator above 1e-12",
          pitfalls="From logits use binary_cross_entropy_with_logits, which cannot overflow.",
          example="binary_cross_entropy([0.5], [1.]) = [0.69314718]")


@in_float32
def bce_with_logits(xp, x, t, pos=None):
    """(1 - t) x + log(1 + exp(-x)), with the second term weighted for positives."""
    soft = xp.logaddexp(-x, xp.zeros_like(x))
    return (1 - t) * x + (soft if pos is None else (1 + (pos - 1) * t) * soft)


composite("binary_cross_entropy_with_logits", bce_with_logits, arity=None,
          torch=F + "binary_cross_entropy_with_logits", jax="-",
          cases=(([(4, 3), (4, 3)], {}), ([(4, 3), (4, 3), (3,)], {})),
          tex=r"y = (1 - t) \, x + \log (1 + e^{-x})",
          example="binary_cross_entropy_with_logits([0.], [1.]) = [0.69314718]")


def kl_div(xp, x, t, *, log_target):
    """x holds log-probabilities; where t is 0 the term is 0."""
    if log_target:
        return xp.exp(t) * (t - x)
    safe = xp.where(t > 0, t, 1.0)
    return xp.where(t > 0, t * xp.log(safe), 0.0) - t * x


composite("kl_div", kl_div, arity=2, torch=F + "kl_div", jax="-", domain=(0.1, 2.0),
          cases=(([(4, 3), (4, 3)], {"log_target": False}),
                 ([(4, 3), (4, 3)], {"log_target": True})),
          tex=r"y = t (\log t - x)",
          pitfalls="x is already a logarithm; torch's mean divides by all entries: say batchmean.",
          example="kl_div([0.], [1.], log_target=False) = [0.]")


# ----- likeness -----
def cosine_similarity(xp, a, b, *, axis, eps):
    """Each length is kept above eps, without a derivative from there."""
    def length(x):
        square = xp.sum(xp.square(x), axis)
        long = square > eps * eps
        return xp.where(long, xp.sqrt(xp.where(long, square, 1.0)), eps)

    return xp.sum(a * b, axis) / (length(a) * length(b))


composite("cosine_similarity", cosine_similarity, arity=2, torch=F + "cosine_similarity", jax="-",
          cases=(([(4, 3), (4, 3)], {"axis": (1,), "eps": 1e-8}),),
          tex=r"y = \frac{\sum a b}{\lVert a \rVert \, \lVert b \rVert}",
          example="cosine_similarity([3., 4.], [3., 4.], axis=(0,), eps=1e-8) = 1.")
