"""Names, exactly or nearly: `?softmax`, `?jnp.sum`, `?sofmax`."""

import difflib
import re

from .homes import home_of, long

NAME = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")
NEAR = 0.75  # of difflib's ratio


class Names:
    """All names of all entries."""

    def __init__(self, entries):
        self.whole: dict = {}
        self.last: dict = {}
        for i, e in enumerate(entries):
            for place, name in enumerate(e["names"] if not e["concept"] else ()):
                self.whole.setdefault(name.lower(), i)
                self.last.setdefault(home_of(name)[1].lower(), []).append((place, i))
            if e["concept"]:
                self.last.setdefault(e["concept"].lower().replace(" ", "_"), []).insert(0, (-1, i))
        self.pieces: dict = {}
        for name in self.last:
            for piece in _pieces(name):
                self.pieces.setdefault(piece, []).append(name)

    def exact(self, text):
        """The entries that have this name, those of which it is the first name in front."""
        if not NAME.match(text):
            return []
        name = long(text).lower()
        if name in self.whole:
            return [self.whole[name]]
        found = sorted(self.last.get(name, ()), key=lambda pair: pair[0])
        return list(dict.fromkeys(i for _, i in found))

    def near(self, text, k=3):
        """The names that look most like it, best first: a typing mistake or two."""
        if not NAME.match(text):
            return []
        name = home_of(text)[1].lower()
        shared: dict = {}
        for piece in _pieces(name):
            for other in self.pieces.get(piece, ()):
                shared[other] = shared.get(other, 0) + 1
        likely = sorted(shared, key=lambda other: -shared[other] / (len(other) + 2))[:60]
        return difflib.get_close_matches(name, likely, k, NEAR)


def _pieces(name):
    """Pairs of letters, with the ends marked."""
    marked = f"^{name}$"
    return {marked[i : i + 2] for i in range(len(marked) - 1)}
