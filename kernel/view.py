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
