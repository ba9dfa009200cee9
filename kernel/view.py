"""`show(tape)`: one output with four renderings; each front end takes the best it can show."""

from .html import html
from .picture import picture
from .svg import svg
from .tape_text import text


class View:
    """A tape, ready to be displayed. It is drawn when asked for, with the adjoints of then."""

    def __init__(self, tape, max_nodes=200):
        self.tape, self.max_nodes = tape, max_nodes

    def _repr_mimebundle_(self, include=None, exclude=None):
        drawn = picture(self.tape, self.max_nodes)
        return {"text/plain": text(drawn), "image/svg+xml": svg(drawn), "text/html": html(drawn)}

    def __repr__(self):
        return text(picture(self.tape, self.max_nodes))


def show(tape, max_nodes=200):
    if not hasattr(tape, "nodes"):
        raise TypeError(
            f"show() draws a tape, and got {type(tape).__name__}; make one with ad.record(f, *args)"
        )
    view = View(tape, max_nodes)
    if _in_ipython():
        from IPython.display import display

        display(view)
    else:
        print(view)


def _in_ipython():
    """Without importing IPython: a plain Python script has not done so either."""
    import sys

    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
