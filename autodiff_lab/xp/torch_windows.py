"""PyTorch's verbs of convolution and pooling. Read beside `jax_windows`."""

import math

from ..errors import AutodiffError
from ..table.pooling import size
from . import verb


class TorchWindows:
    # ----- convolution: PyTorch's own, on x as it wants it -----
    @verb
    def conv(self, x, w, *, shapes, dtype=None, precision=None, **p):
        plan = _Plan(self.lib, tuple(x.shape), tuple(w.shape), **p)
        f = getattr(self.lib, f"conv{plan.rank}d")
        y = f(plan.ready(x), plan.weight(w), None, *plan.numbers())
        return plan.output(y) if dtype is None else plan.output(y).to(dtype)

    @verb
    def conv_with_bias(self, x, w, *b, **params):
        from ..table import ROWS

        return ROWS["conv_with_bias"].fn(self, x, w, *b, **params)

    @verb
    def conv_input(self, g, w, *, shapes, dtype=None, precision=None, **p):
        plan = _Plan(self.lib, *shapes, **p)
        x = g.new_empty(1).expand(plan.ready_shape)  # only its shape is read
        return plan.unready(plan.backward(g, x, plan.weight(w), (True, False, False))[0])

    @verb
    def conv_weight(self, g, x, *, shapes, dtype=None, precision=None, **p):
        plan = _Plan(self.lib, *shapes, **p)
        w = g.new_empty(1).expand([plan.w[i] for i in plan.rhs])
        return plan.backward(g, plan.ready(x), w, (False, True, False))[1].permute(
            _inverse(plan.rhs)
        )

    # ----- pooling -----
    @verb
    def window_sum(self, x, *, window, stride, padding, dilation, gaps):
        x = _opened(x, 0, padding, gaps)
        for axis, (k, s, d) in enumerate(zip(window, stride, dilation, strict=True)):
            n = size(x.shape[axis], k, s, (0, 0), d, 1)
            if (k, s) != (1, 1):  # the window is a box: one axis after the other
                parts = [_strided(x, axis, i * d, n, s) for i in range(k)]
                x = sum(parts[1:], parts[0])
        return x

    @verb
    def max_pool(self, x, **p):
        return _taken(x, _winner(self.lib, x, False, **p))

    @verb
    def min_pool(self, x, **p):
        return _taken(x, _winner(self.lib, x, True, **p))

    @verb
    def pool_gather(self, t, x, *, low, **p):
        return _taken(t, _winner(self.lib, x, low, **p))

    @verb
    def pool_scatter(self, g, x, *, low, **p):
        plan = None if low else _plane(x, **p)
        if plan is not None:
            f = self.lib.ops.aten
            at = f.max_pool2d_with_indices(x, *plan)[1]
            return f.max_pool2d_with_indices_backward(g, x, *plan, False, at)
        at = _winner(self.lib, x, low, **p).reshape(-1)
        g = self.lib.where(at < 0, 0.0, g.reshape(-1))
        y = self.lib.zeros(math.prod(x.shape), dtype=g.dtype, device=g.device)
        return y.index_add(0, at.clamp(min=0), g).reshape(x.shape)


# ----- convolution -----
def _inverse(order):
    return tuple(sorted(range(len(order)), key=lambda i: order[i]))


class _Plan:
    """How to bring x into the form that PyTorch's convolution takes, and how to bring it back."""

    def __init__(self, lib, x, w, *, stride, padding, dilation, gaps, groups=1, batch_groups=1,
                 layout=None):  # fmt: skip
        self.lib, self.x, self.w, self.rank = lib, x, w, len(stride)
        if not 1 <= self.rank <= 3:
            raise AutodiffError(f"PyTorch convolves over 1, 2 or 3 dims, not {self.rank}")
        same = tuple(range(self.rank + 2))
        self.lhs, self.rhs, self.out = layout or (same, same, same)
        self.stride, self.dilation, self.gaps = stride, dilation, gaps
        self.groups, self.batch_groups = groups * batch_groups, batch_groups
        even = all(low == high >= 0 for low, high in padding) and max(gaps) == 1
        self.before = None if even else ((0, 0), (0, 0), *padding)
        self.padding = [low for low, _ in padding] if even else [0] * self.rank

    def numbers(self):
        return self.stride, self.padding, self.dilation, self.groups

    @property
    def ready_shape(self):
        n, c, *space = (self.x[i] for i in self.lhs)
        for i in range(self.rank if self.before else 0):
            low, high = self.before[2 + i]
            space[i] = low + (space[i] - 1) * self.gaps[i] + 1 + high
        return (n // self.batch_groups, c * self.batch_groups, *space)

    def ready(self, x):
        x = x.permute(self.lhs)
        if self.before:
            x = _opened(x, 0, self.before, (1, 1, *self.gaps))
        return self._batch_to_channels(x) if self.batch_groups > 1 else x

    def unready(self, x):
        if self.batch_groups > 1:
            n, c, *space = x.shape
            x = x.reshape(n, self.batch_groups, c // self.batch_groups, *space).transpose(0, 1)
            x = x.reshape([self.x[self.lhs[0]], -1, *space])
        if self.before:
            x = _padded(x, 0, [(-low, -high) for low, high in self.before])
            x = x[(..., *(slice(None, None, n) for n in self.gaps))]
        return x.permute(_inverse(self.lhs))

    def _batch_to_channels(self, x):
        n, c, *space = x.shape
        x = x.reshape(self.batch_groups, n // self.batch_groups, c, *space).transpose(0, 1)
        return x.reshape(n // self.batch_groups, self.batch_groups * c, *space)

    def weight(self, w):
        return w.permute(self.rhs)

    def output(self, y):
        return y.permute(_inverse(self.out))

    def backward(self, g, x, w, mask):
        f, g = self.lib.ops.aten.convolution_backward, g.permute(self.out)
        none = [0] * self.rank
        stride, padding, dilation, groups = self.numbers()
        return f(g, x, w, None, stride, padding, dilation, False, none, groups, mask)


# ----- windows -----
def _plane(x, *, window, stride, padding, dilation, gaps):
    """The pooling of images as PyTorch's own kernel takes it, or None."""
    if x.ndim != 4 or not x.is_floating_point() or {*window[:2], *stride[:2], *gaps} != {1}:
        return None
    (low, high), (left, right) = padding[2:]
    even = low == high <= window[2] // 2 and left == right <= window[3] // 2
    if not even or any(map(any, padding[:2])):
        return None
    return list(window[2:]), list(stride[2:]), [low, left], list(dilation[2:])


def _padded(x, value, padding):
    if not any(map(any, padding)):
        return x
    from torch.nn.functional import pad

    flat = [n for pair in reversed(padding) for n in pair]  # torch counts from the last axis
    return pad(x, flat, value=value)


def _opened(x, value, padding, gaps):
    """Padded, with gaps between the entries."""
    for axis, gap in enumerate(gaps):
        if gap > 1 and x.shape[axis] > 1:
            shape = [*x.shape]
            shape[axis] = (shape[axis] - 1) * gap + 1
            wide = x.new_full(shape, value)
            _strided(wide, axis, 0, x.shape[axis], gap).copy_(x)
            x = wide
    return _padded(x, value, padding)


def _strided(x, axis, start, n, step):
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + (n - 1) * step + 1 if n else start, step)
    return x[tuple(index)]


def _winner(lib, x, low, *, window, stride, padding, dilation, gaps):
    """The flat index of the first entry that is largest in each window; -1 is padding."""
    worst = math.inf if low else -math.inf
    ids = lib.arange(math.prod(x.shape), device=x.device).reshape(x.shape)
    x, ids = _opened(x, worst, padding, gaps), _opened(ids, -1, padding, gaps)
    for axis in reversed(range(x.ndim)):  # of ties the first row wins, and in it the first column
        k, s, d = window[axis], stride[axis], dilation[axis]
        if (k, s) == (1, 1):
            continue
        n = size(x.shape[axis], k, s, (0, 0), d, 1)
        x, ids = (
            lib.stack([_strided(v, axis, i * d, n, s) for i in range(k)], -1) for v in (x, ids)
        )
        best = (-x if low else x).argmax(-1, keepdim=True)
        x, ids = x.gather(-1, best)[..., 0], ids.gather(-1, best)[..., 0]
    return ids


def _taken(x, at):
    return x.new_zeros(()).where(at < 0, x.reshape(-1)[at.clamp(min=0)])
