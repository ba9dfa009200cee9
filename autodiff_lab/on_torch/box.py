"""What travels through a recorded PyTorch function: a `Box`, a tensor without data.

A box is a `torch.Tensor`, so `isinstance` holds and modules accept it; but it has no storage of its
own. Whatever is done to it is therefore seen: Python's functions ask `__torch_function__`, what C++
does underneath arrives in `__torch_dispatch__`, and nothing can compute behind the tape's back.
"""

import functools
import operator
from collections.abc import Callable

import torch

from .. import source
from ..errors import AutodiffError
from ..operators import Operators

WRAP, STRIDED = torch.Tensor._make_wrapper_subclass, torch.strided
QUICK: dict = {}  # function of PyTorch -> its short way, which `quick` knows


class Box(Operators, torch.Tensor):
    """A tensor on its way through a recorded function: its value, its node, its tape.

    `base` is `(box, index)` where this one is `box[index]`: writing here writes there.
    """

    __slots__ = ("value", "node", "tape", "base")
    rank, short = 1, QUICK
    record: Callable
    record_inside: Callable  # how, `front` knows

    @staticmethod
    def of(value, node, tape):
        seen = value if type(value) is torch.Tensor else _seen(value)
        box = WRAP(Box, seen.shape, None, None, None, seen.dtype, STRIDED, seen.device)
        box.value, box.node, box.tape, box.base = value, node, tape, None
        return box

    @classmethod
    def of_input(cls, tape, value, name):
        return cls.of(value, tape.input(value, name), tape)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        quick = QUICK.get(func)
        if quick is not None:
            return quick(*args, **kwargs) if kwargs else quick(*args)
        return cls.slowly(func, types, args, kwargs or {})

    @staticmethod
    def _call(func, *args):
        quick = QUICK.get(func)
        if quick is not None:
            return quick(*args)
        if torch._C._is_torch_function_enabled():
            return Box.slowly(func, (), args, {})
        with torch._C._EnableTorchFunction():  # inside a function of PyTorch that is run as it is
            return Box.slowly(func, (), args, {})

    @classmethod
    def slowly(cls, func, types, args, kwargs):
        if any([getattr(t, "rank", 0) > cls.rank for t in types]):
            return NotImplemented
        return cls.record(func, args, kwargs)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return cls.record_inside(func, args, kwargs or {})

    @property
    def shape(self):
        return self.value.shape

    @property
    def dtype(self):
        return self.value.dtype

    @property
    def device(self):
        return self.value.device

    @property
    def ndim(self):
        return self.value.ndim

    @property
    def requires_grad(self):
        return self.node.active

    @property
    def _version(self):
        return self.value._version

    def plain(self):
        """The tensor inside, whatever the number of tapes around it."""
        return self.value.plain() if hasattr(self.value, "plain") else self.value

    def become(self, other):
        """What an in-place operation does to a box: from now on it stands for another node."""
        if type(other) is Box and other.tape is self.tape:
            self.value, self.node = other.value, other.node
        else:  # no derivative flows here any more
            self.value, self.node = other, self.tape.constant(other)

    def __bool__(self):
        return self.tape.concrete(self.node, bool(self.value))

    def __float__(self):
        return self.tape.concrete(self.node, float(self.value))

    def __int__(self):
        return self.tape.concrete(self.node, int(self.value))

    def __index__(self):
        return self.tape.concrete(self.node, operator.index(self.value))

    def __repr__(self):
        return f"Box({self.value!r})"

    def __format__(self, spec):
        return format(self.value, spec)

    def __array__(self, dtype=None, copy=None):
        raise AutodiffError(
            f"numpy was asked for a recorded tensor's data ({source.here()}), where no tape can "
            "follow; use x.detach() first if no derivative should flow, or torch's own function"
        )


def _seen(value):
    return value if isinstance(value, torch.Tensor) else value.data  # a masked batch's lane


# ----- methods that are often called go the short way without the detour through C++ -----
def _method(func):
    def method(self, *args, **named):
        quick = QUICK.get(func)
        if quick is not None and torch._C._is_torch_function_enabled():
            found = quick(self, *args, **named) if named else quick(self, *args)
            if found is not NotImplemented:
                return found
        return func(self, *args, **named)

    return functools.update_wrapper(method, func)


for (
    _name
) in """abs add chunk clamp cos div exp expand flatten log log_softmax matmul mean mm mul neg
    permute pow reshape relu sigmoid sin softmax sqrt square squeeze sub sum tanh transpose
    unsqueeze view""".split():
    setattr(Box, _name, _method(getattr(torch.Tensor, _name)))
