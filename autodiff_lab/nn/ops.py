"""Operations of neural networks: the table's rows, called with a layer's words.

No mathematics is stated here. Each function finds the parameters of a row (windows, axes) from the
shapes and calls it; what does not fit is refused in a sentence. `+`, `@` and the rest of the
arithmetic are the arrays' own.
"""

import sys

import numpy as np

from .. import random, xp
from ..errors import AutodiffError
from ..table import ROWS


# ----- activations: the rows themselves -----
def relu(x):
    """max(x, 0), entry by entry."""
    return ROWS["relu"](x)


def tanh(x):
    """tanh(x), entry by entry: between -1 and 1."""
    return ROWS["tanh"](x)


def sigmoid(x):
    """1 / (1 + exp(-x)), entry by entry: between 0 and 1."""
    return ROWS["sigmoid"](x)


def gelu(x):
    """The exact one, x times the normal distribution's Phi(x)."""
    return ROWS["gelu"](x, approximate="none")


def silu(x):
    """x sigmoid(x), entry by entry."""
    return ROWS["silu"](x)


def softmax(x, axis=-1):
    """Shares that add up to 1 along an axis."""
    return ROWS["softmax"](x, axis=(axis % len(x.shape),))


def log_softmax(x, axis=-1):
    """The logarithm of softmax, without its rounding."""
    return ROWS["log_softmax"](x, axis=(axis % len(x.shape),))


# ----- images: (batch, channels, *space) -----
def conv(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernel w (out, in / groups, *size) over x (batch, in, *space).

    `padding` is a number of zeros on each side, one such number per dim, or "same": as many as
    leave the size as it is.
    """
    n = len(w.shape) - 2
    if n < 1 or len(x.shape) != n + 2 or x.shape[1] != w.shape[1] * groups:
        raise AutodiffError(
            f"conv: a kernel of shape {tuple(w.shape)} slides over (batch, "
            f"{w.shape[1] * groups if n >= 1 else 'channels'}, {'*' * max(n, 1)}) arrays, and x "
            f"has shape {tuple(x.shape)}"
        )
    params = {"stride": _each(n, stride), "dilation": _each(n, dilation), "groups": groups}
    params["padding"] = _padding(padding, w.shape[2:], params["dilation"])
    sizes = zip(x.shape[2:], w.shape[2:], params["padding"], params["dilation"], strict=True)
    if any(m + low + high < (k - 1) * d + 1 for m, k, (low, high), d in sizes):
        raise AutodiffError(
            f"conv: a kernel of shape {tuple(w.shape)} does not fit into x of shape "
            f"{tuple(x.shape)} with padding {padding}"
        )
    if b is None:
        return _convolved(x, w, **params)
    return ROWS["conv_with_bias"](x, w, b, **params)


def _convolved(x, w, **params):
    shapes = tuple(x.shape), tuple(w.shape)
    return ROWS["conv"](x, w, shapes=shapes, gaps=(1,) * len(params["stride"]), **params)


def _each(n, value):
    return (value,) * n if isinstance(value, int) else tuple(value)


def _padding(padding, size, dilation):
    if padding != "same":
        return tuple((p, p) for p in _each(len(size), padding))
    reach = [(k - 1) * d for k, d in zip(size, dilation, strict=True)]
    return tuple((r // 2, r - r // 2) for r in reach)


def max_pool(x, size, stride=None):
    """The largest entry of each window. Windows do not overlap unless `stride` says so."""
    return ROWS["max_pool"](x, **_windows("max_pool", x, size, stride))


def avg_pool(x, size, stride=None):
    """The mean of each window."""
    windows = _windows("avg_pool", x, size, stride)
    return ROWS["avg_pool"](x, count="padded", overhang=(0,) * len(x.shape), **windows)


def _windows(name, x, size, stride):
    n = len(x.shape) - 2
    size = _each(n, size)
    if n < 1 or len(size) != n or any(k > m for k, m in zip(size, x.shape[2:], strict=True)):
        raise AutodiffError(
            f"{name}: a window of {size or 'no dims'} does not fit into x of shape "
            f"{tuple(x.shape)}, which should be (batch, channels, *space)"
        )
    ones = (1,) * (n + 2)
    return {
        "window": (1, 1, *size),
        "stride": (1, 1, *_each(n, size if stride is None else stride)),
        "padding": ((0, 0),) * (n + 2),
        "dilation": ones,
        "gaps": ones,
    }


def flatten(x):
    """All but the first axis in one."""
    return x.reshape(x.shape[0], -1)


# ----- norms -----
def layer_norm(x, scale=None, shift=None, eps=1e-5):
    """Each example's last axis gets mean 0 and variance 1 (Ba et al. 2016)."""
    return ROWS["layer_norm"](x, scale, shift, axis=(len(x.shape) - 1,), eps=eps)


def batch_norm(x, scale, shift, statistics=None, eps=1e-5):
    """Each channel gets mean 0 and variance 1: the batch's, or the given `(mean, variance)`."""
    if statistics is None:
        return ROWS["batch_norm"](x, scale, shift, eps=eps)
    return ROWS["batch_norm_known"](x, *statistics, scale, shift, eps=eps)


def statistics(x):
    """Mean and variance (unbiased) of each channel, with no derivative."""
    x = ROWS["stop_gradient"](x)
    axis = tuple(i for i in range(len(x.shape)) if i != 1)
    mean = ROWS["mean"](x, axis=axis, keepdims=False)
    return mean, ROWS["var"](x, axis=axis, keepdims=False, correction=1)


# ----- look up, leave out -----
def embed(table, ids):
    """The rows of the table with these numbers."""
    known = numbered("embed: row", ids, table.shape[0])
    return only_if(known, table[ids])


def dropout(key, x, rate):
    """Zero each entry with probability `rate`, and scale up the rest (Srivastava et al. 2014)."""
    kept = random.bernoulli(key, 1.0 - rate, x.shape, like=x)
    return ROWS["where"](kept, x / (1.0 - rate), 0.0)


# ----- sequences -----
def attention(q, k, v, mask=None, causal=False):
    """Each query gets the values, weighted by how well their keys fit (Vaswani et al. 2017).

    q, k, v are (..., time, features); the same leading axes.
    """
    if len({tuple(a.shape[:-2]) for a in (q, k, v)}) > 1 or q.shape[-1] != k.shape[-1]:
        raise AutodiffError(
            f"attention: q {tuple(q.shape)}, k {tuple(k.shape)} and v {tuple(v.shape)} should "
            "agree in their leading axes, and q and k in their features"
        )
    return ROWS["attention"](q, k, v, mask, scale=q.shape[-1] ** -0.5, causal=causal)


def scan(step, state, xs):
    """`state, y = step(state, x)` for the x in order along the first axis; all y, and the state.

    On torch a loop of Python's; on JAX `lax.scan`, which is compiled once for any length.
    """
    if xp.framework_of(xs) == "jax":
        state, ys = sys.modules["jax"].lax.scan(step, state, xs)
        return ys, state
    ys = []
    for x in xs:
        state, y = step(state, x)
        ys.append(y)
    if not ys:
        raise AutodiffError(f"scan: there are no steps in xs of shape {tuple(xs.shape)}")
    return xp.of(*ys).lib.stack(ys), state


def gru_cell(x, h, w):
    """One step (Cho et al. 2014), its weights a dict of w_x, w_h, b_x and b_h as torch has them."""
    return ROWS["gru_cell"](x, h, w["w_x"], w["w_h"], w["b_x"], w["b_h"])


def lstm_cell(x, h, c, w):
    """One step (Hochreiter and Schmidhuber 1997): the new h and c."""
    return ROWS["lstm_cell"](x, h, c, w["w_x"], w["w_h"], w["b_x"], w["b_h"])


def rnn_cell(x, h, w):
    """One step of Elman's network (1990)."""
    return ROWS["rnn_cell"](x, h, w["w_x"], w["w_h"], w["b_x"], w["b_h"], squash="tanh")


# ----- loss -----
def cross_entropy(logits, target):
    """The mean of -log softmax(logits)[target] over a batch of class numbers."""
    shape = tuple(getattr(target, "shape", ("no array",)))
    if len(logits.shape) < 2 or shape != (logits.shape[0], *logits.shape[2:]):
        raise AutodiffError(
            f"cross_entropy: logits {tuple(logits.shape)} and target {shape} should be arrays of "
            "shape (batch, classes) and (batch,)"
        )
    known = numbered("cross_entropy: class", target, logits.shape[1])
    plan = {"axis": 1, "ignore": -100, "reduction": "mean", "smoothing": 0.0}
    return only_if(known, ROWS["cross_entropy"](logits, target, **plan))


# ----- numbers of classes and rows -----
def numbered(what, numbers, n):
    """Refuse what is not a number below n; under jit, where no value is known, say where it is."""
    if "int" not in str(getattr(numbers, "dtype", "")):
        found = getattr(numbers, "dtype", type(numbers).__name__)
        raise AutodiffError(f"{what} numbers are an array of integers, and not {found}")
    jax = sys.modules.get("jax")
    if jax and isinstance(numbers, jax.core.Tracer):
        return (numbers >= 0) & (numbers < n)
    numbers = numbers.plain() if hasattr(numbers, "plain") else numbers
    if xp.framework_of(numbers) == "torch":
        from ..on_torch.inplace import physical

        numbers = physical(numbers)  # under vmap the whole batch, whose values are known
    else:
        numbers = np.asarray(numbers)
    wrong = (numbers < 0) | (numbers >= n)
    if bool(wrong.any()):
        raise AutodiffError(f"{what} {int(numbers[wrong][0])} does not exist: there are {n}")
    return True


def only_if(known, y):
    """`y`, but NaN if a number turns out not to exist where nobody can be told."""
    return y if known is True else ROWS["where"](known.all(), y, float("nan"))
