"""The torch front end: run the function on boxed values and write down what happens.

PyTorch calls `__torch_function__` on any argument that has it, so a plain Python class is enough to
see every operation; nothing is patched, and nothing can stay patched. Control flow is ordinary
Python: the tape sees the branch that was taken.

Boxes of two tapes may meet (`grad(grad(f))`). The tape with the highest level, the innermost,
records first; the values inside its boxes may be boxes of the next.
"""

import contextlib
import functools
import operator
import re

from . import source, trees
from .errors import AutodiffError
from .tape import closed_tape
from .torch_spellings import PLAIN, QUERIES, lower


def run(tape, call, leaves, names, boxed):
    """Fill `tape` with what `call` does to the leaves that are `boxed`.

    Torch's own graph is never built: tensors are detached as they come in. What runs under the
    user's `torch.no_grad()` is recorded, and no derivative flows through it.
    """
    import torch

    with torch.enable_grad():
        given = [
            Box.of_input(tape, leaf, name) if b else leaf
            for leaf, name, b in zip(leaves, names, boxed, strict=True)
        ]
        try:
            output = call(given)
        finally:
            tape.closed = True
    found, _, rebuild = trees.flatten(output)
    mine = [type(x) is Box and x.tape is tape for x in found]
    values = [x.value if m else x for x, m in zip(found, mine, strict=True)]
    nodes = [x.node if m else None for x, m in zip(found, mine, strict=True)]
    return tape.finish(values, rebuild, nodes)


class Operators:
    """Python's operators and a tensor's methods, sent to `__torch_function__`.

    `rank` decides who answers when two kinds meet: a masked batch outranks a box.
    """

    __slots__ = ()
    __array_ufunc__ = None  # numpy arrays on the left must ask us
    framework, rank = "torch", 0

    def __getattr__(self, name):
        return method(self, name)

    def __getitem__(self, index):
        return self._call(operator.getitem, self, index)

    def __setitem__(self, index, value):
        raise AutodiffError(
            f"in-place x[...] = ... at {source.here()} would change a recorded value; build the "
            "new value instead, for example with torch.where or torch.cat"
        )

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


def _binary(func, flipped):
    def operate(self, other):
        if other is None and func in (operator.eq, operator.ne):
            return func is operator.ne
        if getattr(other, "rank", 0) > self.rank:
            return NotImplemented
        return self._call(func, *((other, self) if flipped else (self, other)))

    return operate


def _in_place(symbol):
    def refuse(self, other):
        raise AutodiffError(
            f"in-place {symbol}= at {source.here()} would change a recorded value; "
            f"write `x = x {symbol} ...` instead"
        )

    return refuse


for _name, _symbol in dict(
    add="+",
    sub="-",
    mul="*",
    truediv="/",
    floordiv="//",
    mod="%",
    pow="**",
    matmul="@",
    and_="&",
    or_="|",
).items():
    _func, _plain = getattr(operator, _name), _name.rstrip("_")
    setattr(Operators, f"__{_plain}__", _binary(_func, flipped=False))
    setattr(Operators, f"__r{_plain}__", _binary(_func, flipped=True))
    setattr(Operators, f"__i{_plain}__", _in_place(_symbol))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Operators, f"__{_name}__", _binary(getattr(operator, _name), flipped=False))
for _name in ("neg", "abs", "invert"):
    _func = getattr(operator, _name)
    setattr(Operators, f"__{_name}__", lambda self, func=_func: self._call(func, self))


# Properties that are no tensors: answered by the value.
PLAIN_PROPERTIES = frozenset(
    "is_cuda is_cpu is_mps is_meta is_leaf is_sparse is_quantized is_nested requires_grad grad "
    "layout itemsize nbytes names".split()
)


def method(x, name):
    """`x.name`: the tensor method or property of that name, as a call on `x`."""
    import torch

    found = getattr(torch.Tensor, name, None)
    if found is None or name.startswith("_"):
        raise AttributeError(f"a recorded tensor has no attribute {name!r}")
    if callable(found):
        return functools.partial(_call_method, x, found)
    if name in PLAIN_PROPERTIES:
        return getattr(x.plain(), name)
    return type(x).__torch_function__(_property(name), (), (x,), {})


def _call_method(x, found, *args, **kwargs):
    return type(x).__torch_function__(found, (), (x, *args), kwargs)


@functools.cache
def _property(name):
    def get(x):
        return getattr(x, name)

    get.__name__ = name
    return get


class Box(Operators):
    """A tensor on its way through a recorded function: its value, its node, its tape."""

    __slots__ = ("value", "node", "tape", "__weakref__")
    rank = 1

    def __init__(self, value, node, tape):
        self.value, self.node, self.tape = value, node, tape

    @classmethod
    def of_input(cls, tape, value, name):
        value = tape.xp.detached(value)
        return cls(value, tape.input(value, name), tape)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if any(getattr(t, "rank", 0) > cls.rank for t in types):
            return NotImplemented
        return record(func, args, kwargs or {})

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

    def plain(self):
        """The tensor inside, whatever the number of tapes around it."""
        return self.value.plain() if type(self.value) is Box else self.value

    def __bool__(self):
        return bool(self.value)

    def __float__(self):
        return float(self.value)

    def __int__(self):
        return int(self.value)

    def __index__(self):
        return operator.index(self.value)

    def __repr__(self):
        return f"Box({self.value!r})"

    def __format__(self, spec):
        return format(self.value, spec)


def record(func, args, kwargs):
    """One call on boxed values: compute the value, add the node, box the result."""
    tape = _innermost(args, kwargs)
    if tape.closed:
        raise closed_tape()
    row, xs, params = PLAIN.get(func), args, {}
    if row is None or kwargs or len(args) != row.arity:  # the short way is for `torch.tanh(x)`
        if func.__name__ in QUERIES:
            return _compute(func, _unbox(tape, args), _unbox(tape, kwargs))
        lowered = lower(func, args, kwargs)
        if lowered is None:
            return _discrete(tape, func, args, kwargs)
        if lowered.rewritten is not None:
            return lowered.rewritten()
        row, xs, params = lowered.row, lowered.xs, lowered.params
    values, parents = [], []
    for x in xs:
        mine = type(x) is Box and x.tape is tape
        values.append(x.value if mine else _unbox(tape, x))
        parents.append(x.node if mine else tape.constant(values[-1]))
    unboxed = values if xs is args else _unbox(tape, args)
    y = _compute(func, unboxed, _unbox(tape, kwargs) if kwargs else kwargs)
    where, scope = source.locate(__file__) if tape.keep_all else (None, ())
    frozen = not _torch().is_grad_enabled()
    return Box(y, tape.add(row, tuple(parents), values, params, y, scope, where, frozen), tape)


@functools.cache
def _torch():
    import torch

    return torch


def _innermost(args, kwargs):
    found = None
    for x in (*args, *kwargs.values()) if kwargs else args:
        kind = type(x)
        if kind is Box:
            if found is None or x.tape.level > found.level:
                found = x.tape
        elif kind is list or kind is tuple:
            inner = _innermost(x, {})
            if inner is not None and (found is None or inner.level > found.level):
                found = inner
    return found


def _compute(func, args, kwargs):
    """The framework's own value; boxes that remain belong to outer tapes, which record it first."""
    if _innermost(args, kwargs) is None:
        return func(*args, **kwargs)
    return record(func, args, kwargs)


def _unbox(tape, x):
    kind = type(x)
    if kind is Box:
        return x.value if x.tape is tape else x
    if kind is list or kind is tuple:
        return kind([_unbox(tape, item) for item in x])
    if kind is dict:
        return {k: _unbox(tape, v) for k, v in x.items()}
    if kind is float or kind is int:
        return x
    return tape.xp.detached(x)


def _discrete(tape, func, args, kwargs):
    """No row: an answer of integers or booleans has no derivative; anything else is refused."""
    import torch

    y = None
    if not _IN_PLACE.match(func.__name__):
        with contextlib.suppress(Exception):
            y = _compute(func, _unbox(tape, args), _unbox(tape, kwargs))
    plain = y.value if type(y) is Box else y
    if isinstance(plain, torch.Tensor) and not (plain.is_floating_point() or plain.is_complex()):
        return y
    raise AutodiffError(no_row(func))


_IN_PLACE = re.compile(r"__setitem__|__i(add|sub|mul|truediv|pow|and|or|xor)__|.*[^_]_$")


def no_row(func):
    name = func.__name__
    if _IN_PLACE.match(name):
        return (
            f"in-place {name} at {source.here()} would write a recorded value into a tensor, or "
            f"change one; use {name.strip('_')} and keep its result, or torch.where"
        )
    return (
        f"no row for torch.{name} ({source.here()}); write it with operations that have one, or "
        f"add the row: from autodiff_lab.table.row import pointwise; "
        f"pointwise({name!r}, lambda xp, x: xp.{name}(x), d=lambda xp, y, x: <its derivative>)"
    )
