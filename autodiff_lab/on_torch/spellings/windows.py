"""Spellings of convolution and pooling, of resizing, and of images cut into patches.

Whatever resizes an axis linearly is a contraction with a constant matrix, and PyTorch itself says
which: it resizes the identity (`_matrix`).
"""

import math

from ... import source, xp
from ...errors import AutodiffError
from ...table.convolution import out_shape


def _verbs():
    return xp.verbs("torch")


def _each(value, n):
    """`kernel_size=3` or `(3,)` or `(3, 5)` as one number per dim."""
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * n if len(value) == 1 else value


def _batched(n):
    """Give an input without a batch dim one, and take it away again."""

    def decorate(f):
        def rewritten(input, *args, **kwargs):
            if input.ndim == n + 2:
                return f(n, input, *args, **kwargs)
            if input.ndim != n + 1:
                raise AutodiffError(
                    f"an input of {input.ndim} dims came where {n + 1} or {n + 2} are needed "
                    f"({source.here()}): batch (may be left out), channels and {n} of space"
                )
            return f(n, input.unsqueeze(0), *args, **kwargs).squeeze(0)

        return rewritten

    return decorate


# ----- convolution -----
def _real(input):
    if input.dtype.is_complex:
        raise AutodiffError(
            f"convolution of complex tensors at {source.here()} has no gradient kernel on a CPU; "
            "convolve the real and the imaginary part"
        )


def _conv(n, *args, **kwargs):
    xs, params = _conv_plan(*args, **kwargs)
    return _verbs().conv_with_bias(*xs, **params)


def _conv_plan(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _real(input)
    n = weight.ndim - 2
    stride, dilation = _each(stride, n), _each(dilation, n)
    if input.shape[1] != weight.shape[1] * groups:
        raise AutodiffError(
            f"convolution at {source.here()}: an input with {input.shape[1]} channels in {groups} "
            f"group(s) does not fit a weight of shape {tuple(weight.shape)}"
        )
    padding = _conv_padding(padding, weight.shape[2:], stride, dilation)
    params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (input, weight) if bias is None else (input, weight, bias), params


def _conv_directly(input, *args, **kwargs):
    """The one row that a convolution of a batch is: what is to be rewritten is not for here."""
    if input.ndim < 3 or input.ndim != (args[0] if args else kwargs["weight"]).ndim:
        raise TypeError("no batch")
    return _conv_plan(input, *args, **kwargs)


def _conv_padding(padding, kernel, stride, dilation):
    if padding == "same":
        if any(s != 1 for s in stride):
            raise AutodiffError(f"padding='same' with stride {stride} ({source.here()})")
        reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((r // 2, r - r // 2) for r in reach)
    padding = 0 if padding == "valid" else padding
    return tuple((p, p) for p in _each(padding, len(kernel)))


def _conv_transpose(
    n, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    _real(input)
    stride, padding, more, dilation = (
        _each(v, n) for v in (stride, padding, output_padding, dilation)
    )
    space = [
        (m - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for m, k, s, p, extra, d in zip(
            input.shape[2:], weight.shape[2:], stride, padding, more, dilation, strict=True
        )
    ]
    params = {
        "shapes": ((input.shape[0], weight.shape[1] * groups, *space), tuple(weight.shape)),
        "stride": stride, "padding": tuple((p, p) for p in padding), "dilation": dilation,
        "gaps": (1,) * n, "groups": groups,
    }  # fmt: skip
    if out_shape(**params) != tuple(input.shape):
        raise AutodiffError(
            f"output_padding={more} does not fit stride {stride} ({source.here()}); it must be "
            "smaller than the stride or the dilation"
        )
    return _plus(_verbs().conv_input(input, weight, **params), bias)


def _plus(y, bias):
    return y if bias is None else y + bias.reshape((-1,) + (1,) * (y.ndim - 2))


# ----- pooling -----
def _window(n, x, kernel_size, stride, padding, dilation, ceil_mode):
    """The window over the last n axes, and how far `ceil_mode` reaches beyond the padding."""
    k, p, d = (_each(v, n) for v in (kernel_size, padding, dilation))
    s = k if stride is None or stride == () or stride == [] else _each(stride, n)
    over = [_overhang(*v) if ceil_mode else 0 for v in zip(x.shape[-n:], k, s, p, d, strict=True)]
    if any(2 * b > a for a, b in zip(k, p, strict=True)):
        raise AutodiffError(f"pooling at {source.here()}: padding {p} is more than half of {k}")
    one = (1,) * (x.ndim - n)
    pads = tuple((a, a + b) for a, b in zip(p, over, strict=True))
    ones = (1,) * x.ndim
    return {"window": one + k, "stride": one + s, "padding": ((0, 0),) * len(one) + pads,
            "dilation": one + d, "gaps": ones}, tuple(over)  # fmt: skip


def _overhang(n, k, s, p, d):
    """A last window that starts inside the input or its left padding may hang over the end."""
    reach, whole = d * (k - 1) + 1, n + 2 * p
    last = -(-(whole - reach) // s) * s  # where the last window starts
    last = last if last < n + p else last - s
    return max(0, last + reach - whole)


def _max_pool(n):
    def signature(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                  return_indices=False):  # fmt: skip
        if return_indices:
            raise TypeError("max_pool with return_indices=True")
        return (input,), _window(n, input, kernel_size, stride, padding, dilation, ceil_mode)[0]

    return signature


def _avg_pool(n):
    def signature(input, kernel_size, stride=None, padding=0, ceil_mode=False,
                  count_include_pad=True, divisor_override=None):  # fmt: skip
        window, over = _window(n, input, kernel_size, stride, padding, 1, ceil_mode)
        over = (0,) * (input.ndim - n) + over
        return (input,), window | {
            "count": divisor_override or ("padded" if count_include_pad else "valid"),
            "overhang": over,
        }

    return signature


def _lp_pool(n):
    def rewritten(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        import torch

        pool = getattr(torch.nn.functional, f"avg_pool{n}d")
        mean = pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        total = torch.sign(mean) * torch.relu(torch.abs(mean))
        return total.mul(math.prod(_each(kernel_size, n))).pow(1.0 / norm_type)

    return rewritten


def _adaptive_avg_pool(n):
    def rewritten(input, output_size):
        from torch.nn.functional import adaptive_avg_pool1d

        def resize(x, axis, size):
            return _along(x, axis, _matrix(x, axis, lambda eye: adaptive_avg_pool1d(eye, size)))

        return _every_axis(n, input, output_size, resize)

    return rewritten


def _every_axis(n, x, output_size, resize):
    sizes = (output_size,) * n if isinstance(output_size, int) else tuple(output_size)
    for axis, size in zip(range(x.ndim - n, x.ndim), sizes, strict=True):
        x = x if size is None else resize(x, axis, size)
    return x


def _adaptive_max_pool(n):
    def rewritten(input, output_size, return_indices=False):
        import torch

        out = (output_size,) * n if isinstance(output_size, int) else tuple(output_size)
        space = input.shape[-n:]
        out = [m if o is None else o for m, o in zip(space, out, strict=True)]
        if return_indices or any(m % o for m, o in zip(space, out, strict=True)):
            raise AutodiffError(
                f"adaptive_max_pool{n}d at {source.here()} from sizes {tuple(space)} to "
                f"{tuple(out)} has windows of different sizes, or was asked for indices; choose "
                "sizes that divide"
            )
        kernel = tuple(m // o for m, o in zip(space, out, strict=True))
        return getattr(torch.nn.functional, f"max_pool{n}d")(input, kernel)

    return rewritten


# ----- resizing: one constant matrix per axis -----
def _matrix(x, axis, resize):
    """The matrix of a linear map along one axis: its values on the identity, one row per entry."""
    import torch

    eye = torch.eye(x.shape[axis], dtype=x.dtype, device=x.device)
    return resize(eye[:, None, :]).reshape(x.shape[axis], -1)


def _along(x, axis, matrix):
    letters = "abcdefgh"[: x.ndim]
    out = letters.replace(letters[axis], "z")
    return _verbs().contract(x, matrix, f"{letters},{letters[axis]}z->{out}")


def _interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                 recompute_scale_factor=None, antialias=False):  # fmt: skip
    from torch.nn.functional import interpolate

    if antialias:
        raise AutodiffError(f"interpolate with antialias=True has no row ({source.here()})")
    n = input.ndim - 2
    if mode == "area" and size is not None:
        return _adaptive_avg_pool(n)(input, size)
    rest = {"mode": mode, "align_corners": align_corners,
            "recompute_scale_factor": recompute_scale_factor}  # fmt: skip
    sizes = [size] * n if size is None or isinstance(size, int) else list(size)
    scales = [scale_factor] * n if not isinstance(scale_factor, (tuple, list)) else scale_factor

    def resize(x, i):
        def of(eye):
            eye = eye.reshape(eye.shape[0], 1, eye.shape[-1], *(1,) * (n - 1))
            if sizes[i] is not None:
                return interpolate(eye, (sizes[i], *(1,) * (n - 1)), **rest)
            return interpolate(eye, None, (float(scales[i]), *(1.0,) * (n - 1)), **rest)

        return _along(x, 2 + i, _matrix(x, 2 + i, of))

    for i in range(n):
        input = resize(input, i)
    return input


# ----- patches: a convolution with one kernel per place in the window -----
def _places(x, channels, kernel):
    import torch

    eye = torch.eye(math.prod(kernel), dtype=x.dtype, device=x.device).repeat(channels, 1)
    return eye.reshape(-1, 1, *kernel)


@_batched(2)
def _unfold(n, input, kernel_size, dilation=1, padding=0, stride=1):
    kernel, channels = _each(kernel_size, n), input.shape[1]
    y = _conv(n, input, _places(input, channels, kernel), None, stride, padding, dilation, channels)
    return y.reshape(y.shape[0], y.shape[1], math.prod(y.shape[2:]))


def _fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    if input.ndim == 2:
        return _fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride)[0]
    kernel, out = _each(kernel_size, 2), _each(output_size, 2)
    stride, padding, dilation = _each(stride, 2), _each(padding, 2), _each(dilation, 2)
    channels = input.shape[1] // math.prod(kernel)
    params = {
        "shapes": ((input.shape[0], channels, *out), (input.shape[1], 1, *kernel)),
        "stride": stride, "padding": tuple((p, p) for p in padding), "dilation": dilation,
        "gaps": (1, 1), "groups": channels,
    }  # fmt: skip
    patches = input.reshape(out_shape(**params))
    return _verbs().conv_input(patches, _places(input, channels, kernel), **params)


def _pixel_shuffle(input, upscale_factor):
    r = upscale_factor
    *lead, c, h, w = input.shape
    m = len(lead)
    y = input.reshape(*lead, c // r**2, r, r, h, w)
    y = y.permute(*range(m), m, m + 3, m + 1, m + 4, m + 2)
    return y.reshape(*lead, c // r**2, h * r, w * r)


def _pixel_unshuffle(input, downscale_factor):
    r = downscale_factor
    *lead, c, h, w = input.shape
    m = len(lead)
    y = input.reshape(*lead, c, h // r, r, w // r, r)
    y = y.permute(*range(m), m, m + 2, m + 4, m + 1, m + 3)
    return y.reshape(*lead, c * r**2, h // r, w // r)


SIGNATURES = {
    f"{kind}_pool{n}d": (f"{kind}_pool", make(n))
    for n in (1, 2, 3)
    for kind, make in (("max", _max_pool), ("avg", _avg_pool))
}
REWRITES = {
    "interpolate": _interpolate, "unfold": _unfold, "fold": _fold,
    "pixel_shuffle": _pixel_shuffle, "pixel_unshuffle": _pixel_unshuffle,
}  # fmt: skip
for _n in (1, 2, 3):
    REWRITES |= {
        f"conv{_n}d": _batched(_n)(_conv), f"conv_transpose{_n}d": _batched(_n)(_conv_transpose),
        f"lp_pool{_n}d": _lp_pool(_n), f"adaptive_avg_pool{_n}d": _adaptive_avg_pool(_n),
        f"adaptive_max_pool{_n}d": _adaptive_max_pool(_n),
    }  # fmt: skip
DIRECTLY = {f"conv{_n}d": ("conv_with_bias", _conv_directly) for _n in (1, 2, 3)}
