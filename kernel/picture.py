"""The picture of a tape as plain data: boxes with their words and places, edges with their paths.

Every rendering (SVG, Bokeh, table, text) reads this and nothing else, so they cannot disagree.
Deep tapes are broken into bands, like a text into lines; an edge that crosses a break leaves the
band at its right end and enters the next one at the left, under the name of the value it carries.
"""

from collections import Counter
from dataclasses import dataclass

from .boxes import box, gap_box, label
from .layout import layered
from .values import short

CHAR, PAD = 6.7, 22  # width of a character, and of what surrounds the text
HEIGHT, GAP_X, GAP_Y, BAND_GAP, MARGIN = 72, 44, 20, 30, 12
MAX_WIDTH = 1060  # what fits beside JupyterLab's side bar without scrolling
STUB = GAP_X // 2


@dataclass(frozen=True)
class Edge:
    source: int
    target: int
    pieces: tuple  # each piece is a tuple of (x, y) points, to be joined by curves


@dataclass(frozen=True)
class Picture:
    boxes: tuple
    places: tuple  # (x, y) of the top left corner of each box
    edges: tuple
    stubs: tuple  # (right end, y, names) where values enter a band
    box_width: int
    width: int
    height: int
    title: str
    summary: str
    backward: bool  # has any adjoint been computed?


def picture(tape, max_nodes=200):
    """Lay out a tape. Of a longer one the first and last nodes are shown, with a gap between."""
    boxes, left_out = _boxes(tape, max_nodes)
    column, height, routes = layered([b.parents for b in boxes])
    grid = Grid(_box_width(boxes), column, height, routes)
    edges = grid.edges()
    room = max((len(name) for _, _, name in _stubs(edges, boxes)), default=0) * CHAR + MARGIN
    if room > grid.left:  # long names enter a band: once more, with a wider margin
        grid = Grid(_box_width(boxes), column, height, routes, round(room))
        edges = grid.edges()
    backward = any(b.adjoint for b in boxes)
    return Picture(
        boxes=boxes,
        places=tuple(grid.corner(c, h) for c, h in zip(column, height, strict=True)),
        edges=edges,
        stubs=_stubs(edges, boxes),
        box_width=grid.box_width,
        width=grid.width,
        height=grid.height,
        title=f"Tape of {len(tape.nodes)} nodes, {tape.framework}",
        summary=_summary(tape, backward, left_out),
        backward=backward,
    )


# ----- which boxes -----
def _boxes(tape, most):
    nodes, hidden = _chosen(tape.nodes, most)
    place = {n.index: k for k, n in enumerate(nodes) if n is not None}
    middle = nodes.index(None) if hidden else None
    parents = [_parents(n, place, middle, hidden) for n in nodes]
    terms = Counter(p.index for n in tape.nodes if n.adjoint is not None for p in n.parents)
    ends = {n.index for n in tape.outputs if n is not None}
    return tuple(
        gap_box(len(hidden), ps) if n is None else box(n, ps, terms[n.index], n.index in ends)
        for n, ps in zip(nodes, parents, strict=True)
    ), len(hidden)


def _chosen(nodes, most):
    """The nodes to draw (None marks a gap) and the nodes that the gap hides."""
    if len(nodes) <= most:
        return list(nodes), []
    head, tail = (most + 1) // 2, most // 2
    return [*nodes[:head], None, *nodes[len(nodes) - tail :]], nodes[head : len(nodes) - tail]


def _parents(node, place, middle, hidden):
    """Positions of the boxes this one reads; what is hidden is read through the gap."""
    if node is None:
        read = (p.index for n in hidden for p in n.parents)
        return tuple(sorted({place[i] for i in read if i in place and place[i] < middle}))
    read = [p.index for p in node.parents if p.index is not None]
    return tuple(dict.fromkeys(place.get(i, middle) for i in read))


def _box_width(boxes):
    lines = [(f"{b.name}  {b.heading}", f"= {b.value}", f"d {b.below} +9") for b in boxes]
    return round(max((len(text) for ls in lines for text in ls), default=8) * CHAR + PAD)


def _summary(tape, backward, left_out):
    inputs = ", ".join(label(n) for n in tape.inputs) or "none"
    ends = [n for n in tape.outputs if n is not None]
    end = "; ".join(f"{label(n)} = {short(n.value)}" for n in ends) or "none on the tape"
    told = f"Inputs: {inputs}. Output: {end}. "
    told += "Adjoints stand under the values." if backward else "Adjoints: not computed."
    return told + (f" {left_out} nodes are left out in the middle." if left_out else "")


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

    def edges(self):
        return tuple(self._edge(a, b) for a, b in self.routes)

    def _edge(self, a, b):
        """From the right side of box a to the left side of box b, through the lanes between.

        A lane that an earlier edge of the same box has drawn is not drawn again.
        """
        box_of = {k: (self.column[k], self.height_of[k]) for k in (a, b)}
        lanes = self.routes[a, b]
        shared = min(self.reached.get(a, 0), len(lanes))
        self.reached[a] = max(self.reached.get(a, 0), len(lanes))
        start = lanes[shared - 1] if shared else box_of[a]
        return Edge(a, b, self._pieces([start, *lanes[shared:], box_of[b]]))

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


def _stubs(edges, boxes):
    """Where values enter a band, and which; several may enter at one point."""
    names = {}
    for edge in edges:
        for piece in edge.pieces[1:]:
            names.setdefault(piece[0], []).append(boxes[edge.source].name)
    return tuple((x + STUB - 4, y, ", ".join(dict.fromkeys(n))) for (x, y), n in names.items())
