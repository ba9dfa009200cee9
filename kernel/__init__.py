"""Tapestry's IPython extension: `%load_ext kernel` brings cards, pictures and magics.

    torch.tanh?                    a card: both frameworks, derivative, mask rule
    show(tape), show(batch)        pictures: see `show`, `kernel.views`, `kernel.plots`
    %%tape, %%both, %why_nan ...   cells: see `kernel.cells`, or `%%both?`

Importing this package imports no framework, no Bokeh and no IPython; the pieces load when used.
"""

__all__ = [
    "compare",
    "jacobian_view",
    "load_ipython_extension",
    "memory_view",
    "plots",
    "show",
    "strides",
    "unload_ipython_extension",
]
_VIEWS = {"compare", "jacobian_view", "memory_view", "strides"}  # of kernel.views


def load_ipython_extension(ip):
    """Called by `%load_ext kernel`."""
    from .extension import load

    load(ip)


def unload_ipython_extension(ip):
    """Called by `%unload_ext kernel`: everything is as it was before."""
    from .extension import unload

    unload(ip)


def show(thing, **asked):
    """Draw a tape or a sea of nodes: forward values, and the adjoint of each value under it.

    In a notebook this is one output that holds the picture in several forms (interactive, SVG,
    table, text); elsewhere the text is printed. Calls and loops of a long tape are folded.

        show(tape, at="h·3")                  unfolded as far as this node
        show(tape, time=True)                 every operation is run again and timed
        show(tape, padding={"x": mask})       what depends on the entries where mask is False?
        show(tape, most=500)                  room for more boxes

    After `tape.backward()` adjoints are drawn, after `tape.forward(dx)` tangents too. Arrays,
    batches, leaderboards and memory reports are drawn too: see `kernel.views`.
    """
    from .showing import show

    show(thing, **asked)


def __getattr__(name):
    """What needs more than this file is imported when it is asked for."""
    from importlib import import_module

    if name in _VIEWS:
        return getattr(import_module("kernel.views"), name)
    if name == "plots":
        return import_module("kernel.plots")
    raise AttributeError(f"module 'kernel' has no attribute {name!r}")
