"""Other people's ways to batch, on the same models, weights, lengths and thread: forward, backward.

    pip install dyNET38                     DyNet's autobatching (Neubig, Goldberg and Dyer 2017)
    KERAS_BACKEND=torch, pip install keras  Keras 3, whose layers hand a mask on

and PyTorch's jagged nested tensors. A row whose peer is not installed is left out. Keras has no way
to say a tree. Jagged tensors have neither LSTM nor a step along the ragged dim (`x[:, t]`), so they
can run no recurrent model at all; they are in the row of the Transformer's block.
"""

import functools
import os

import numpy as np

import masking_lab as ml
from tests.bench.harness import bench
from tests.bench.rows_masking import batch, lengths

D, TAGS, WORDS, SENTENCES = 128, 8, 200, 64
OURS = ("masked", "shrink", "packed", "lazy")


def gradients_of(run, weights):
    """The loss and its gradients, by PyTorch's own backward."""
    import torch

    def step():
        loss = run()
        return loss, torch.autograd.grad(loss, list(weights))

    return step


# ----- a BiLSTM tagger -----
class Tagger:
    """Written for one sentence. DyNet and Keras are given its weights."""

    def __init__(self):
        import torch

        torch.manual_seed(0)
        self.right, self.left = torch.nn.LSTMCell(D, D), torch.nn.LSTMCell(D, D)
        self.tags = torch.nn.Linear(2 * D, TAGS)

    def __call__(self, x):
        import torch

        before, after = states(self.right, x), states(self.left, reversed(x)).flip(0)
        return self.tags(torch.cat([before, after], 1))

    @property
    def weights(self):
        """Of both directions: what goes in, what was before, the bias; then those of the tags."""
        cells = [(c.weight_ih, c.weight_hh, c.bias_ih) for c in (self.right, self.left)]
        return [*cells[0], *cells[1], self.tags.weight, self.tags.bias]


def states(cell, x):
    import torch

    h, c, found = torch.zeros(D), torch.zeros(D), []
    for v in x:
        h, c = cell(v, (h, c))
        found.append(h)
    return torch.stack(found)


def ours(model, b, strategy):
    valid = int(b.lengths.sum()) * TAGS

    def loss():
        scores = ml.autobatch(model, strategy)(b)
        return scores.data.square().sum() / valid  # the padding of a result holds zeros

    return gradients_of(loss, model.weights)


def all_of_ours(model, b):
    return {f"ours, {name}": ours(model, b, name) for name in OURS if name in ml.strategies()}


def in_their_order(w, order):
    """The gates of an LSTM (PyTorch: input, forget, new, output) in another order, by rows."""
    parts = dict(zip("ifgo", np.split(np.asarray(w.detach()), 4), strict=True))
    return np.concatenate([parts[gate] for gate in order])


@functools.cache
def dynet():
    """DyNet with autobatching on: it is set before the first import, for good."""
    import dynet_config

    dynet_config.set(mem=2048, autobatch=1, random_seed=1)
    import dynet

    return dynet


@bench("BiLSTM, 64 sentences, D=128, against DyNet", baseline="DyNet, autobatch",
       needs=("torch", "dynet"), must={"ours, packed": 1.0})  # fmt: skip
def bilstm_dynet():
    dy, model, b = dynet(), Tagger(), batch(D)
    found = dy.ParameterCollection()
    cells = [dy.VanillaLSTMBuilder(1, D, D, found) for _ in range(2)]
    for cell, module in zip(cells, (model.right, model.left), strict=True):
        wx, wh, bias = cell.get_parameters()[0]
        wx.set_value(in_their_order(module.weight_ih, "ifog"))
        wh.set_value(in_their_order(module.weight_hh, "ifog"))
        total = (module.bias_ih + module.bias_hh).detach()
        total = total - (np.arange(4 * D) // D == 1) * 1.0  # its forget gate adds one
        bias.set_value(in_their_order(total.float(), "ifog"))
    w = found.parameters_from_numpy(model.tags.weight.detach().numpy())
    v = found.parameters_from_numpy(model.tags.bias.detach().numpy())
    sentences = [x.numpy() for x in b.unbatch()]

    def loss_of(sentence):
        words = [dy.inputVector(x) for x in sentence]
        before = cells[0].initial_state().transduce(words)
        after = cells[1].initial_state().transduce(words[::-1])[::-1]
        return dy.esum([dy.squared_norm(dy.affine_transform([v, w, dy.concatenate([h, k])]))
                        for h, k in zip(before, after, strict=True)])  # fmt: skip

    parameters = [*cells[0].get_parameters()[0], *cells[1].get_parameters()[0], w, v]
    count = lengths().sum() * TAGS
    theirs = by_dynet(dy, loss_of, sentences, found, parameters, count, "ggggggww")
    return {"DyNet, autobatch": theirs, **all_of_ours(model, b)}


def by_dynet(dy, loss_of, examples, collection, parameters, count, kinds):
    """The loss and its gradients, with gates ("g") in PyTorch's order."""

    def step(alive=collection):  # parameters are gone when it is
        dy.renew_cg()
        loss = dy.esum([loss_of(example) for example in examples]) / float(count)
        value = loss.value()
        for p in parameters:
            p.scale_gradient(0.0)
        loss.backward()
        return value, [as_ours(p.grad_as_array(), kind)
                       for p, kind in zip(parameters, kinds, strict=True)]  # fmt: skip

    return step


def as_ours(gradient, kind):
    if kind == "w":
        return gradient
    i, f, o, g = np.split(gradient, 4)
    return np.concatenate([i, f, g, o])


@bench("BiLSTM, 64 sentences, D=128, against Keras", baseline="Keras, masked",
       needs=("torch", "keras"), must={"ours, packed": 1.0})  # fmt: skip
def bilstm_keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import torch

    if keras.config.backend() != "torch":
        raise RuntimeError("Keras runs on another framework here; set KERAS_BACKEND=torch")
    model, b = Tagger(), batch(D)
    layer = keras.layers.Bidirectional(keras.layers.LSTM(D, return_sequences=True))
    layer.build((SENTENCES, None, D))
    for cell, module in ((layer.forward_layer.cell, model.right),
                         (layer.backward_layer.cell, model.left)):  # fmt: skip
        cell.kernel.assign(in_their_order(module.weight_ih, "ifgo").T)
        cell.recurrent_kernel.assign(in_their_order(module.weight_hh, "ifgo").T)
        cell.bias.assign((module.bias_ih + module.bias_hh).detach())
    cells = [layer.forward_layer.cell, layer.backward_layer.cell]
    theirs = [v.value for c in cells for v in (c.kernel, c.recurrent_kernel, c.bias)]
    mask, valid = b.mask, int(b.lengths.sum()) * TAGS
    weights = [*theirs, model.tags.weight, model.tags.bias]

    def loss():
        scores = model.tags(layer(b.data, mask=mask))
        return torch.where(mask[:, :, None], scores, 0.0).square().sum() / valid

    step = gradients_of(loss, weights)

    def turned():
        value, slopes = step()
        return value, [g.T if g.ndim == 2 else g for g in slopes[:6]] + list(slopes[6:])

    return {"Keras, masked": turned, **all_of_ours(model, b)}


# ----- a Tree-LSTM -----
def tree_task():
    from masking_lab import models

    return models.load("tree_lstm", "torch", count=SENTENCES, dtype="float32", size=D, longest=24)


@bench("Tree-LSTM, 64 trees, D=128, against DyNet", baseline="DyNet, autobatch",
       needs=("torch", "dynet"), must={"ours, lazy": 1.0})  # fmt: skip
def trees_dynet():
    dy, task = dynet(), tree_task()
    names = ("words", "leaf", "left", "right", "b")
    weights = {name: task.weights[name].requires_grad_() for name in names}
    batches = ml.batch(task.examples)

    def by(strategy):
        run = ml.autobatch(task.f, strategy)
        return gradients_of(lambda: run(task.lib, *batches, task.weights).data.square().mean(),
                            weights.values())  # fmt: skip

    known = [name for name in ("lazy", "fold", "pc") if name in ml.strategies()]
    return {"DyNet, autobatch": trees_by_dynet(dy, task, weights),
            **{f"ours, {name}": by(name) for name in known}}  # fmt: skip


def trees_by_dynet(dy, task, weights):
    found = dy.ParameterCollection()
    table = found.lookup_parameters_from_numpy(weights["words"].detach().numpy())
    leaf, left, right, b = [
        found.parameters_from_numpy(weights[name].detach().numpy().T.copy())
        for name in ("leaf", "left", "right", "b")
    ]

    def at(words, kids, i):
        if kids[i][0] < 0:
            c = dy.tanh(leaf * table[words[i]])
            return dy.tanh(c), c
        (h, c), (k, d) = (at(words, kids, j) for j in kids[i])
        gates = dy.affine_transform([b, left, h, right, k])
        i, f, g, o = (dy.logistic(gates[m * D : (m + 1) * D]) for m in range(4))
        c = dy.cmult(f, c) + dy.cmult(g, d) + dy.cmult(i, dy.tanh(gates[4 * D : 5 * D]))
        return dy.cmult(o, dy.tanh(c)), c

    def loss_of(example):
        words, kids = example
        return dy.squared_norm(at(words, kids, len(kids) - 1)[0])

    examples = [(words.tolist(), kids.tolist()) for words, kids in task.examples]
    parameters = [table, leaf, left, right, b]
    step = by_dynet(dy, loss_of, examples, found, parameters, SENTENCES * D, "wwwww")

    def turned():
        value, slopes = step()
        return value, [slopes[0], *[g.T for g in slopes[1:]]]

    return turned


# ----- a Transformer's block: what jagged tensors can run -----
@bench("Transformer block, 64 sentences, D=128, against jagged tensors", baseline="jagged tensors",
       needs=("torch",), must={"ours, masked": 1.0})  # fmt: skip
def block_jagged(heads=4):
    import torch
    from torch.nn import functional as F

    b = batch(D)
    layer = torch.nn.TransformerEncoderLayer(
        D, heads, 4 * D, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    sentences, valid, attention = b.unbatch(), int(b.lengths.sum()) * D, layer.self_attn

    def jagged():
        x = torch.nested.nested_tensor(sentences, layout=torch.jagged)
        qkv = F.linear(layer.norm1(x), attention.in_proj_weight, attention.in_proj_bias)
        q, k, v = (t.contiguous().unflatten(-1, (heads, -1)).transpose(1, 2)
                   for t in qkv.chunk(3, -1))  # fmt: skip
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
        x = x + F.linear(y, attention.out_proj.weight, attention.out_proj.bias)
        x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        return x.values().square().sum() / valid

    def by(strategy):
        run = ml.autobatch(lambda x: layer(x), strategy)
        return lambda: run(b).data.square().sum() / valid

    weights = list(layer.parameters())
    known = [name for name in ("masked", "packed") if name in ml.strategies()]
    return {"jagged tensors": gradients_of(jagged, weights),
            **{f"ours, {name}": gradients_of(by(name), weights) for name in known}}  # fmt: skip
