"""Attention and recurrent cells: composite rows.

Attention is Vaswani et al.'s (2017): each query is answered with the values, weighted by how well
their keys fit. The cells are PyTorch's, their gates stacked in one matrix.
"""

from . import fused
from .composite import in_float32, linear, softmax
from .row import composite


# ----- attention -----
def _batched(x, left, right):
    letters = "abcdefgh"[: len(x.shape) - 2]
    return f"{letters}{left},{letters}{right}->{letters}"


@in_float32
def attention(xp, q, k, v, mask=None, *, scale, causal):
    scores = xp.contract(q, k, _batched(q, "ie", "je") + "ij", None) * scale
    if causal:
        shape = tuple(scores.shape)
        n = len(shape)
        past = xp.arange(shape, n - 2, None, q) >= xp.arange(shape, n - 1, None, q)
        scores = xp.where(past, scores, float("-inf"))
    if mask is not None:
        keep = mask.dtype == xp.bool_type
        scores = xp.where(mask, scores, float("-inf")) if keep else scores + mask
        worst = xp.stop_gradient(xp.max(scores, (len(scores.shape) - 1,), True))
        scores, dead = xp.where(worst == float("-inf"), 0.0, scores), worst == float("-inf")
    weights = softmax(xp, scores, axis=(len(scores.shape) - 1,))
    weights = weights if mask is None else xp.where(dead, 0.0, weights)
    return xp.contract(weights, v, _batched(q, "ij", "je") + "ie", None)


def _axes(ndims, **_):
    """The queries stay; features and keys are summed away, and the features of v come last."""
    n = ndims[0]
    lead = tuple(range(n - 2))
    masks = [(*range(n - m, n - 1), None) for m in ndims[3:]]
    return [(*lead, n - 2, None), (*lead, None, None), (*lead, None, n - 1), *masks], n


def _batch(batched, **params):
    """One more axis in front, if q, k and v all have it. A mask lines up from the right."""
    return params if batched.inputs == (True, True, True) else None


def _told(xp, there, q, k, v):
    """A key that is not there gets no weight."""
    keys = there(1, -2)
    return (q, k, v) if keys is None else (q, k, v, keys.mT)


composite("attention", attention, arity=None, jax="-", axes=_axes, batch=_batch, told=_told,
          whole=fused.attention, calm=True,
          torch="torch.nn.functional.scaled_dot_product_attention",
          cases=(([(2, 3, 4), (2, 5, 4), (2, 5, 6)], {"scale": 0.5, "causal": False}),
                 ([(3, 4), (3, 4), (3, 4)], {"scale": 0.5, "causal": True}),
                 ([(3, 4), (5, 4), (5, 4), (3, 5)], {"scale": 0.5, "causal": False})),
          tex=r"Y = \operatorname{softmax}(s Q K^T + M) \, V",
          pitfalls="A query whose keys are all masked gets zeros, as in torch.",
          example="attention([[1.]], [[0.], [0.]], [[2.], [4.]], scale=1., causal=False) = [[3.]]")


# ----- one step of a recurrent network -----
def _gates(xp, x, n):
    """The columns of x in n equal parts."""
    return xp.split(x, len(x.shape) - 1, (x.shape[-1] // n,) * n)


def lstm_cell(xp, x, h, c, wx, wh, bx=None, bh=None):
    """Hochreiter & Schmidhuber 1997, with Gers's forget gate."""
    i, f, g, o = _gates(xp, linear(xp, x, wx, bx) + linear(xp, h, wh, bh), 4)
    c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
    return xp.sigmoid(o) * xp.tanh(c), c


def gru_cell(xp, x, h, wx, wh, bx=None, bh=None):
    """Cho et al. 2014; the reset gate acts behind the matrix, as in cuDNN."""
    r, z, n = _gates(xp, linear(xp, x, wx, bx), 3)
    rh, zh, nh = _gates(xp, linear(xp, h, wh, bh), 3)
    r, z = xp.sigmoid(r + rh), xp.sigmoid(z + zh)
    n = xp.tanh(n + r * nh)
    return n + z * (h - n)


def rnn_cell(xp, x, h, wx, wh, bx=None, bh=None, *, squash):
    return getattr(xp, squash)(linear(xp, x, wx, bx) + linear(xp, h, wh, bh))


def _cell_case(gates, states=1):
    rows = 4 * gates
    return [(2, 3)] + [(2, 4)] * states + [(rows, 3), (rows, 4), (rows,), (rows,)]


def _cell(states):
    """One axis more in front of the input and the states; the weights are shared."""

    def axes(ndims, **_):
        n = ndims[0]
        features = [(*range(n - 1), None), *[tuple(range(n))] * states]
        return features + [(None,) * k for k in ndims[1 + states :]], n

    def batch(batched, **params):
        own, weights = batched.inputs[: 1 + states], batched.inputs[1 + states :]
        return params if all(own) and not any(weights) else None

    return {"axes": axes, "batch": batch}


composite("lstm_cell", lstm_cell, arity=None, outputs="many", torch="torch.lstm_cell", jax="-",
          whole=fused.lstm_cell, **_cell(2),
          cases=((_cell_case(4, 2), {}),),
          tex=r"c' = \sigma(f) \, c + \sigma(i) \tanh(g), \quad h' = \sigma(o) \tanh(c')",
          example="lstm_cell([[0.]], [[0.]], [[2.]], [[0.], [0.], [0.], [0.]], "
                  "[[0.], [0.], [0.], [0.]])[1] = [[1.]]")
composite("gru_cell", gru_cell, arity=None, torch="torch.gru_cell", jax="-",
          whole=fused.gru_cell, **_cell(1),
          cases=((_cell_case(3), {}),), tex=r"h' = (1 - z) \, n + z \, h",
          example="gru_cell([[0.]], [[2.]], [[0.], [0.], [0.]], [[0.], [0.], [0.]]) = [[1.]]")
composite("rnn_cell", rnn_cell, arity=None, torch="torch.rnn_tanh_cell", jax="-",
          cases=((_cell_case(1), {"squash": "tanh"}), (_cell_case(1), {"squash": "relu"})),
          tex=r"h' = \tanh(W_x x + W_h h + b)",
          example="rnn_cell([[1.]], [[2.]], [[1.]], [[1.]], squash='relu') = [[3.]]")
