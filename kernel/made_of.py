"""Which rows a composite row is made of, read off its compiled body.

The body calls verbs of `xp` (each a row of that name) and other bodies; the code object names them
all, for a lambda as for a `def`. Of Python's operators it does not say whether they meet arrays or
sizes, so these are not told apart.
"""

import dis
import functools
import types

import autodiff_lab as ad

HOME = "autodiff_lab.table"


@functools.cache
def rows_of(name):
    """The names of the rows that a composite row calls, in the order of its text."""
    found = dict.fromkeys(_called(ad.table.ROWS[name].fn, set()))
    return tuple(n for n in found if n != name and ad.table.ROWS[n].kind != "constant")


def _called(fn, seen):
    """Rows named in a body, with those of the helpers beside it."""
    fn = getattr(fn, "__wrapped__", fn)
    if fn in seen:
        return
    seen.add(fn)
    for cell in fn.__closure__ or ():  # a scan's body is handed the operation that it repeats
        if isinstance(cell.cell_contents, types.FunctionType):
            yield from _called(cell.cell_contents, seen)
    for kind, name in words(fn.__code__):
        helper = fn.__globals__.get(name) if kind == "global" else None
        ours = isinstance(helper, types.FunctionType) and helper.__module__.startswith(HOME)
        if name in ad.table.ROWS and (ours or kind == "attribute"):
            yield name
        elif ours:
            yield from _called(helper, seen)


def words(code):
    """`(kind, word)` for what a code object mentions: a "global" or an "attribute"."""
    before = None
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            yield "global", step.argval
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and before != "math":
            yield "attribute", step.argval
        elif isinstance(step.argval, types.CodeType):
            yield from words(step.argval)
        before = step.argval
