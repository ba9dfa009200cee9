"""PyTorch's verbs of the Fourier transform. Read beside `jax_fourier`."""

from . import verb


class TorchFourier:
    @verb
    def fft(self, x, axis, inverse, scale):
        """The sum without a factor is fftn's, and ifftn's with norm="forward"."""
        one = self.lib.fft.ifftn if inverse else self.lib.fft.fftn
        return one(x, dim=axis, norm="forward" if inverse else "backward") * scale

    @verb
    def rfft(self, x, axis, scale):
        return self.lib.fft.rfftn(x, dim=axis, norm="backward") * scale

    @verb
    def irfft(self, x, axis, scale, size):
        sizes = [x.shape[a] for a in axis[:-1]] + [size]
        return self.lib.fft.irfftn(x, sizes, axis, norm="forward") * scale
