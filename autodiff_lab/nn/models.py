"""Whole models, each a chain of layers: read them as recipes, and write your own the same way."""

from ..errors import AutodiffError
from . import layers, ops, sequences
from .layers import Layer, chain, check, conv, dense, embedding, layer_norm, max_pool


def mlp(sizes, activation=ops.relu):
    """Dense layers of these sizes, the first of which is that of the input.

    >>> mlp([784, 256, 10])
    mlp([784, 256, 10])
    """
    sizes = list(sizes)
    if len(sizes) < 2:
        raise AutodiffError(f"mlp takes the sizes of its input and of each layer, not {sizes}")
    parts = [dense(sizes[1])]
    for size in sizes[2:]:
        parts += [activation, dense(size)]
    inner, name = chain(*parts), f"mlp({sizes})"

    def run(params, x, key, state, train):
        check(name, x, 1, "(..., features)", (-1, sizes[0], "features"))
        return inner.run(params, x, key, state, train)

    def init(key, x):
        check(name, x, 1, "(..., features)", (-1, sizes[0], "features"))
        return inner.init(key, x)

    return Layer(name, init, run, inner.state)


def cnn(channels=(16, 32), classes=10, dropout=0.0):
    """Convolutions of 3 x 3, each pooled to half the size; a dense layer (LeCun et al. 1989)."""
    parts = []
    for n in channels:
        parts += [conv(n, 3), ops.relu, max_pool(2)]
    return chain(*parts, ops.flatten, layers.dropout(dropout), dense(classes))


def recurrent(hidden, classes, cell=sequences.gru):
    """Read a sequence (batch, time, features), then say which class: `cell` is gru, lstm or rnn."""
    return chain(cell(hidden), sequences.last, dense(classes))


def transformer(vocabulary, longest, features, heads, blocks, classes=None, causal=True):
    """Integers (batch, time) to logits at each place, over the vocabulary or over `classes`."""
    parts = [sequences.transformer_block(features, heads, causal=causal) for _ in range(blocks)]
    return chain(
        embedding(vocabulary, features),
        sequences.add_position(longest),
        *parts,
        layer_norm(),
        dense(classes or vocabulary),
    )
