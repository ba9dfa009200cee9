"""Shorten a straight line without changing what it computes.

Each pass reads the whole program and states one reason for which a line is not needed. Storages
that are written to in place are left alone, lines and order.
"""

import torch

from .line import Line, Value, is_guard, is_pure, is_random, mapped, values_in, writes_to

LARGEST = 1 << 16  # entries of a constant that is worth keeping


def shorten(program, fuse=True):
    """All passes, in the order in which they help each other."""
    from . import convolutions, fusions

    follow_copies(program)
    fold_constants(program)
    multiply_by_one(program)
    share_equal_lines(program)
    drop_unread(program)
    if fuse:
        for fusion in (*convolutions.ALL, *fusions.ALL):
            fusion(program)
            drop_unread(program)
        share_equal_lines(program)
        keep_numbers_as_tensors(program)
    drop_unread(program)


# ----- a copy of something that nobody writes to is that thing -----
COPIES = frozenset("detach alias clone view _unsafe_view expand permute _to_copy".split())


def follow_copies(program):
    returned = {id(y) for y in program.returned()}
    old = {}
    for line in program.lines:
        if line.name in COPIES and id(line.out) not in returned and _is_copy(program, line):
            old[line.out] = line.args[0]
    program.lines = [ln for ln in program.lines if not (ln.outs and ln.out in old)]
    program.replace(old)


def _is_copy(program, line):
    x, y = line.args[0], line.out
    if x is y or not x.look.like(y.look):
        return False
    if x.storage == y.storage:
        return x.look.offset == y.look.offset
    return not {x.storage, y.storage} & program.written


# ----- what depends on nothing is computed once -----
def fold_constants(program):
    kept, outside = [], {y.storage for y in program.returned()} | program.written
    for line in program.lines:
        if _is_constant(line, outside):
            _compute(line)
        else:
            kept.append(line)
    program.lines = kept


def _compute(line):
    args, kwargs = mapped(lambda v: v.tensor, (line.args, line.kwargs))
    answer = line.func(*args, **kwargs)
    for y, tensor in zip(line.outs, answer if line.listed else [answer], strict=True):
        y.kind, y.tensor = "constant", tensor


def _is_constant(line, outside):
    if not line.outs or None in line.outs or not is_pure(line) or "empty" in line.name:
        return False
    small = all(y.look.size <= LARGEST and y.storage not in outside for y in line.outs)
    return small and all(v.kind == "constant" for v in line.reads())


def multiply_by_one(program):
    """The gradient starts with ones: the first products are copies."""
    old, returned = {}, {id(y) for y in program.returned()}
    for line in program.lines:
        if line.name in ("mul", "div") and id(line.out) not in returned:
            a, b = line.args[:2]
            pairs = ((a, b), (b, a)) if line.name == "mul" else ((a, b),)
            for x, one in pairs:
                if _is_one(one) and _like(x, line.out, program):
                    old[line.out] = x
                    break
    program.lines = [ln for ln in program.lines if not (ln.outs and ln.out in old)]
    program.replace(old)


def _is_one(x):
    if isinstance(x, Value):
        return x.kind == "constant" and bool((x.tensor == 1).all())
    return isinstance(x, (int, float)) and x == 1


def _like(x, y, program):
    if not isinstance(x, Value) or {x.storage, y.storage} & program.written:
        return False
    return x.look.like(y.look)


# ----- the same operation on the same values -----
def share_equal_lines(program):
    seen, old, kept = {}, {}, []
    returned = {y.storage for y in program.returned()}
    for line in program.lines:
        _rename(line, old)
        key = _key(line) if _may_share(line, program.written | returned) else None
        first = seen.setdefault(key, line) if key is not None else line
        if first is line:
            kept.append(line)
        else:
            pairs = zip(line.outs, first.outs, strict=True)
            old.update((a, b) for a, b in pairs if a is not None and a is not b)
    program.lines = kept
    program.replace(old)


def _rename(line, old):
    line.args = mapped(lambda v: old.get(v, v), line.args)
    line.kwargs = mapped(lambda v: old.get(v, v), line.kwargs)


def _may_share(line, outside):
    if not line.outs or not is_pure(line):
        return False
    touched = [*line.reads(), *(y for y in line.outs if y is not None)]
    return not any(v.storage in outside for v in touched)


def _key(line):
    return line.func, _hashable(_all_args(line)), _hashable(line.kwargs)


def _all_args(line):
    """With the defaults that were left out: windows move by their own size."""
    rest = line.func._schema.arguments[len(line.args) :]
    args = list(line.args) + [a.default_value for a in rest if not a.kwarg_only]
    names = [a.name for a in line.func._schema.arguments]
    if "stride" in names and "kernel_size" in names and not args[names.index("stride")]:
        args[names.index("stride")] = args[names.index("kernel_size")]
    return args


def _hashable(x):
    if isinstance(x, Value):
        return "value", id(x)
    if isinstance(x, (list, tuple)):
        return tuple([_hashable(i) for i in x])
    if isinstance(x, dict):
        return tuple((k, _hashable(v)) for k, v in sorted(x.items()))
    return type(x), repr(x)


# ----- what nobody reads -----
def drop_unread(program):
    """Backwards: a line stays if a later line reads it, if it is a guard, or seen from outside.

    A dead random draw stays too: the next draw depends on it.
    """
    outside = {v.storage for v in (*program.arguments, *program.closures, *program.returned())}
    read, storages, kept = {id(y) for y in program.returned()}, set(outside), []
    for line in reversed(program.lines):
        targets = {v.storage for v in writes_to(line)}
        wanted = any(y is not None and id(y) in read for y in line.outs)
        if wanted or is_guard(line) or is_random(line) or targets & storages:
            kept.append(line)
            for v in line.reads():
                read.add(id(v))
                storages.add(v.storage)
    program.lines = kept[::-1]


# ----- a Python number is wrapped into a tensor at each call: wrap it once -----
NUMBERED = frozenset("mul add sub div rsub gt ge lt le eq ne where".split())
EXACT = (torch.float32, torch.float64)  # half precision computes with the unrounded number


def keep_numbers_as_tensors(program):
    made = {}
    for i, line in enumerate(program.lines):
        if line.name in NUMBERED and not writes_to(line):
            program.lines[i] = _with_tensors(line, made) or line


def _with_tensors(line, made):
    tensors = [v for v in values_in(line.args) if v.look.dtype != torch.bool]
    numbers = [x for x in line.args if type(x) in (int, float)]
    if len(numbers) != 1 or not tensors or set(line.kwargs) - {"alpha"}:
        return None
    dtypes = {v.look.dtype for v in tensors}
    if line.kwargs.get("alpha", 1) != 1 or len(dtypes) != 1 or not dtypes <= set(EXACT):
        return None
    if len(line.args) > (3 if line.name == "where" else 2):  # rsub(x, 1, alpha)
        return None
    (dtype,) = dtypes
    args = [_number(x, dtype, made) if type(x) in (int, float) else x for x in line.args]
    name = "sub" if line.name == "rsub" else line.name
    args = args[::-1] if line.name == "rsub" else args
    overload = "self" if name == "where" else "Tensor"
    return line.derived(getattr(getattr(torch.ops.aten, name), overload), tuple(args))


def _number(x, dtype, made):
    """A number beside CUDA tensors may stay on the CPU: PyTorch reads it as a number."""
    key = float(x), str(x), dtype
    if key not in made:
        made[key] = Value(torch.tensor(x, dtype=dtype), "constant")
    return made[key]


def users(program):
    """How many lines read each value; an output is read once more."""
    count = {}
    for v in program.returned():
        count[v] = count.get(v, 0) + 1
    for line in program.lines:
        for v in line.reads():
            count[v] = count.get(v, 0) + 1
    return count


def makers(program) -> dict[Value, Line]:
    return {y: line for line in program.lines for y in line.outs if y is not None}
