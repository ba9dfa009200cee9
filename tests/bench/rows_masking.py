"""`ml.autobatch` against masking by hand, on PyTorch: the same work, written for a padded batch.

By hand the padding of the input is replaced by zeros first: only so written does the batch keep its
gradients whatever the padding holds. Lengths are lognormal: their mean is 24.3, the longest 65.
"""

import functools
import time

import numpy as np

from tests.bench.harness import bench

HAND, AUTO = "by hand", "ml.autobatch"
BATCH, LONGEST, MEAN = 64, 65, 24.3


@functools.cache
def lengths():
    """Of 64 examples: 37 % of the padded batch is real."""
    draw = np.random.default_rng(0)
    while True:
        found = np.clip(np.round(draw.lognormal(3.05, 0.55, BATCH)), 1, LONGEST).astype(int)
        if found.max() == LONGEST and abs(found.mean() - MEAN) < 0.15:
            return found


def batch(width):
    import torch

    import masking_lab as ml

    torch.manual_seed(0)
    return ml.batch([torch.randn(int(n), width) for n in lengths()])


def cleaned(b):
    """The padded data without what the padding holds, and the mask."""
    import torch

    mask = b.mask
    return torch.where(mask[:, :, None], b.data, 0.0), mask


def trained(run, weights):
    """The result, and one gradient step's worth of work."""
    import torch

    def step():
        y = run()
        return y, torch.autograd.grad(y.square().mean(), weights)

    return step


# ----- GRU: a cell in plain PyTorch, and PyTorch's own -----
def plain_cell(weights):
    import torch
    from torch.nn import functional as F

    wx, wh, bx, bh = weights

    def cell(x, h):
        rx, zx, nx = F.linear(x, wx, bx).chunk(3, -1)
        rh, zh, nh = F.linear(h, wh, bh).chunk(3, -1)
        r, z = torch.sigmoid(rx + rh), torch.sigmoid(zx + zh)
        n = torch.tanh(nx + r * nh)
        return n + z * (h - n)

    return cell


def gru(width, make_cell):
    import torch

    import masking_lab as ml

    b, module = batch(width), torch.nn.GRUCell(width, width)
    weights = [module.weight_ih, module.weight_hh, module.bias_ih, module.bias_hh]
    cell = make_cell(module, weights)

    def last(x):
        h = torch.zeros(width)
        for x_t in x:
            h = cell(x_t, h)
        return h

    def by_hand():
        x, mask = cleaned(b)
        h = torch.zeros(BATCH, width)
        for t, x_t in enumerate(x.unbind(1)):
            h = torch.where(mask[:, t, None], cell(x_t, h), h)
        return h

    auto = ml.autobatch(last)
    return {HAND: trained(by_hand, weights), AUTO: trained(lambda: auto(b).data, weights)}


for _width in (128, 512):

    @bench(f"masked GRU, cell of F.linear, D={_width}", baseline=HAND, needs=("torch",),
           must={AUTO: 1.15})  # fmt: skip
    def gru_plain(width=_width):
        return gru(width, lambda module, weights: plain_cell(weights))

    @bench(f"masked GRU, nn.GRUCell, D={_width}", baseline=HAND, needs=("torch",),
           must={AUTO: 1.15})  # fmt: skip
    def gru_module(width=_width):
        return gru(width, lambda module, weights: module)


# ----- a transformer block -----
def block(width, heads=4):
    """PyTorch's own layer on one example; by hand its parts, with one mask for the keys."""
    import torch
    from torch.nn import functional as F

    import masking_lab as ml

    b = batch(width)
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    weights, attention = list(layer.parameters()), layer.self_attn

    def by_hand():
        x, mask = cleaned(b)
        qkv = F.linear(layer.norm1(x), attention.in_proj_weight, attention.in_proj_bias)
        q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, mask[:, None, None])
        x = x + attention.out_proj(y.transpose(1, 2).flatten(2))
        x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        return torch.where(mask[:, :, None], x, 0.0)

    auto = ml.autobatch(lambda x: layer(x))
    return {HAND: trained(by_hand, weights), AUTO: trained(lambda: auto(b).data, weights)}


for _width in (128, 512):

    @bench(f"masked transformer block, D={_width}", baseline=HAND, needs=("torch",),
           must={AUTO: 1.15})  # fmt: skip
    def transformer(width=_width):
        return block(width)


# ----- one operation on a small tensor -----
MOST = 12e-6  # seconds that the mask may add to one operation
ALLOWED = "bare, and 12 us"


def operations():
    """Each on one example (length, 4), and on the padded batch."""
    import torch
    from torch.nn import functional as F

    w = torch.randn(5, 4)
    return {
        "tanh(x)": (torch.tanh, torch.tanh),
        "x + x": (lambda x: x + x,) * 2,
        "x * 2.0": (lambda x: x * 2.0,) * 2,
        "linear(x, w)": (lambda x: F.linear(x, w),) * 2,
        "layer_norm(x)": (lambda x: F.layer_norm(x, (4,)),) * 2,
        "log(x)": (torch.log,) * 2,
        "x.sum(0)": (lambda x: x.sum(0), lambda x: x.sum(1)),
        "softmax(x, 0)": (lambda x: x.softmax(0), lambda x: x.softmax(1)),
    }


def a_lane():
    """What `f` is given inside `autobatch`, and the padded data: full, so that all can be compared.

    Nobody looks at the lengths, so the masks are made all the same.
    """
    import torch

    import masking_lab as ml
    from masking_lab.lane import Lane

    b = ml.batch([torch.rand(3, 4) + 1 for _ in range(3)], ragged=0)
    return Lane(b.data, b.sizes), b.data


def waiting(call):
    def run():
        y, end = call(), time.perf_counter() + MOST
        while time.perf_counter() < end:
            pass
        return y

    return run


for _name in ("tanh(x)", "x + x", "x * 2.0", "linear(x, w)", "layer_norm(x)", "log(x)",
              "x.sum(0)", "softmax(x, 0)"):  # fmt: skip

    @bench(f"masked op, {_name}", baseline=ALLOWED, needs=("torch",), must={AUTO: 1.0})
    def one_op(name=_name):
        ours, bare = operations()[name]
        lane, data = a_lane()
        return {
            ALLOWED: waiting(lambda: bare(data)),
            "bare": lambda: bare(data),
            AUTO: lambda: ours(lane).data,
        }
