"""The view of a tape: one output, several renderings; each front end takes the best it can show.

The renderings are imported for the first picture: a kernel starts without them.
"""


class View:
    """The picture of a tape, ready to be displayed: words and numbers, none of the tape's arrays.

    So a picture that a notebook keeps (`Out[3]`) keeps no activations. `model()` is all of it as
    plain data, the same for the same tape.
    """

    def __init__(self, drawn):
        self.picture = drawn

    def model(self):
        return self.picture.model()

    def _repr_mimebundle_(self, include=None, exclude=None):
        from .html import html
        from .svg import svg
        from .text import text

        drawn = self.picture
        return {"text/plain": text(drawn), "image/svg+xml": svg(drawn), "text/html": html(drawn)}

    def __repr__(self):
        from .text import text

        return text(self.picture)


def view(thing, at=None, time=False, padding=None, most=None):
    """The `View` of a tape or of a sea of nodes."""
    if hasattr(thing, "schedule"):
        from .sea import picture_of_sea

        return View(picture_of_sea(thing))
    return View(_of_tape(thing, at, time, padding, {} if most is None else {"most": most}))


def _of_tape(tape, at, time, padding, room):
    from . import again
    from .padding import coverage
    from .picture import picture

    asked = {"time": again.times(tape) if time else None, "padding": coverage(tape, padding)}
    return picture(tape, _index(tape, at), **room, **asked)


def _index(tape, at):
    """A node may be given by itself, by number, or as the picture calls it."""
    from .names import labels

    if at is None or isinstance(at, int):
        return at
    found = getattr(at, "index", None) if hasattr(at, "parents") else None
    names = labels(tape)
    if isinstance(at, str) and at in names:
        found = names.index(at)
    if not isinstance(found, int):
        raise ValueError(f"show(at={at!r}): no such node; name one as the picture does, or v12")
    return found
