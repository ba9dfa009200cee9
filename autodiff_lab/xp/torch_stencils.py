"""PyTorch's verbs of stencils. Read beside `jax_stencils`."""

from . import verb
from .halo import applied, regions, windows


class TorchStencils:
    @verb
    def stencil(self, *xs, taps, boundary, stride, back=None):
        return applied(self, xs, taps, boundary, stride, back)

    @verb
    def taps(self, x, *, offsets, boundary, stride):
        return windows(self, x, offsets, boundary, stride)

    def shifted_sum(self, xs, reads, size, stride=None, spread=None):
        """The sum of w * xs[k][(stride i + o) / spread] over the reads (k, o, w), 0 outside.

        One pass for each read over the places where it is inside; nothing is padded.
        """
        if not isinstance(xs[0], self.lib.Tensor):  # text: no expression is written in place
            raise TypeError("shifted_sum computes on tensors")
        one = (1,) * len(size)
        shape, found = (*xs[0].shape[: -len(size)], *size), []
        for k, offset, weight in reads:
            x = xs[k]
            both = regions(size, x.shape[-len(size) :], offset, stride or one, spread or one)
            if both is not None:
                there, here = ((..., *part) for part in both)
                found.append((x[here].shape != shape, there, x[here], weight))
        found.sort(key=lambda read: read[0])  # one that is inside everywhere spares the zeros
        y = None
        for partly, there, x, weight in found:
            if y is None:
                y = xs[0].new_zeros(shape) if partly else x * weight
                if not partly:
                    continue
            y[there].add_(x, alpha=weight)
        return xs[0].new_zeros(shape) if y is None else y
