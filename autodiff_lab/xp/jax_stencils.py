"""JAX's verbs of stencils. Read beside `torch_stencils`."""

from .halo import applied, windows


class JaxStencils:
    def stencil(self, *xs, taps, boundary, stride, back=None):
        return applied(self, xs, taps, boundary, stride, back)

    def taps(self, x, *, offsets, boundary, stride):
        return windows(self, x, offsets, boundary, stride)

    def shifted_sum(self, xs, reads, size, stride=None, spread=None):
        """The sum of w * xs[k][(stride i + o) / spread] over the reads (k, o, w), 0 outside.

        Each array is padded once, and read as slices: XLA makes one loop of them all.
        """
        one, y = (1,) * len(size), None
        for k, x in enumerate(xs):
            mine = [(o, weight) for j, o, weight in reads if j == k]
            for part, weight in _slices(self.lax, x, mine, size, stride or one, spread or one):
                term = part if weight == 1 else part * weight
                y = term if y is None else y + term
        shape = (*xs[0].shape[: -len(size)], *size)
        return self.lib.zeros(shape, xs[0].dtype) if y is None else y


def _slices(lax, x, reads, size, stride, spread):
    if not reads or 0 in size:
        return
    rank = len(size)
    lead = len(x.shape) - rank
    low, high = [], []
    for axis, offsets in enumerate(zip(*(o for o, _ in reads), strict=True)):
        entries = x.shape[lead + axis]
        last = (entries - 1) * spread[axis] if entries else -1
        low.append(-min(offsets))
        high.append(stride[axis] * (size[axis] - 1) + max(offsets) - last)
    widths = [(0, 0, 0)] * lead + [(a, b, t - 1) for a, b, t in zip(low, high, spread, strict=True)]
    x = lax.pad(x, x.dtype.type(0), widths)
    for offset, weight in reads:
        start = [o + a for o, a in zip(offset, low, strict=True)]
        stop = [a + s * (n - 1) + 1 for a, s, n in zip(start, stride, size, strict=True)]
        yield (
            lax.slice(
                x, (0,) * lead + tuple(start), (*x.shape[:lead], *stop), (1,) * lead + stride
            ),
            weight,
        )
