"""`%%both`: one cell, two frameworks, and the first difference between what they give.

The cell runs in the notebook's own namespace, so that functions defined before find `xp` too; what
it changed there is put back, but for functions and classes, which are the same on both sides.
"""

import contextlib
import io
import re
import types
from dataclasses import dataclass, field
from importlib import import_module

from ..tape_view.elsewhere import names_in
from ..values import number, numpy_of, short
from ..views.two_tapes import Comparison, Row, numbers_differ
from .running import names_read, names_set, parsed, refuse, run

MODULES = {"torch": "torch", "jax": "jax.numpy"}
RESULT = "result"  # what the table calls the last value
PLAIN = (bool, int, float, complex, str)


@dataclass
class Side:
    """What the cell gave on one framework."""

    framework: str
    values: dict = field(default_factory=dict)
    printed: str = ""
    error: BaseException | None = None


@dataclass(frozen=True, repr=False)
class Both(Comparison):
    """The result of `%%both`: displays itself, and is true if nothing differs."""

    torch: dict = field(default_factory=dict)
    jax: dict = field(default_factory=dict)


def both(ip, line, cell):
    name = line.strip()
    if name and not name.isidentifier():
        refuse(f"%%both takes a name for its result or nothing, and got {name!r}")
    tree, file = parsed(ip, cell)
    modules = {framework: _module(framework) for framework in MODULES}
    given = {f: _inputs(ip.user_ns, tree, f) for f in modules}  # before either side can change them
    sides = [_run(ip, tree, file, f, modules[f], given[f]) for f in modules]
    if all(s.error for s in sides):
        raise sides[0].error
    result = _compared(*sides)
    if name:
        ip.user_ns[name] = result
    return result


def _module(framework):
    try:
        return import_module(MODULES[framework])
    except ImportError:
        refuse(f"%%both runs the cell on torch and on jax, and {framework} is not installed here")


# ----- what a side is given -----
def _inputs(names, tree, framework):
    """The arrays that the cell reads, itself or in functions of the notebook, as its own."""
    read, new = set(), names_read(tree)
    while new:
        read |= new
        new = {m for n in new for m in _read_by(names.get(n), names)} - read
    read &= set(names) - {"xp"}
    return {n: new for n in read if (new := _as_own(names[n], framework)) is not names[n]}


def _read_by(value, names):
    """The globals that a function of the notebook reads."""
    if not isinstance(value, types.FunctionType) or value.__globals__ is not names:
        return set()
    return set(names_in(value.__code__))


def _as_own(value, framework):
    """The same value; its arrays are of this framework, and may be written to without harm."""
    from autodiff_lab import trees, xp

    if isinstance(value, (types.ModuleType, types.FunctionType, type)):
        return value
    try:
        leaves, _, rebuild = trees.flatten(value)
    except Exception:  # a container that is not one of ours
        return value
    if not any(map(xp.framework_of, leaves)):
        return value
    return rebuild([_exchanged(x, framework) for x in leaves])


def _exchanged(x, framework):
    from autodiff_lab import xp

    old = xp.framework_of(x)
    if old == "torch" and framework == "torch":
        return x.detach().clone().requires_grad_(x.requires_grad)
    array = None if old in (None, framework) else numpy_of(x)
    if array is None:
        return x
    dtype = str(x.dtype).removeprefix("torch.")
    if framework == "torch":
        torch = import_module("torch")
        return torch.tensor(array).to(getattr(torch, dtype))
    return import_module("jax.numpy").asarray(array, dtype=_known_to_jax(dtype))


def _known_to_jax(dtype):
    """Without its x64 mode JAX makes 32 bits of 64, and warns; so it is asked for 32."""
    wide = import_module("jax").config.jax_enable_x64
    return dtype if wide else dtype.replace("64", "32").replace("complex128", "complex64")


# ----- a side -----
def _run(ip, tree, file, framework, module, inputs):
    side, names, printed = Side(framework), ip.user_ns, io.StringIO()
    before = dict(names)
    names.update(inputs, xp=module)
    given = dict(names)
    try:
        with contextlib.redirect_stdout(printed):
            value = run(ip, tree, file, names)
    except Exception as error:
        side.error = error
        _advise(error, framework)
    else:
        changed = {n: names[n] for n in names_set(tree) if n in names}
        side.values = {**changed, **({} if value is None else {RESULT: value})}
        kept = {n: v for n, v in names.items() if given.get(n) is not v and _is_code(v)}
        before |= kept
    finally:
        for n in [n for n in names if n not in before]:
            del names[n]
        names.update(before)
    side.printed = printed.getvalue()
    return side


def _is_code(value):
    return isinstance(value, (types.FunctionType, type))


def _advise(error, framework):
    """A name that only one of the two has: what the other calls it."""
    found = re.search(r"module '(torch|jax\.numpy)' has no attribute '(\w+)'", str(error))
    if not isinstance(error, AttributeError) or not found:
        return
    from autodiff_lab import table

    other = "jax.numpy" if found[1] == "torch" else "torch"
    row = table.find(f"{other}.{found[2]}")
    spellings = row and (row.torch if framework == "torch" else row.jax)
    shared = {"array": "asarray", "tensor": "asarray"}.get(found[2])
    told = f"on both it is xp.{shared}" if shared else ""
    if not told and spellings:
        told = f"there it is {spellings[0]}"
    if told:
        error.args = (f"{error.args[0]}; {told}", *error.args[1:])


# ----- the two sides beside each other -----
def _compared(a, b):
    rows = [_row(name, a, b) for name in dict.fromkeys([*a.values, *b.values])]
    rows = [row for pair in rows for row in pair]
    if a.printed or b.printed:
        rows.insert(0, _printed(a.printed, b.printed))
    if a.error or b.error:
        rows.insert(0, _errors(a, b))
    first = next((k for k, row in enumerate(rows) if row.verdict), None)
    heads = (a.framework, b.framework)
    return Both(heads, tuple(rows), first, 0, 0, "Both", "in all that the cell gives",
                torch=a.values, jax=b.values)  # fmt: skip


def _row(name, a, b):
    """A row for each array in the two values of a name."""
    from autodiff_lab import trees

    missing = object()
    x, y = a.values.get(name, missing), b.values.get(name, missing)
    if x is missing or y is missing:
        told = [_side(name, v) if v is not missing else ("", "") for v in (x, y)]
        where = b.framework if x is missing else a.framework
        return [Row(*told[0], *told[1], f"{name} is there on {where} only")] if not (
            a.error or b.error) else []  # fmt: skip
    (xs, paths, _), (ys, others, _) = trees.flatten(x, name), trees.flatten(y, name)
    if paths != others:
        return [Row(*_side(name, x), *_side(name, y), f"{name}: another structure")]
    both_sides = zip(paths, xs, ys, strict=True)
    return [Row(*_side(p, v), *_side(p, w), _differs(p, v, w)) for p, v, w in both_sides
            if _told(v) or _told(w)]  # fmt: skip


def _differs(name, x, y):
    if isinstance(x, str) or isinstance(y, str):
        return "" if x == y else f"{name}: {x!r} on torch, {y!r} on jax"
    if tuple(getattr(x, "shape", ())) != tuple(getattr(y, "shape", ())):
        return f"{name}: shape {tuple(x.shape)} on torch, {tuple(y.shape)} on jax"
    return numbers_differ(x, y, ("torch", "jax"), name)


def _told(value):
    """Is it something to be compared: an array, a number, a text?"""
    return isinstance(value, PLAIN) or (hasattr(value, "dtype") and hasattr(value, "shape"))


def _side(name, value):
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{name}: {dtype}{list(value.shape)}", short(value)
    kind = type(value).__name__
    told = number(value) if isinstance(value, (int, float, complex)) else str(value)[:40]
    return f"{name}: {kind}", told if isinstance(value, PLAIN) else ""


def _printed(a, b):
    same = "" if a == b else f"printed: {_first_line(a, b)}"
    return Row("printed", a.strip()[:60], "printed", b.strip()[:60], same)


def _first_line(a, b):
    pairs = zip([*a.splitlines(), ""], [*b.splitlines(), ""], strict=False)
    return next((f"{x!r} on torch, {y!r} on jax" for x, y in pairs if x != y), "more on one side")


def _errors(a, b):
    failed, other = (a, b) if a.error else (b, a)
    told = f"{type(failed.error).__name__}: {str(failed.error).splitlines()[0][:160]}"
    line = _line(failed.error)
    verdict = f"{failed.framework} raises {told}{f' (line {line})' if line else ''}"
    left = ("raises", type(failed.error).__name__), ("runs", "")
    left = left if failed is a else left[::-1]
    return Row(*left[0], *left[1], f"{verdict}, {other.framework} does not")


def _line(error):
    """The line of the cell that the error came from."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if "ipython" in trace.tb_frame.f_code.co_filename.lower() and _is_cell(trace):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _is_cell(trace):
    return trace.tb_frame.f_globals.get("__name__") == "__main__" and "site-packages" not in (
        trace.tb_frame.f_code.co_filename
    )
