"""What PyTorch checks, or writes, beside what a layer or a loss computes: for each example.

The rows know nothing of it, and the loop over the examples would meet it.
"""

from contextvars import ContextVar

from autodiff_lab import source, xp

from ..batches.masked_batch import valid
from ..errors import MaskError
from ..lane import Lane, certainly, examples_where, refill, size
from ..setting import setting


def _batch_norm(input, *args, **kwargs):
    """In training its statistics are one example's own; running ones would be everybody's."""
    if len(args) == 8:  # torch.batch_norm, whose order is another than F.batch_norm's
        running, training = args[2], args[4]
    else:
        names = ("running_mean", "running_var", "weight", "bias", "training")
        given = dict(zip(names, args, strict=False)) | kwargs
        running, training = given.get("running_mean"), given.get("training", False)
    if not training:
        return
    if running is not None:
        raise MaskError(
            f"batch_norm at {source.here()} is in training and would move its running statistics "
            "for one example after the other; call eval() on it, or take it out of f and normalise "
            "over all valid entries of the batch: ml.batch_norm(batch, module)"
        )
    _several(input, (0, *range(2, input.ndim)), "value per channel")


def _instance_norm(input, *args, use_input_stats=True, **_):
    on = args[4] if len(args) in (5, 6, 7, 8) else use_input_stats
    if on:
        _several(input, range(2, input.ndim), "spatial element")


def _several(input, axes, what):
    """PyTorch refuses to take a variance of one number."""
    if not isinstance(input, Lane):
        return
    n = size(input, tuple(axes))
    one = n.data == 1 if isinstance(n, Lane) else n == 1
    if one if isinstance(one, bool) else certainly(one.any()):
        told = "" if isinstance(one, bool) else f" on examples {examples_where(one)}"
        raise ValueError(f"Expected more than 1 {what} when training{told}")


def _targets(input, target, weight=None, size_average=None, ignore_index=-100, *_, **__):
    """Comparing with all classes would not notice one that does not exist."""
    if not isinstance(target, Lane) or target.dtype.is_floating_point:
        return
    axis = 1 if input.ndim > 1 else 0
    t, classes = refill(xp.of(target.data), target, 0).data, input.shape[axis]
    if isinstance(classes, Lane):
        classes = classes.data.reshape(-1, *[1] * (t.ndim - 1))
    wrong = ((t < 0) | (t >= classes)) & (t != ignore_index)
    if certainly(wrong.any()):
        first = int(t[wrong].reshape(-1)[0])
        raise IndexError(
            f"target {first} is out of bounds for {input.data.shape[axis + 1]} classes, on "
            f"examples {examples_where(wrong)}"
        )


# ----- the largest of nothing -----
OF_SOMETHING = ("max", "min", "argmax", "argmin")
_inside: ContextVar = ContextVar("a composite row is running", default=False)


def inside(row):
    """In the definition of a composite row the largest of nothing is no error."""
    return setting(_inside, _inside.get() or row.kind == "composite")


def refuse_nothing(name, xs, params):
    """PyTorch has no largest entry of an empty example; neither has a batch with one."""
    if name not in OF_SOMETHING or _inside.get():
        return
    x, axis = xs[0], params["axis"]
    for a in axis if isinstance(axis, tuple) else (axis,):
        n = x.sizes[a]
        if n is None:
            continue
        there = valid(xp.of(n), x.sizes[: n.ndim - 1], n.shape, n)
        empty = (n == 0) if there is None else (n == 0) & there
        if certainly(empty.any()):
            raise IndexError(
                f"{name} at {source.here()} of the entries along dim {a}, of which examples "
                f"{examples_where(empty)} have none"
            )


CHECKS = {
    "batch_norm": _batch_norm, "instance_norm": _instance_norm,
    "cross_entropy": _targets, "nll_loss": _targets,
}  # fmt: skip
