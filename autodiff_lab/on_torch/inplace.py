"""In-place operations on boxes: the new value is built beside the old one, and the box moves to it.

Nothing recorded is ever overwritten. What a reader of the program would see through another name,
a view that shares the storage, is either written through (`x[i] += 1`) or refused.
"""

import operator
import re
import sys

import torch

from .. import source
from ..errors import AutodiffError
from .box import Box

_SYMBOLS = dict(
    add="+", sub="-", mul="*", truediv="/", floordiv="//", mod="%", pow="**", matmul="@",
    and_="&", or_="|", xor="^", lshift="<<", rshift=">>",
)  # fmt: skip
_AUGMENTED = {getattr(operator, f"i{n.rstrip('_')}"): getattr(operator, n) for n in _SYMBOLS}
_SPOKEN = {f"i{n.rstrip('_')}": f"{symbol}=" for n, symbol in _SYMBOLS.items()} | {
    "setitem": "x[...] =", "__setitem__": "x[...] =",
}  # fmt: skip
_NAME = re.compile(r"(?P<name>[a-z]\w*[a-z0-9])_$")
# Whatever stood there before is gone: the new value is a constant.
_FRESH = frozenset(
    "zero_ fill_ normal_ uniform_ bernoulli_ random_ exponential_ geometric_ cauchy_ log_normal_ "
    "resize_".split()
)


def is_in_place(func, name, kwargs):
    return (
        func in _AUGMENTED
        or func is operator.setitem
        or func.__name__ == "__set__"
        or name == "__setitem__"
        or kwargs.get("inplace") is True
        or kwargs.get("out") is not None
        or (bool(_NAME.match(name)) and func not in (operator.and_, operator.or_))
    )


def in_place(tape, func, name, args, kwargs):
    """Run `func`, which writes into its first argument, and let that argument be the new value."""
    target = args[0] if args else None
    if name == "requires_grad_":
        return target
    if name == "detach_" and type(target) is Box and target.base is None:
        target.become(target.value.detach())
        return target
    if func.__name__ == "__set__":
        raise AutodiffError(_into_an_attribute(name))
    if type(target) is not Box or target.tape is not tape or kwargs.get("out") is not None:
        raise AutodiffError(_into_a_plain_tensor(_SPOKEN.get(name, name)))
    if name in ("setitem", "__setitem__"):
        value = args[2]
        if type(value) is Box and value.base is not None and _same(value.base, (target, args[1])):
            return None  # x[i] += 1 wrote through its view already
        beside = _beside(target, [value], args[1], name)
        _rebind(target, placed(target, args[1], value), name, beside)
        return None
    beside = _beside(target, args[1:], ..., name)
    new = _functional(tape, func, name, args, kwargs)
    return _rebind(target, new, name, beside)


def _functional(tape, func, name, args, kwargs):
    """The value that the in-place call would have written."""
    if func in _AUGMENTED:
        return _AUGMENTED[func](*args)
    if kwargs.get("inplace"):
        return func(*args, **{**kwargs, "inplace": False})
    if name in _FRESH and not any(type(a) is Box for a in args[1:]):
        return func(args[0].plain().clone(), *args[1:], **kwargs)
    if name == "fill_":
        return args[1].expand(args[0].shape).clone()
    if name == "copy_":
        return args[1].to(args[0].dtype).expand(args[0].shape).clone()
    return _without_underscore(func, name)(*args, **kwargs)


def _without_underscore(func, name):
    plain = _NAME.match(name)["name"]
    for place in (torch.Tensor, torch, torch.nn.functional):
        if hasattr(place, plain):
            return getattr(place, plain)
    raise AutodiffError(
        f"in-place {name} at {source.here()} has no counterpart that leaves its input alone; write "
        "it with operations that return their result"
    )


def _rebind(target, new, name, beside):
    name = _SPOKEN.get(name, name)
    _refuse_aliases(target, name, len(beside))
    if tuple(new.shape) != tuple(target.shape):
        raise AutodiffError(
            f"in-place {name} at {source.here()} would need shape {tuple(new.shape)}, but the "
            f"tensor has shape {tuple(target.shape)}"
        )
    if target.requires_grad and not torch.is_grad_enabled():
        raise AutodiffError(
            f"in-place {name} under torch.no_grad() at {source.here()} would change a value behind "
            "the derivative's back; build a new tensor instead"
        )
    new = new if new.dtype == target.dtype else new.to(target.dtype)
    base = target.base
    target.become(new)
    if base is not None:  # write through, and look at the new memory: it is shared again
        owner, index = base
        owner.become(placed(owner, index, target))
        target.become(owner[index])
    for x in beside:  # as before, they look at what the owner holds
        x.become(x.base[0][x.base[1]])
    return target


def _beside(target, operands, index, name):
    """Operands that look at the memory of the target, as in `y[i] += y[i - 1]`: each once."""
    owner, index = target.base or (target, index)
    found = {id(x): x for x in operands
             if type(x) is Box and x is not target and x.base is not None and x.base[0] is owner
             and memory(x.plain()) == memory(target.plain())}  # fmt: skip
    if not found or not _is_basic(index):  # z[[1, 2]] = z[0] is refused, by PyTorch as well
        return []
    places = torch.arange(owner.numel()).reshape(owner.shape)
    written = places[index]
    for x in found.values():
        read = places[x.base[1]]
        if not torch.equal(read, written) and torch.isin(read, written).any():
            raise AutodiffError(
                f"in-place {_SPOKEN.get(name, name)} at {source.here()} would write where its "
                "operand is read; clone() the operand first"
            )
    return list(found.values())


def _is_basic(index):
    items = index if isinstance(index, tuple) else (index,)
    return all([i is None or i is Ellipsis or type(i) in (int, slice) for i in items])


def _same(a, b):
    return a[0] is b[0] and (a[1] is b[1] or (type(a[1]) is type(b[1]) and str(a[1]) == str(b[1])))


def _refuse_aliases(target, name, known):
    """Does another tensor look at the same memory? Then it would have to change as well.

    Of `known` many it is known who they are.
    """
    owner = target if target.base is None else target.base[0]
    if owner.node.row is None and owner.node.index is not None:
        why = "is an argument of the recorded function"
    elif hasattr(_root(target.plain()), "stands_for"):
        why = "is a view of another tensor"
    elif _others(target) - known > (1 if target.base is None else 2):
        why = "shares its memory with another tensor that is still in use"
    else:
        return
    raise AutodiffError(
        f"in-place {name} at {source.here()} would change a recorded value that {why}; "
        f"{_instead(name)}, or clone() it first"
    )


def _others(target):
    """The tensors in this memory, without those that nobody but a snapshot or the tape has."""
    found, tape = target.plain(), target.tape
    return _tensors_of_storage(found) - tape.held(found) - _kept_alone(tape, memory(found))


def _kept_alone(tape, there):
    """The results in this memory that a tape keeps to be looked at later, and whose boxes are gone.

    Where a tape keeps all values everything is in a box, but for the arguments and what they view.
    """
    if tape.boxes is None:
        return 0
    boxes = [box() for box in tape.boxes]
    seen = {id(box.value) for box in boxes if box is not None}
    kept = {id(n.value): n.value for n in tape.nodes if n.row is not None}
    return sum([memory(v) == there for key, v in kept.items()
                if key not in seen and type(v) is torch.Tensor])  # fmt: skip


def stand_in(copy, original):
    """Where PyTorch gives a view, `copy` is recorded: neither may be written into from now on.

    The alias lives as long as the memory of the copy, and is counted where the original is.
    """
    _root(copy).stands_for = original.detach()


def _root(x):
    x = physical(x)
    return x if x._base is None else x._base


COPIED_VIEWS = frozenset("diagonal as_strided unfold view_as_real view_as_complex".split())


def _instead(name):
    if name == "x[...] =":
        return "build the new value with torch.where or torch.cat"
    if name.endswith("="):
        return f"write `x = x {name[:-1]} ...`"
    return f"use {name.strip('_')} and keep its result"


def memory(x):
    """Where a tensor's numbers lie, as an address."""
    return physical(x).untyped_storage()._cdata


def physical(x):
    """Under vmap: the whole batch."""
    while torch._C._functorch.is_functorch_wrapped_tensor(x):
        x = torch._C._functorch.get_unwrapped(x)
    return x


def _tensors_of_storage(x):
    x = physical(x)
    storage = x.untyped_storage()
    count = torch._C._storage_Use_Count(storage._cdata) - 1  # the Python object counts as one
    if x._base is not None and sys.getrefcount(x._base) == _UNREACHABLE:
        return count - 1
    return count


# A view keeps its base alive. How often is a base counted that nobody else can reach?
_VIEW = torch.zeros(2).view(2)
_UNREACHABLE = sys.getrefcount(_VIEW._base)


def _into_a_plain_tensor(name):
    return (
        f"in-place {name} at {source.here()} would write a recorded value into a tensor that is "
        "not recorded; collect the values in a list and use torch.stack or torch.cat, or start "
        "from a recorded tensor, such as x.new_zeros(...) + 0 * x"
    )


def _into_an_attribute(name):
    return (
        f"x.{name} = ... at {source.here()} would change a recorded value behind the derivative's "
        "back; build a new tensor instead"
    )


# ----- x[index] = value, as a function: a new tensor -----
def placed(x, index, value):
    """`x` with `value` at `index`: each entry is chosen from one or the other."""
    index = _looked_at(index) if x.tape.keep_all else index
    hit = torch.zeros(x.shape, dtype=torch.bool, device=x.device)
    hit[index] = True
    if not isinstance(value, torch.Tensor) or value.numel() == 1:
        value = value.reshape(()).to(x.dtype) if isinstance(value, torch.Tensor) else value
        return torch.where(hit, value, x)
    places = torch.arange(x.numel(), device=x.device).reshape(x.shape)[index]
    spread = value.to(x.dtype).expand(places.shape)
    # A reshaped result would keep its base alive, and with it a second tensor in the same memory.
    return torch.index_put(x, torch.unravel_index(places, x.shape), spread)


def _looked_at(index):
    """Where a tape keeps all values, masks are in boxes too; they have no derivative."""
    if isinstance(index, tuple):
        return tuple([_looked_at(i) for i in index])
    return index.plain() if type(index) is Box else index
