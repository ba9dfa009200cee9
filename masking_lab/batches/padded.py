"""The border: padded data as others have it, with a mask, and the padding on either side.

Tokenizers give `input_ids` and an `attention_mask` of ones and zeros, and pad on the left for
generation. Stored is what the rest of the lab knows: padding on the right, and lengths. So a
position counts from an example's first entry whichever side the padding came on.
"""

from autodiff_lab import xp

from ..errors import MaskError
from .masked_batch import MaskedBatch, aligned, shortened, told, valid


def from_padded(data, mask, lengths, side):
    """The `MaskedBatch` of padded data; see `MaskedBatch.from_padded`."""
    if xp.framework_of(data) is None:
        raise MaskError(
            f"from_padded was given data of type {type(data).__name__}; make it a torch.Tensor or "
            "a JAX array"
        )
    if (mask is None) == (lengths is None):
        raise MaskError("from_padded takes a mask or lengths, one of the two; pass lengths=...")
    verbs = xp.of(data)
    if mask is not None:
        return _from_mask(verbs, data, verbs.asarray(mask, data))
    lengths = lengths if isinstance(lengths, tuple) else (lengths,)
    return _from_lengths(verbs, data, lengths, side)


def to_padded(b, side, pad_value):
    """`(data, mask)` of a batch; see `MaskedBatch.to_padded`."""
    if side not in ("right", "left"):
        raise MaskError(f'side={side!r} is neither "right" nor "left"')
    verbs = xp.of(b.data)
    whole = valid(verbs, b.sizes, b.data.shape, b.data)
    if whole is None:
        return b.data, b.mask
    data = verbs.astype(verbs.where(whole, b.data, pad_value), b.dtype)
    mask = b.mask_of_all_dims()
    if side == "left":
        gaps = _gaps(b.data, b.sizes)
        data = _shifted(verbs, data, [None if n is None else -n for n in gaps])
        mask = _shifted(verbs, mask, [None if n is None else -n for n in gaps])
    return data, verbs.reshape(mask, b.mask.shape)


def _gaps(data, sizes):
    """How much padding each dim has, for each example."""
    return [None if n is None else m - n for n, m in zip(sizes, data.shape[1:], strict=True)]


def _shifted(verbs, x, by):
    """Entry i + by becomes entry i, round the end; inner dims first: they line up with outer."""
    axes = [a for a, n in enumerate(by) if n is not None and x.shape[a + 1] > 1]
    for a in sorted(axes, key=lambda a: -by[a].ndim):
        x = _moved(verbs, x, a + 1, by[a])
    return x


def _moved(verbs, x, axis, by):
    shape = tuple(x.shape)
    index = verbs.arange(shape, axis, verbs.index_dtype, x) + aligned(verbs, by, shape)
    index = verbs.astype(index % shape[axis], verbs.dtype(verbs.index_dtype))
    return verbs.take_along(x, index, axis)


# ----- lengths are given -----
def _from_lengths(verbs, data, lengths, side):
    sizes = [_checked(verbs, verbs.asarray(n, data), a, data) for a, n in enumerate(lengths)]
    sizes += [None] * (data.ndim - 1 - len(sizes))
    if side == "left":
        if any(n is not None and n.ndim > 1 for n in sizes):
            raise MaskError("nested lengths and padding on the left do not say what belongs to "
                            "what; pass the mask")  # fmt: skip
        data = _shifted(verbs, data, _gaps(data, sizes))
    return MaskedBatch(data, sizes, side)


def _checked(verbs, n, axis, data):
    shape = tuple(data.shape)
    fits = n.ndim and all(m in (1, k) for m, k in zip(n.shape, shape, strict=False))
    if not fits or n.ndim > axis + 1 or axis + 1 >= len(shape) or n.shape[0] != shape[0]:
        raise MaskError(
            f"lengths of shape {tuple(n.shape)} do not fit dim {axis} of examples in data of shape "
            f"{shape}; give one length per example, an array of shape ({shape[0]},)"
        )
    if verbs.is_inexact(n.dtype) or n.dtype == verbs.bool_type:
        raise MaskError(f"lengths are of dtype {n.dtype}; make them integers")
    if _known(((n < 0) | (n > shape[axis + 1])).any()):
        raise MaskError(
            f"lengths {told(n)} do not all lie between 0 and {shape[axis + 1]}, the padded size of "
            f"dim {axis}"
        )
    return shortened(verbs, n)


def _known(test):
    """Is it so? Under tracing nobody knows, and it is taken on trust."""
    try:
        return bool(test)
    except Exception:
        return False


# ----- a mask is given -----
def _from_mask(verbs, data, mask):
    if not 1 < mask.ndim <= data.ndim or tuple(mask.shape) != tuple(data.shape[: mask.ndim]):
        raise MaskError(
            f"a mask of shape {tuple(mask.shape)} does not fit data of shape {tuple(data.shape)}; "
            "give it the axis of the batch and, in front of all others, those of the ragged dims"
        )
    mask = _of_booleans(verbs, mask)
    sizes, starts = [], []
    for axis in range(mask.ndim - 1, 0, -1):  # from the innermost dim outwards
        start, n = _block(verbs, mask, axis, outer=bool(sizes))
        data = _moved(verbs, data, axis, start) if data.shape[axis] > 1 else data
        sizes = [_moved(verbs, m, axis, start) if m.ndim > axis else m for m in sizes]
        sizes, starts = [n, *sizes], [start, *starts]
        mask = verbs.any(mask, (axis,))
    left = any(_known((s > 0).any()) for s in starts)
    sizes = _independent(verbs, sizes) + [None] * (data.ndim - 1 - len(sizes))
    return MaskedBatch(data, sizes, "left" if left else "right")


def _of_booleans(verbs, mask):
    ones = mask if mask.dtype == verbs.bool_type else mask == 1
    try:
        proper = bool((ones | (mask == 0)).all())
    except Exception:
        raise MaskError(
            "the values of a mask are not known under jit or vmap; pass lengths=... instead"
        ) from None
    if not proper:
        raise MaskError(
            f"a mask holds {_odd(verbs, mask, ones)}; it holds True or 1 for what is valid, and "
            "False or 0 for padding"
        )
    return ones


def _odd(verbs, mask, ones):
    return mask[~(ones | (mask == 0))].tolist()[0]


def _block(verbs, mask, axis, outer):
    """`(start, length)` of the valid entries along an axis, which must lie together.

    Along an outer dim there may be entries with nothing in them; those at the end are padding.
    """
    shape = tuple(mask.shape)
    place = verbs.arange(shape, axis, "int32", mask)
    some = verbs.any(mask, (axis,))
    size = shape[axis]
    if size == 0:
        zero = verbs.astype(some, verbs.dtype("int32"))
        return zero, zero
    start = verbs.min(verbs.where(mask, place, size), (axis,))
    end = verbs.max(verbs.where(mask, place + 1, 0), (axis,))
    if outer:  # empty entries in front are entries, unless padding is on the left
        start = verbs.where(end == size, start, 0)
    else:
        _refuse_holes(verbs, mask, axis, end - start)
    zero = verbs.zeros_like(start)
    return verbs.where(some, start, zero), verbs.where(some, end - start, zero)


def _refuse_holes(verbs, mask, axis, length):
    count = verbs.sum(verbs.astype(mask, verbs.dtype("int32")), (axis,))
    holes = (count != length) & (count > 0)
    if not bool(holes.any()):
        return
    i = next(i for i, bad in enumerate(holes.tolist()) if bad is True or bad and any(_flat(bad)))
    raise MaskError(
        f"the mask of example {i} has holes, {mask[i].tolist()}; a MaskedBatch is valid in one "
        "piece along a dim: leave the entries out, or keep the mask as data of its own"
    )


def _flat(x):
    return [b for i in x for b in _flat(i)] if isinstance(x, list) else [x]


def _independent(verbs, sizes):
    """Lengths that do not really depend on an outer dim, without an axis for it."""
    for a, n in enumerate(sizes):
        for axis in range(1, n.ndim):
            if 0 in n.shape:
                continue
            live = valid(verbs, sizes[: n.ndim - 1], n.shape, n)
            most = verbs.max(n, (axis,), True)
            if bool(((n == most) | ~live).all()):
                n = most
        sizes[a] = shortened(verbs, n)
    return sizes
