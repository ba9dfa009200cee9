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
        one, parts = (1,) * len(size), {}
        for k, x in enumerate(xs):
            mine = [(o, weight) for j, o, weight in reads if j == k]
            for part, weight in _slices(self.lax, x, mine, size, stride or one, spread or one):
                parts[weight] = parts[weight] + part if weight in parts else part
        terms = [part if weight == 1 else part * weight for weight, part in parts.items()]
        shape = (*xs[0].shape[: -len(size)], *size)
        return sum(terms[1:], terms[0]) if terms else self.lib.zeros(shape, xs[0].dtype)


def _slices(lax, x, reads, size, stride, spread):
    """What each of the reads of x finds, and its weight."""
    if not reads or 0 in size:
        return
    lead, widths, starts = len(x.shape) - len(size), [], []
    for axis, offsets in enumerate(zip(*(o for o, _ in reads), strict=True)):
        last = (x.shape[lead + axis] - 1) * spread[axis]
        high = stride[axis] * (size[axis] - 1) + max(offsets) - last
        widths.append((-min(offsets), high, spread[axis] - 1))
        starts.append([o - min(offsets) for o in offsets])
    x = lax.pad(x, x.dtype.type(0), [(0, 0, 0)] * lead + widths)
    for (_, weight), start in zip(reads, zip(*starts, strict=True), strict=True):
        stop = [a + s * (n - 1) + 1 for a, s, n in zip(start, stride, size, strict=True)]
        whole = (*x.shape[:lead], *stop)
        yield lax.slice(x, (0,) * lead + start, whole, (1,) * lead + stride), weight
