"""Python's operators on a value that stands for a tensor, sent to `__torch_function__`.

This module imports no framework: a masked batch's lane has operators where torch is not installed.
"""

import functools
import operator


class Operators:
    """Python's operators, sent to `__torch_function__` without the detour through C++.

    `rank` decides who answers when two kinds meet: a masked batch outranks a box. `short` has the
    short ways: what to call at once for a function that is known.
    """

    __slots__ = ()
    __array_ufunc__ = None  # numpy arrays on the left must ask us
    framework, rank = "torch", 0
    short: dict = {}

    def __getitem__(self, index):
        return self._call(operator.getitem, self, index)

    def __setitem__(self, index, value):
        self._call(operator.setitem, self, index, value)

    def __hash__(self):
        return id(self)

    def __pos__(self):
        return self

    def __len__(self):
        return self._call(len, self)

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    @classmethod
    def _call(cls, func, *args):
        return cls.__torch_function__(func, (), args, {})


def _binary(func):
    def operate(self, other):
        if type(other) in _NUMBERS or getattr(other, "rank", 0) <= self.rank:
            quick = self.short.get(func)
            return self._call(func, self, other) if quick is None else quick(self, other)
        return NotImplemented

    return operate


def _flipped(func):
    def operate(self, other):
        if type(other) in _NUMBERS or getattr(other, "rank", 0) <= self.rank:
            quick = self.short.get(func)
            return self._call(func, other, self) if quick is None else quick(other, self)
        return NotImplemented

    return operate


def _comparison(func):
    operate = _binary(func)
    if func in (operator.eq, operator.ne):  # x == None is asked of everything
        return lambda self, other: func is operator.ne if other is None else operate(self, other)
    return operate


_NUMBERS = (float, int)


def _in_place(func):
    return lambda self, other: self._call(func, self, other)


for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
    _func, _plain = getattr(operator, _name), _name.rstrip("_")
    setattr(Operators, f"__{_plain}__", _binary(_func))
    setattr(Operators, f"__r{_plain}__", _flipped(_func))
    setattr(Operators, f"__i{_plain}__", _in_place(getattr(operator, f"i{_plain}")))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Operators, f"__{_name}__", _comparison(getattr(operator, _name)))
for _name in ("neg", "abs", "invert"):
    _func = getattr(operator, _name)
    setattr(Operators, f"__{_name}__", lambda self, func=_func: self._call(func, self))


class Methods(Operators):
    """A tensor's methods and properties too, for a value that is no `torch.Tensor`."""

    __slots__ = ()

    def __getattr__(self, name):
        found = None
        if not name.startswith("_"):  # JAX asks for some of its own
            import torch

            found = getattr(torch.Tensor, name, None)
        if found is None:
            raise AttributeError(f"a recorded tensor has no attribute {name!r}")
        if callable(found):
            return functools.partial(call_method, self, found)
        if name in PLAIN_PROPERTIES:
            return getattr(self.plain(), name)
        return type(self).__torch_function__(found.__get__, (), (self,), {})


# Properties that are no tensors: answered by the value.
PLAIN_PROPERTIES = frozenset(
    "is_cuda is_cpu is_mps is_meta is_leaf is_sparse is_quantized is_nested requires_grad grad "
    "layout itemsize nbytes names".split()
)


def call_method(x, found, *args, **kwargs):
    return type(x).__torch_function__(found, (), (x, *args), kwargs)
