"""A straight line: every tensor operation of one run of value and gradient, in order.

It knows no calculus and no text. A `Value` is a tensor that was seen, a `Line` one operation of the
framework on values, a `Program` the lines with what goes in and what comes out.
"""

import math
from typing import NamedTuple


class Value:
    """One tensor of the line. `kind` is "argument", "closure", "constant" or "result".

    A closure's tensor is the object that the function found: it stays known by reference. Of the
    others only the `look` is kept, so that recording keeps nothing alive; the weak reference to the
    storage sees to it that no later tensor gets the same address.
    """

    __slots__ = ("kind", "look", "storage", "reserved", "tensor")

    def __init__(self, tensor, kind):
        from torch.multiprocessing.reductions import StorageWeakRef

        self.kind, self.look = kind, Look.of(tensor)
        self.reserved = StorageWeakRef(tensor.untyped_storage())
        self.storage = self.reserved.cdata
        self.tensor = tensor if kind in ("closure", "constant") else None

    @property
    def geometry(self):
        return self.storage, self.look

    def __repr__(self):
        return f"<{self.kind} {list(self.look.shape)}>"


class Look(NamedTuple):
    """All of a tensor but its memory."""

    shape: tuple
    stride: tuple
    offset: int
    dtype: object
    device: object
    conj: bool  # a conjugation, or a sign, that has not been carried out yet
    neg: bool

    @staticmethod
    def of(x):
        shape, stride = tuple(x.shape), x.stride()
        lazy = x.is_conj(), x.is_neg()
        return Look(shape, stride, x.storage_offset(), x.dtype, x.device, *lazy)

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    def like(self, other):
        """The same, wherever in its memory it may start."""
        return self._replace(offset=0) == other._replace(offset=0)


class Line:
    """`outs = func(*args, **kwargs)`, where it was written, and in which of the two walks.

    A guard is a line too: its `answer` is what Python was told, and it has no outs.
    """

    __slots__ = ("func", "args", "kwargs", "outs", "where", "part", "answer", "listed")

    def __init__(self, func, args, kwargs, outs, where, part, answer=None, listed=False):
        self.func, self.args, self.kwargs, self.outs = func, args, kwargs, outs
        self.where, self.part, self.answer, self.listed = where, part, answer, listed

    @property
    def name(self):
        """The operation's name without its overload: "mul" for `aten.mul.Tensor`.

        `prims.prod` takes other arguments than `aten.prod`: what is not aten's says whose it is.
        """
        if isinstance(self.func, str):
            return self.func
        name, home = self.func.overloadpacket.__name__, self.func.namespace
        return name if home == "aten" else f"{home}_{name}"

    @property
    def out(self):
        return self.outs[0]

    def reads(self):
        return list(values_in((self.args, self.kwargs)))

    def derived(self, func, args, kwargs=None):
        """The same result by another operation."""
        return Line(func, args, kwargs or {}, self.outs, self.where, self.part)

    def __repr__(self):
        return f"{self.outs} = {self.func}{self.args}"


class Program:
    def __init__(self):
        self.lines, self.arguments, self.closures, self.outputs = [], [], [], []
        self.written = set()  # the storages that some line writes to
        self.generators = {}  # known ones, with their states before the run
        self.drawn = set()  # those that were drawn from

    def returned(self):
        """The values among the outputs; the others are Python's."""
        return [y for y in self.outputs if isinstance(y, Value)]

    def owned(self):
        """Storages made by the line itself that nobody outside will ever see."""
        outside = {v.storage for v in (*self.arguments, *self.closures, *self.returned())}
        made = {y.storage for line in self.lines for y in line.outs if y and y.kind == "result"}
        fixed = {v.storage for line in self.lines for v in line.reads() if v.kind == "constant"}
        return made - outside - fixed - self.written

    def replace(self, old):
        """Put `old[v]` in the place of each value v, everywhere."""
        if not old:
            return

        def new(v):
            while v in old:
                v = old[v]
            return v

        moved = {v.storage: new(v).storage for v in old}
        for line in self.lines:
            line.args, line.kwargs = mapped(new, line.args), mapped(new, line.kwargs)
            for y in line.outs:  # a view of what was replaced is a view of what replaces it
                if y is not None:
                    y.storage = moved.get(y.storage, y.storage)
        self.outputs = [new(y) if isinstance(y, Value) else y for y in self.outputs]


# ----- arguments are nested lists and tuples with values in them -----
def values_in(args):
    if isinstance(args, Value):
        yield args
    elif isinstance(args, (list, tuple)):
        for x in args:
            yield from values_in(x)
    elif isinstance(args, dict):
        yield from values_in(list(args.values()))


def mapped(f, args, kind=Value):
    """`args` with f(v) in the place of each v of this kind."""
    if isinstance(args, kind):
        return f(args)
    if type(args) in (list, tuple):
        return type(args)([mapped(f, x, kind) for x in args])
    if type(args) is dict:
        return {k: mapped(f, x, kind) for k, x in args.items()}
    return args


# ----- what the schema of an operation says -----
def writes_to(line):
    """The values that the operation changes in place."""
    if isinstance(line.func, str):
        return []
    given = dict(zip([a.name for a in line.func._schema.arguments], line.args, strict=False))
    given.update(line.kwargs)
    found = [
        given[a.name]
        for a in line.func._schema.arguments
        if a.alias_info is not None and a.alias_info.is_write and a.name in given
    ]
    if line.name in SECRET_WRITERS:  # running statistics: the schema does not say so
        found += [given.get("running_mean"), given.get("running_var")]
    return list(values_in(found))


SECRET_WRITERS = frozenset(
    "native_batch_norm batch_norm cudnn_batch_norm miopen_batch_norm instance_norm "
    "_batch_norm_impl_index".split()
)


def is_random(line):
    import torch

    return not isinstance(line.func, str) and torch.Tag.nondeterministic_seeded in line.func.tags


def is_guard(line):
    return line.answer is not None


def is_pure(line):
    return not (is_guard(line) or is_random(line) or writes_to(line))
