"""`%%tape`: a whole cell on one tape; and tapes that display themselves.

The arrays that a cell reads are the inputs of its tape; what it assigns is given back as usual.
Of a tape that a cell shows by naming it last, `Out` and `_` keep the picture and not the tape, so
that a notebook left open does not hold the activations of the morning.
"""

import ast
import types
from contextlib import suppress
from weakref import WeakKeyDictionary

from .elsewhere import copied, names_in
from .view import View, view

SHOWN = (("autodiff_lab.tape", "Tape"), ("autodiff_lab.sea_of_nodes", "Sea"))


def install(ip, undo):
    formatter = ip.display_formatter.mimebundle_formatter
    for module, name in SHOWN:
        before = formatter.deferred_printers.get((module, name))
        formatter.for_type_by_name(module, name, _bundle)
        undo.callback(_forget, formatter, module, name, before)

    def tape(line, cell):
        tape_cell(ip, line, cell)

    tape.__doc__ = tape_cell.__doc__
    ip.register_magic_function(tape, "cell")
    undo.callback(ip.magics_manager.magics["cell"].pop, "tape", None)

    def release(result=None):
        _release(ip, result)

    ip.events.register("post_run_cell", release)
    undo.callback(_unregister, ip, release)


_drawn: WeakKeyDictionary = WeakKeyDictionary()  # from its display until `Out` is looked at


def _bundle(thing, include=None, exclude=None):
    drawn = _drawn[thing] = view(thing)
    return drawn._repr_mimebundle_()


def _forget(formatter, module, name, before):
    import sys

    formatter.deferred_printers.pop((module, name), None)
    if before is not None:
        formatter.deferred_printers[module, name] = before
    kind = getattr(sys.modules.get(module), name, None)
    if formatter.type_printers.get(kind) is _bundle:  # it moves there when it is first used
        formatter.type_printers.pop(kind)


def _unregister(ip, callback):
    with suppress(ValueError):
        ip.events.unregister("post_run_cell", callback)


# ----- Out holds summaries -----
class Shown(View):
    """What stands in `Out` for a tape that was displayed: its picture, in words and numbers."""

    def __getattr__(self, name):
        raise AttributeError(
            f"Out keeps only the picture of a tape, which has no {name}; give the tape a name "
            "(tape = ad.record(...)) and use that"
        )


def _release(ip, result):
    """Put the picture in the place of a tape that was a cell's result."""
    from sys import modules

    module = modules.get("autodiff_lab.tape")
    outputs = ip.user_ns.get("_oh", {})
    last = max(outputs, default=None)
    tape = outputs.get(last)
    if module is None or type(tape) is not module.Tape:
        return
    shown = Shown((_drawn.pop(tape, None) or view(tape)).picture)
    outputs[last] = shown
    names = [name for name in ("_", f"_{last}") if ip.user_ns.get(name) is tape]
    ip.push(dict.fromkeys(names, shown), interactive=False)
    if getattr(ip.displayhook, "_", None) is tape:
        ip.displayhook._ = shown
    if getattr(result, "result", None) is tape:
        result.result = shown


# ----- %%tape -----
def tape_cell(ip, line, cell):
    """`%%tape [name]`: run the cell, and draw the tape of what it computes.

    The arrays that the cell reads from the notebook are the inputs; a scalar on the last line is
    differentiated. With a name, the tape is kept under it.

        %%tape t
        h = torch.tanh(x @ w)
        (h ** 2).sum()
    """
    from IPython.display import display

    from ..cells.running import parsed, refuse

    name = line.strip()
    if name and not name.isidentifier():
        refuse(f"%%tape takes a name for the tape or nothing, and got {name!r}")
    tree, file = parsed(ip, cell)
    inputs = _arrays(ip.user_ns, tree)
    if not inputs:
        given = [n for n in _given(tree) if n in ip.user_ns and n != "get_ipython"]
        refuse(
            f"%%tape found no array to begin from: the cell reads {', '.join(given) or 'no names'};"
            " make the tensors or JAX arrays in a cell before it, and use no other magic in it"
        )
    tape = _record(ip, tree, file, inputs)
    display(view(tape))
    if name:
        ip.user_ns[name] = tape


def _record(ip, tree, file, inputs):
    """Lend the notebook recorded values for one run; afterwards every name has its value again."""
    import autodiff_lab as ad

    from ..cells.running import run as run_in

    space, assigned = ip.user_ns, _assigned(tree)
    run = lambda space: run_in(ip, tree, file, space)  # noqa: E731
    before = {n: space[n] for n in {*inputs, *assigned} if n in space}

    def lend(values):
        space.update(values)
        y = run(space)
        return y, {n: space[n] for n in sorted(assigned) if n in space and _is_data(space[n])}

    results = None
    try:
        tape = ad.record(_with_arguments(lend, list(inputs)), *inputs.values())
        y, results = tape.output
    finally:
        lent = inputs if results is not None else before
        space.update({n: before[n] for n in lent if n in before})
        for n in assigned - set(before) if results is None else ():
            space.pop(n, None)
        space.update(results or {})
    tape.called = None if y is None else (_apart(ip, run, list(inputs)), [*inputs.values()], {})
    return _ending_in(tape, y, results)


def _apart(ip, run, names):
    """The cell as a function that leaves the notebook alone, to be run again on other values."""

    def cell(values):
        space = {**ip.user_ns, **values}
        for name, f in list(space.items()):
            if isinstance(f, types.FunctionType) and f.__globals__ is ip.user_ns:
                space[name] = copied(f, space)
        return run(space)

    return _with_arguments(cell, names)


def _with_arguments(f, names):
    """A function whose arguments are called as the cell calls them."""
    text = f"def cell({', '.join(names)}): return f(locals())"
    made: dict = {"f": f}
    exec(compile(text, __file__, "exec"), made)
    return made["cell"]


def _ending_in(tape, y, results):
    """The output of the tape is the last line, and the adjoints begin there; else all results."""
    from autodiff_lab import trees

    end = results if y is None else y
    leaves, _, rebuild = trees.flatten(end)
    start = len(trees.leaves(y)) if y is None else 0
    tape.finish(leaves, rebuild, tape.outputs[start : start + len(leaves)])
    scalar = len(leaves) == 1 and tuple(getattr(leaves[0], "shape", (0,))) == ()
    if y is not None and scalar and tape.outputs[0] is not None and tape.outputs[0].active:
        tape.backward()
    return tape


# ----- which names? -----
def _given(tree):
    """The names that a cell reads before it assigns them, in that order."""
    found: dict = {}
    assigned: set = set()
    for statement in tree.body:
        names = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
        updated = [n for n in names if getattr(statement, "op", None) and n is statement.target]
        read = [n.id for n in names if isinstance(n.ctx, ast.Load) or n in updated]
        found.update(dict.fromkeys(n for n in read if n not in assigned))
        assigned |= _assigned(ast.Module([statement], []))
    return list(found)


def _assigned(tree):
    stores, made = (ast.Store, ast.Del), (ast.FunctionDef, ast.ClassDef)
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, stores)}
    return names | {n.name for n in ast.walk(tree) if isinstance(n, made)}


def _arrays(space, tree):
    """The notebook's arrays, and containers with arrays, that the cell and its functions read."""
    names = dict.fromkeys(_given(tree))
    for name in list(names):
        names.update(dict.fromkeys(_read_by(space.get(name), space, set())))
    return {n: space[n] for n in names if n in space and _is_data(space[n])}


def _read_by(f, space, seen):
    """The notebook's names that a function of the notebook reads, and those that it calls."""
    if not isinstance(f, types.FunctionType) or f.__globals__ is not space or f in seen:
        return
    seen.add(f)
    for name in names_in(f.__code__):
        yield name
        yield from _read_by(space.get(name), space, seen)


def _is_data(value):
    from autodiff_lab import trees, xp

    if isinstance(value, (types.ModuleType, type)) or callable(value):
        return False
    leaves = trees.leaves(value)
    return any(xp.framework_of(x) is not None for x in leaves)
