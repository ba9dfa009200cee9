"""Dispatch: on torch, every operation inside `f` understands lanes as it runs.

PyTorch hands each call on a `Lane` to `call`; the spelling is lowered to a row exactly as it is for
autodiff's tape, and the row's mask rule does the rest.
"""

from autodiff_lab import source, xp
from autodiff_lab.on_torch.spellings import lower

from . import plans, rules
from .errors import MaskError
from .lane import Lane, size
from .lifting.items import joined, joins
from .torch_layers import LAYERS


def run(f, args, kwargs, count):
    return f(*args, **kwargs)


def call(func, args, kwargs):
    """One PyTorch call with lanes among its arguments."""
    known = plans.at_once(func, args) if args and not kwargs else None
    if known is not None:
        return known.run(args)
    seen = plans.Call(func, args, kwargs)
    known = plans.PLANS.get(seen.key)
    if known is not None:
        return known.run(seen.inputs)
    name = func.__name__
    verbs = xp.verbs("torch")
    if name == "size" and hasattr(func, "is_verb"):
        return size(*args)
    if name in ANSWERS:
        return ANSWERS[name](*args, **kwargs)
    if name in LAYERS:
        return LAYERS[name](*args, **kwargs)
    if joins(func, args):
        return joined(func, *args, **kwargs)
    lowered = lower(func, args, kwargs)
    if lowered is None:
        raise MaskError(
            f"torch.{name} at {source.here()} has no row, so nobody knows what a mask does to it; "
            "write it with operations that have one"
        )
    if lowered.rewritten is not None:
        return lowered.rewritten()
    row, xs, params = lowered.row, lowered.xs, lowered.params
    count = _count((*xs, *params.get("shape", ())))
    understand = rules.whole if row.kind == "composite" else rules.understand
    found = understand(row, verbs, count, xs, params)
    if found is None:  # a composite row whose body is run on lanes
        return row.fn(verbs, *xs, **params)
    plan, sizes = found
    y = plan.run(verbs, xs, sizes)
    if seen.key is not None:
        plans.remember(seen, plan, xs, sizes, y)
    return y


def _count(xs):
    counts = {x.data.shape[0] for x in xs if isinstance(x, Lane)}
    if len(counts) > 1:
        raise MaskError(f"batches of {' and '.join(map(str, sorted(counts)))} examples met; "
                        "call f with batches of the same examples")  # fmt: skip
    return counts.pop()


def _size(x, dim=None):
    return x.shape if dim is None else x.shape[dim]


def _new(name):
    """`x.new_zeros(3)`: the same for all examples, if no size is an example's own."""

    def new(x, *size, **how):
        parts = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
        if any(isinstance(n, Lane) for n in parts):
            raise MaskError(
                f"{name} with an example's own size at {source.here()} has no mask rule yet; "
                "write 0 * x, or zeros_like"
            )
        return getattr(x.data, name)(*size, **how)

    return new


ANSWERS = {
    "new_zeros": _new("new_zeros"),
    "new_ones": _new("new_ones"),
    "new_full": _new("new_full"),
    "size": _size,
    "is_floating_point": lambda x: x.data.is_floating_point(),
}
