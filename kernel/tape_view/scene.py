"""One drawing: which boxes, where, and the edges between them, broken into bands.

Deep graphs are broken into bands, like a text into lines; an edge that crosses a break leaves the
band at its right end and enters the next one at the left, under the name of the value it carries.
"""

from bisect import bisect_right
from dataclasses import dataclass

from .folds import Fold
from .layout import layered

CHAR, PAD = 6.7, 22  # width of a character, and of what surrounds the text
HEIGHT, GAP_X, GAP_Y, BAND_GAP, MARGIN = 72, 44, 20, 30, 12
MAX_WIDTH = 1060  # what fits beside JupyterLab's side bar without scrolling
STUB = GAP_X // 2
PORTS = 8  # values from outside that a fold shows


@dataclass(frozen=True)
class Edge:
    source: int  # positions in `Scene.boxes`
    target: int
    pieces: tuple  # each piece is a tuple of (x, y) points, to be joined by curves
    back: bool = False  # leads back to an earlier box, as the end of a loop does
    control: bool = False  # carries no value, but says what comes next


@dataclass(frozen=True)
class Scene:
    title: str
    boxes: tuple  # numbers of `Picture.boxes`
    ports: int  # so many of them, at the front, stand for values from outside
    places: tuple  # (x, y) of the top left corner of each box
    edges: tuple
    stubs: tuple  # (right end, y, names) where values enter a band
    box_width: int
    width: int
    height: int


def scene(tape, parts, start, title, box_id, label):
    """Lay out parts of a tape (nodes and folds); what they read from elsewhere stands in front."""
    parents, outside = _parents(tape, parts, start)
    ports = sorted(sorted(outside, key=lambda i: (-outside[i], i))[:PORTS])
    place = {-1 - i: k for k, i in enumerate(ports)}
    place |= {k: k + len(ports) for k in range(len(parts))}
    shifted = [tuple(sorted(place[p] for p in ps if p in place)) for ps in parents]
    shown = [*(tape.nodes[i] for i in ports), *parts]
    ids = [box_id(p) for p in shown]
    names = [label(tape.nodes[p.stop - 1] if isinstance(p, Fold) else p) for p in shown]
    return drawn([()] * len(ports) + shifted, ids, names, title, len(ports))


def _parents(tape, parts, start):
    """For each part the parts it reads; what is outside has a negative number, and a count."""
    firsts = [p.first if isinstance(p, Fold) else p.index for p in parts]
    found, outside = [], {}
    for k, part in enumerate(parts):
        stop = part.stop if isinstance(part, Fold) else part.index + 1
        read = dict.fromkeys(
            p.index for n in tape.nodes[firsts[k] : stop] for p in n.parents
            if p.index is not None and p.index < firsts[k]
        )  # fmt: skip
        mine = []
        for i in read:
            if i >= start and firsts[0] <= i:
                mine.append(bisect_right(firsts, i) - 1)
            else:
                mine.append(-1 - i)
                outside[i] = outside.get(i, 0) + 1
        found.append(tuple(dict.fromkeys(mine)))
    return found, outside


def drawn(parents, ids, names, title, ports=0, widest=None, back=(), control=frozenset()):
    """A scene from the graph alone; `back` are edges against the order, (source, target)."""
    column, height, routes = layered(parents)
    width = widest or BOX
    grid = Grid(width, column, height, routes)
    edges = grid.edges(back, control)
    room = max((len(n) for _, _, n in _stubs(edges, names)), default=0) * CHAR + MARGIN
    if room > grid.left:  # long names enter a band: once more, with a wider margin
        grid = Grid(width, column, height, routes, round(room))
        edges = grid.edges(back, control)
    return Scene(
        title=title, boxes=tuple(ids), ports=ports,
        places=tuple(grid.corner(c, h) for c, h in zip(column, height, strict=True)),
        edges=edges, stubs=_stubs(edges, names),
        box_width=width, width=grid.width, height=grid.height,
    )  # fmt: skip


BOX = round(29 * CHAR + PAD)


# ----- from columns and heights to pixels -----
class Grid:
    def __init__(self, box_width, column, height, routes, left=MARGIN + GAP_X):
        self.box_width, self.routes = box_width, routes
        self.column, self.height_of = column, height
        self.reached = {}  # box -> how many of its lanes are drawn
        self.step = box_width + GAP_X
        columns = max(column, default=0) + 1
        self.per_band = max(2, min(columns, (MAX_WIDTH - 2 * MARGIN + GAP_X) // self.step))
        banded = columns > self.per_band
        self.left, right = (left, MARGIN + STUB) if banded else (MARGIN, MARGIN)
        self.width = self.left + min(columns, self.per_band) * self.step - GAP_X + right
        lanes = (point for route in routes.values() for point in route)
        self._stack_bands([*zip(column, height, strict=True), *lanes])

    def _stack_bands(self, points):
        """Each band starts below the lowest point of the one before."""
        levels = {}
        for c, h in points:
            levels.setdefault(c // self.per_band, []).append(h)
        self.top, y = {}, MARGIN
        for band in sorted(levels):
            low, high = min(levels[band]), max(levels[band])
            self.top[band] = y - low * (HEIGHT + GAP_Y)
            y += (high - low) * (HEIGHT + GAP_Y) + HEIGHT + BAND_GAP
        self.height = round(y - BAND_GAP + MARGIN) if levels else 2 * MARGIN

    def corner(self, c, h):
        x = self.left + (c % self.per_band) * self.step
        return x, round(self.top[c // self.per_band] + h * (HEIGHT + GAP_Y))

    def edges(self, back, control):
        ahead = [self._edge(a, b, (a, b) in control) for a, b in self.routes]
        return (*ahead, *(self._back(a, b, (a, b) in control) for a, b in back))

    def _back(self, a, b, control):
        """Under the boxes, from the right side of box a to the left side of box b."""
        (x0, y0), (x1, y1) = (self.corner(self.column[k], self.height_of[k]) for k in (a, b))
        low = max(y0, y1) + HEIGHT + GAP_Y // 2
        start, stop = (x0 + self.box_width, y0 + HEIGHT // 2), (x1, y1 + HEIGHT // 2)
        way = (start, (start[0] + STUB, low), (stop[0] - STUB, low), stop)
        return Edge(a, b, (way,), True, control)

    def _edge(self, a, b, control):
        """From the right side of box a to the left side of box b, through the lanes between.

        A lane that an earlier edge of the same box has drawn is not drawn again.
        """
        box_of = {k: (self.column[k], self.height_of[k]) for k in (a, b)}
        lanes = self.routes[a, b]
        shared = min(self.reached.get(a, 0), len(lanes))
        self.reached[a] = max(self.reached.get(a, 0), len(lanes))
        start = lanes[shared - 1] if shared else box_of[a]
        return Edge(a, b, self._pieces([start, *lanes[shared:], box_of[b]]), False, control)

    def _pieces(self, points):
        """Curves through the points, with a break where a new band begins."""
        pieces, piece = [], []
        for k, (c, h) in enumerate(points):
            x, y = self.corner(c, h)
            y += HEIGHT // 2
            if k and c % self.per_band == 0:
                piece.append((piece[-1][0] + STUB, piece[-1][1]))
                pieces.append(tuple(piece))
                piece = [(x - STUB, y)]
            piece += [(x, y)] if k else []
            piece += [(x + self.box_width, y)] if k < len(points) - 1 else []
        return (*pieces, tuple(piece))


def _stubs(edges, names):
    """Where values enter a band, and which; several may enter at one point."""
    found: dict = {}
    for edge in edges:
        for piece in edge.pieces[1:]:
            found.setdefault(piece[0], []).append(names[edge.source])
    return tuple((x + STUB - 4, y, ", ".join(dict.fromkeys(n))) for (x, y), n in found.items())
