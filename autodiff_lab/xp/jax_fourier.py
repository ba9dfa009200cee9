"""JAX's verbs of the Fourier transform. Read beside `torch_fourier`."""


class JaxFourier:
    def fft(self, x, axis, inverse, scale):
        one = self.lib.fft.ifftn if inverse else self.lib.fft.fftn
        return one(x, axes=axis, norm="forward" if inverse else "backward") * scale

    def rfft(self, x, axis, scale):
        return self.lib.fft.rfftn(x, axes=axis, norm="backward") * scale

    def irfft(self, x, axis, scale, size):
        sizes = [x.shape[a] for a in axis[:-1]] + [size]
        return self.lib.fft.irfftn(x, sizes, axis, norm="forward") * scale
