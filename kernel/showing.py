"""`show(thing)`: one function draws everything. Which view draws which type stands in `VIEWS`.

A type is named by its package and its own name, not imported: so this file needs neither lab nor
framework, and a class may move within its package. A view is what `display` of IPython takes: it
has a `_repr_mimebundle_`, and a `repr` that says the same in words.
"""

import sys
from importlib import import_module

VIEWS = {  # (package, type): "module:function"; the function takes the thing and show's options
    ("autodiff_lab", "Tape"): "kernel.tape_view.view:view",
    ("autodiff_lab", "Sea"): "kernel.tape_view.view:view",
    ("masking_lab", "Board"): "kernel.views.leaderboard:leaderboard_view",
    ("autodiff_lab", "Memory"): "kernel.views.memory:memory_view",
    ("masking_lab", "MaskedBatch"): "kernel.views.batch:batch_view",
    ("torch", "Tensor"): "kernel.views.storage:strides",
    ("jaxlib", "ArrayImpl"): "kernel.views.storage:strides",
    ("jax", "Array"): "kernel.views.storage:strides",
    ("bokeh", "LayoutDOM"): "kernel.plots.own:Own",
}


def show(thing, **options):
    """Display the view of a thing; where there is no notebook, print it.

        show(tape)                            values, adjoints, findings, source; see also %%tape
        show(tape, at="h")                    opened where that node is: a name, a number, a node
        show(tape, time=True)                 each operation timed, forward and back
        show(tape, padding=True)              does padding leak? of the MaskedBatches
        show(tape, padding={"x": mask})       the same for a mask made by hand, True = valid
        show(ad.sea(f))                       regions and phis
        show(batch), show(board), show(array), show(figure)

    With `padding=` the recorded operations are run on other padding, and the recorded function on
    longer padding and among other examples: what changes has read it, counted it, or depends on
    who else is in the batch.
    """
    view = view_of(thing, **options)
    if _in_ipython():
        from IPython.display import display

        display(view)
    else:
        print(view)


def view_of(thing, **options):
    """The view that `show` displays."""
    for cls in type(thing).__mro__:
        where = VIEWS.get((cls.__module__.partition(".")[0], cls.__name__))
        if where is not None:
            module, name = where.split(":")
            return getattr(import_module(module), name)(thing, **options)
    if hasattr(thing, "_repr_mimebundle_") and not options:
        return thing
    raise TypeError(
        "show() draws a tape, a sea of nodes, a MaskedBatch, a leaderboard, a memory report, an "
        f"array of torch or jax, a Bokeh figure, and got {type(thing).__name__}; to see what a "
        "function did, show(ad.record(f, *args))"
    )


def _in_ipython():
    """Without importing IPython: a plain Python script has not done so either."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
