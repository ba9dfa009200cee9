"""Neural networks at three granularities, which give the same numbers.

    nn.ops       operations: nn.ops.conv(x, w, b), nn.ops.layer_norm(x, scale, shift); x @ w + b
    nn.dense     layers: pairs of functions, init(key, x) -> params and apply(params, x) -> y
    nn.mlp       whole models: layers in a chain, which is a layer again

    model = nn.chain(nn.dense(256), nn.relu, nn.dense(10))
    params = model.init(ad.random.key(0), x)         # shapes are read off the example x
    y = model.apply(params, x)

Nothing is hidden in an object: parameters are a list of dicts, and a plain function is a layer too.
The framework is that of the arrays, and for one key the first parameters are the same bits in both.
Sequences are (batch, time, features), images (batch, channels, height, width).

    ops          the rows of the table, called with a layer's words
    layers       dense, conv, norms, dropout, embedding, pooling; `chain` and `residual`
    sequences    gru, lstm, rnn over a sequence; attention, the transformer's block
    models       mlp, cnn, recurrent, transformer
    taxonomy     losses that give partial credit for a near miss
"""

from . import ops
from .layers import (
    Layer,
    avg_pool,
    batch_norm,
    chain,
    conv,
    dense,
    dropout,
    embedding,
    flatten,
    layer_norm,
    max_pool,
    residual,
)
from .models import cnn, mlp, recurrent, transformer
from .ops import cross_entropy, gelu, relu, sigmoid, silu, softmax, tanh
from .sequences import add_position, attention, gru, last, lstm, rnn, transformer_block
from .taxonomy import Taxonomy

__all__ = [
    "Layer",
    "Taxonomy",
    "add_position",
    "attention",
    "avg_pool",
    "batch_norm",
    "chain",
    "cnn",
    "conv",
    "cross_entropy",
    "dense",
    "dropout",
    "embedding",
    "flatten",
    "gelu",
    "gru",
    "last",
    "layer_norm",
    "lstm",
    "max_pool",
    "mlp",
    "ops",
    "recurrent",
    "relu",
    "residual",
    "rnn",
    "sigmoid",
    "silu",
    "softmax",
    "tanh",
    "transformer",
    "transformer_block",
]
