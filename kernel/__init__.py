"""Tapestry's IPython extension: `%load_ext kernel` brings `?`-cards and `show(tape)`.

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
    from .extension import load

    load(ip)


def unload_ipython_extension(ip):
    from .extension import unload

    unload(ip)


def show(thing, **options):
    """Draw a tape, and whatever else has a view: what `kernel.showing.VIEWS` lists.

    In a notebook this is one output that holds the picture in several forms (interactive, SVG,
    table, text); elsewhere the text is printed. `show(tape, max_nodes=200)` draws a longer tape
    without its middle.
    """
    from .showing import show

    show(thing, **options)


def __getattr__(name):
    """What needs more than this file is imported when it is asked for."""
    from importlib import import_module

    if name in _VIEWS:
        return getattr(import_module("kernel.views"), name)
    if name == "plots":
        return import_module("kernel.plots")
    raise AttributeError(f"module 'kernel' has no attribute {name!r}")
