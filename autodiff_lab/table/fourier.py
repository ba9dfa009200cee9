"""The discrete Fourier transform (Cooley and Tukey 1965): three linear rows.

The matrix w^(k n), w = exp(-2 pi i / N), is symmetric, so a transform is its own transpose. `rfft`
keeps half of the spectrum of a real input, the last of `axis` being the halved one; `irfft` reads
half a spectrum and returns what is real. `scale` multiplies the sum: 1, 1 / N or 1 / sqrt(N).
"""

from .row import linear, unchanged


def _along(xp, values, x, axis):
    """A list of numbers, laid along one axis of `x`."""
    shape = [1] * len(x.shape)
    shape[axis] = len(values)
    return xp.reshape(xp.asarray(values, x), tuple(shape))


def _filled(xp, g, n, axis):
    """Half a spectrum with zeros in the other half."""
    none = (0,) * len(g.shape)
    high = tuple(n - g.shape[a] if a == axis else 0 for a in range(len(g.shape)))
    return xp.pad(g, 0.0, none, high, none)


def _rfft_transpose(xp, g, x, *, axis, scale):
    g = _filled(xp, g, x.shape[axis[-1]], axis[-1])
    return (xp.real(xp.fft(g, axis, False, scale)),)


def _irfft_transpose(xp, g, x, *, axis, scale, size):
    """Every frequency but 0 and size / 2 stands for two: itself and its conjugate."""
    half = x.shape[axis[-1]]
    twice = [1.0 if k == 0 or 2 * k == size else 2.0 for k in range(half)]
    spectrum = xp.conj(xp.rfft(g, axis, scale))
    return (spectrum * xp.astype(_along(xp, twice, g, axis[-1]), g.dtype),)


FOURIER = {
    "axes": unchanged, "moves": lambda *, axis, **_: axis,
    "batch": lambda batched, *, axis, **rest: rest | {"axis": tuple(a + 1 for a in axis)},
}  # fmt: skip

linear("fft", lambda xp, x, *, axis, inverse, scale: xp.fft(x, axis, inverse, scale),
       lambda xp, g, x, *, axis, inverse, scale: (xp.fft(g, axis, inverse, scale),),
       torch="torch.fft.fft torch.fft.fft2 torch.fft.fftn torch.fft.ifft torch.fft.ifftn",
       jax="jax.numpy.fft.fft jax.numpy.fft.fftn jax.numpy.fft.ifft jax.lax.fft", prims="",
       tex=r"y_k = s \sum_n x_n \, e^{\mp 2 \pi i k n / N}",
       dtex=r"\text{the same transform of } g",
       pitfalls="The result is complex: take .real, .imag or .abs() before a scalar loss.",
       cases=(([(4,)], {"axis": (0,), "inverse": False, "scale": 1.0}),
              ([(2, 3)], {"axis": (0, 1), "inverse": True, "scale": 0.5})),
       example="fft([1., 0.], axis=(0,), inverse=False, scale=1.) = [1.+0.j, 1.+0.j]", **FOURIER)
linear("rfft", lambda xp, x, *, axis, scale: xp.rfft(x, axis, scale), _rfft_transpose,
       torch="torch.fft.rfft torch.fft.rfft2 torch.fft.rfftn",
       jax="jax.numpy.fft.rfft jax.numpy.fft.rfftn", prims="",
       tex=r"y_k = s \sum_n x_n \, e^{-2 \pi i k n / N}, \; k \le N / 2",
       dtex=r"\text{the real part of the transform of } g \text{, filled up with zeros}",
       cases=(([(4,)], {"axis": (0,), "scale": 1.0}), ([(2, 5)], {"axis": (0, 1), "scale": 0.5})),
       example="rfft([1., 0.], axis=(0,), scale=1.) = [1.+0.j, 1.+0.j]", **FOURIER)
linear("irfft", lambda xp, x, *, axis, scale, size: xp.irfft(x, axis, scale, size),
       _irfft_transpose,
       torch="torch.fft.irfft torch.fft.irfft2 torch.fft.irfftn",
       jax="jax.numpy.fft.irfft jax.numpy.fft.irfftn", prims="",
       tex=r"y_n = s \, \mathrm{Re} \sum_k c_k \, x_k \, e^{2 \pi i k n / N}",
       dtex=r"c_k \text{ times the conjugate of the half spectrum of } g",
       pitfalls="The imaginary parts of the first and the middle frequency are not read.",
       cases=(([(3,)], {"axis": (0,), "scale": 1.0, "size": 4}),
              ([(2, 3)], {"axis": (0, 1), "scale": 0.5, "size": 5})),
       example="irfft([1., 1.], axis=(0,), scale=0.5, size=2) = [1., 0.]", **FOURIER)
