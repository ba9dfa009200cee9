"""Layers over sequences (batch, time, features): recurrent networks, attention, a transformer."""

from .. import random
from ..errors import AutodiffError
from . import ops
from .layers import chain, check, constant, dense, layer, layer_norm, residual, spread

WHAT = "(batch, time, features)"


# ----- recurrent: one cell, step after step -----
def _recurrent(kind, hidden, gates, start, step):
    """`start(zeros)` is the first state; `step(weights)` gives `(state, x) -> (state, y)`."""
    name = f"{kind}({hidden})"

    def init(key, x):
        check(name, x, 3, WHAT)
        features, rows = x.shape[-1], gates * hidden
        for_x, for_h = random.split(key)
        return {
            "w_x": spread(for_x, (rows, features), 2 * features, x),
            "w_h": spread(for_h, (rows, hidden), 2 * hidden, x),
            "b_x": constant(0.0, (rows,), x),
            "b_h": constant(0.0, (rows,), x),
        }

    def apply(params, x):
        check(name, x, 3, WHAT, (-1, params["w_x"].shape[1], "features"))
        zeros = constant(0.0, (x.shape[0], hidden), x)
        ys, _ = ops.scan(step(params), start(zeros), x.swapaxes(0, 1))
        return ys.swapaxes(0, 1)

    return layer(name, init, apply, ("w_x", "w_h", "b_x", "b_h"))


def gru(hidden):
    """A gated recurrent unit; the outputs of all steps (`nn.last` takes the last)."""

    def step(w):
        def forward(h, x):
            h = ops.gru_cell(x, h, w)
            return h, h

        return forward

    return _recurrent("gru", hidden, 3, lambda zeros: zeros, step)


def lstm(hidden):
    """Long short-term memory; the outputs of all steps."""

    def step(w):
        def forward(state, x):
            h, c = ops.lstm_cell(x, *state, w)
            return (h, c), h

        return forward

    return _recurrent("lstm", hidden, 4, lambda zeros: (zeros, zeros), step)


def rnn(hidden):
    """Elman's recurrent network, with tanh; the outputs of all steps."""

    def step(w):
        def forward(h, x):
            h = ops.rnn_cell(x, h, w)
            return h, h

        return forward

    return _recurrent("rnn", hidden, 1, lambda zeros: zeros, step)


def last(x):
    """The last step of a sequence."""
    return x[:, -1]


# ----- attention -----
def attention(heads, causal=False):
    """Self-attention with several heads (Vaswani et al. 2017); causal: no look ahead."""
    name = f"attention({heads})"

    def init(key, x):
        check(name, x, 3, WHAT)
        features = x.shape[-1]
        if features % heads:
            raise AutodiffError(f"{name} cannot share {features} features among {heads} heads")
        for_in, for_out = random.split(key)
        return {
            "w_in": spread(for_in, (features, 3 * features), 2 * features, x),
            "b_in": constant(0.0, (3 * features,), x),
            "w_out": spread(for_out, (features, features), 2 * features, x),
            "b_out": constant(0.0, (features,), x),
        }

    def apply(params, x):
        check(name, x, 3, WHAT, (-1, params["w_in"].shape[0], "features"))
        batch, time, features = x.shape
        both = (x @ params["w_in"] + params["b_in"]).reshape(batch, time, 3, heads, -1)
        q, k, v = (both[:, :, i].swapaxes(1, 2) for i in range(3))
        y = ops.attention(q, k, v, causal=causal).swapaxes(1, 2)
        return y.reshape(batch, time, features) @ params["w_out"] + params["b_out"]

    return layer(name, init, apply, ("w_in", "b_in", "w_out", "b_out"))


def add_position(longest):
    """Add a learnt row to each place in time; sequences may have up to `longest` places."""
    name = f"add_position({longest})"

    def init(key, x):
        check(name, x, 3, WHAT)
        return {"table": spread(key, (longest, x.shape[-1]), 2, x) * 0.1}

    def apply(params, x):
        check(name, x, 3, WHAT, (-1, params["table"].shape[1], "features"))
        if x.shape[1] > longest:
            raise AutodiffError(f"{name} got a sequence of {x.shape[1]} places")
        return x + params["table"][: x.shape[1]]

    return layer(name, init, apply, ("table",))


def transformer_block(features, heads, hidden=None, causal=False):
    """Attention, then a small network at each place, each on top of a norm (Xiong et al. 2020)."""
    return chain(
        residual(layer_norm(), attention(heads, causal)),
        residual(layer_norm(), dense(hidden or 4 * features), ops.gelu, dense(features)),
    )
