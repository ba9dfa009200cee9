"""JAX's verbs of convolution and pooling. Read beside `torch_windows`.

The transposes of a convolution are convolutions: x and w change places with y, strides with gaps.
They are worked out as in JAX's own rules (`_conv_general_dilated_transpose_lhs` and `_rhs`).
"""

import numpy as np

from ..errors import AutodiffError
from ..table.convolution import out_shape


class JaxWindows:
    # ----- convolution -----
    def conv(self, x, w, *, shapes, stride, padding, dilation, gaps, groups=1, batch_groups=1,
             layout=None, precision=None, dtype=None):  # fmt: skip
        return self.lax.conv_general_dilated(
            x, w, stride, padding, gaps, dilation, _numbers(self.lax, layout or _plain(x)),
            groups, batch_groups, precision, dtype)  # fmt: skip

    def conv_input(self, g, w, *, shapes, stride, padding, dilation, gaps, groups=1,
                   batch_groups=1, layout=None, precision=None, dtype=None):  # fmt: skip
        lhs, rhs, out = layout or _plain(w)
        many = groups * batch_groups
        if many > 1:  # the groups of y's channels become groups of x's
            w = _axis_into(self.lib, _axis_out_of(self.lib, w, rhs[0], many), rhs[0], rhs[1])
        padding = _input_padding(_space(*shapes, layout, stride, padding, dilation, gaps))
        x = self.lax.conv_general_dilated(
            g, self.lax.rev(w, rhs[2:]), gaps, padding, stride, dilation,
            _numbers(self.lax, (out, _swap(rhs), lhs)), many, 1, precision, dtype)  # fmt: skip
        if batch_groups > 1:
            x = _axis_into(self.lib, _axis_out_of(self.lib, x, lhs[1], many), lhs[1], lhs[0])
        return x

    def conv_weight(self, g, x, *, shapes, stride, padding, dilation, gaps, groups=1,
                    batch_groups=1, layout=None, precision=None, dtype=None):  # fmt: skip
        if 0 in g.shape:
            return self.lib.zeros(shapes[1], g.dtype)
        numbers = _numbers(self.lax, tuple(map(_swap, _order(layout or _plain(x)))))
        padding = _weight_padding(_space(*shapes, layout, stride, padding, dilation, gaps))
        return self.lax.conv_general_dilated(
            x, g, dilation, padding, gaps, stride, numbers, batch_groups, groups, precision, dtype
        )

    # ----- pooling -----
    def window_sum(self, x, **p):
        return self._window(x, 0, self.lax.add, **p)

    def max_pool(self, x, **p):
        return self._window(x, self.limits(x.dtype)[0], self.lax.max, **p)

    def min_pool(self, x, **p):
        return self._window(x, self.limits(x.dtype)[1], self.lax.min, **p)

    def _window(self, x, start, f, *, window, stride, padding, dilation, gaps):
        start = np.asarray(start, x.dtype)  # concrete: lax then knows the sum from the max
        return self.lax.reduce_window(x, start, f, window, stride, padding, gaps, dilation)

    def pool_gather(self, t, x, *, low, window, stride, padding, dilation, gaps):
        select = self.lax.le_p if low else self.lax.ge_p
        return self.lax.select_and_gather_add_p.bind(
            t, x, select_prim=select, window_dimensions=window, window_strides=stride,
            padding=padding, base_dilation=gaps, window_dilation=dilation)  # fmt: skip

    def pool_scatter(self, g, x, *, low, window, stride, padding, dilation, gaps):
        if max(dilation, default=1) > 1 or max(gaps, default=1) > 1:
            raise AutodiffError(
                f"XLA has no reverse rule for max pooling with dilation {dilation} and gaps "
                f"{gaps}; take the windows apart with slices and reduce them with max"
            )
        select = self.lax.le_p if low else self.lax.ge_p
        return self.lax.select_and_scatter_add_p.bind(
            g, x, select_prim=select, window_dimensions=window, window_strides=stride,
            padding=padding)  # fmt: skip


# ----- convolution: `layout` is the order of batch, channel and space in x, w and y -----
def _plain(x):
    return (tuple(range(len(x.shape))),) * 3


def _numbers(lax, layout):
    return lax.ConvDimensionNumbers(*layout)


def _order(layout):
    lhs, rhs, out = layout
    return lhs, out, rhs


def _swap(spec):
    return (spec[1], spec[0], *spec[2:])


def _axis_out_of(lib, x, axis, n):
    shape = x.shape
    return lib.reshape(x, (*shape[:axis], n, shape[axis] // n, *shape[axis + 1 :]))


def _axis_into(lib, x, axis, target):
    """Move the axis `axis` into the axis `target` of the others, as its slow part."""
    order = [i for i in range(len(x.shape)) if i != axis]
    order.insert(target, axis)
    x = lib.transpose(x, order)
    shape = x.shape
    merged = shape[target] * shape[target + 1]
    return lib.reshape(x, (*shape[:target], merged, *shape[target + 2 :]))


def _space(x, w, layout, stride, padding, dilation, gaps):
    """For each spatial dim: the low padding and the dilated sizes of x, w and y."""
    lhs, rhs, out = layout or (range(len(x)),) * 3
    y = out_shape(shapes=(x, w), stride=stride, padding=padding, dilation=dilation, gaps=gaps,
                  layout=layout)  # fmt: skip
    sizes = zip((x[i] for i in lhs[2:]), (w[i] for i in rhs[2:]), (y[i] for i in out[2:]),
                padding, stride, dilation, gaps, strict=True)  # fmt: skip
    return [
        (low, _wide(n, gap), _wide(k, d), _wide(m, s)) for n, k, m, (low, _), s, d, gap in sizes
    ]


def _wide(n, gap):
    return (n - 1) * gap + 1 if n else 0


def _input_padding(space):
    before = [k - low - 1 for low, _, k, _ in space]
    return [(b, n + k - 1 - m - b) for b, (_, n, k, m) in zip(before, space, strict=True)]


def _weight_padding(space):
    return [(low, m - n + k - low - 1) for low, n, k, m in space]
