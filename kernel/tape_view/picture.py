"""The picture of a tape as plain data: boxes with their words, and scenes with their places.

Every rendering (SVG, interactive, table, text) reads this and nothing else, so they cannot
disagree. A *scene* is one drawing: boxes, and the edges between them. A short tape has a flat scene
with a box per operation; a tape with calls and loops has a folded one, and each fold leads to a
scene of its own, drawn beneath when it is opened. However long the tape, the number of boxes is
bounded: what leads to something a reader should see (the first NaN) is opened first.
"""

from dataclasses import asdict, dataclass, replace
from math import isfinite

from . import alive, scan
from .boxes import Box, Words
from .folds import Fold, path_to, tree
from .names import labels
from .opened import inner_tape
from .overlays import overlays
from .scene import Scene, scene
from .sources import sources, written

FLAT, FLAT_FIRST = 100, 48  # the flat scene is offered, and comes first, up to so many nodes
MOST = 180  # boxes, in all scenes together
CELLS, MOST_CELLS = 12_000, 256  # of all heat maps, and of one
DEEP = 99  # folds to be opened, all that there are
OPENED = 12  # composite operations that are shown from inside
CHART = 240  # points of the chart of bytes


@dataclass(frozen=True)
class Picture:
    title: str
    summary: str
    findings: tuple  # (sentence, box) of what to look at first
    boxes: tuple
    scenes: tuple
    inside: dict  # box -> the scene that it opens into
    flat: int | None  # the scenes to begin with
    folded: int | None
    open: tuple  # boxes whose scenes are open from the start
    overlays: tuple
    chart: tuple  # bytes alive along both passes
    peak: int
    sources: tuple  # (title, ((line, text), ...)) for each file
    python: tuple  # (line of `to_source`, its place as in `Box.at` or None)
    steps: int  # nodes of the tape
    backward: bool  # has any adjoint been computed?
    way: str = "Values run from left to right; each adjoint stands under its value."
    heads: tuple | None = None  # of the text's columns, where they are not those of a tape

    @property
    def top(self):
        """The scene that is seen first."""
        short = self.flat is not None and len(self.scenes[self.flat].boxes) <= FLAT_FIRST
        return self.flat if short or self.folded is None else self.folded

    def model(self):
        """All of it as dicts, lists and words: the same tape gives the same model."""
        return asdict(self)


def picture(tape, at=None, most=MOST, **asked):
    """The picture of a tape; `at` is a node to be found in it. `asked`: see `overlays`."""
    sizes, names = scan.scan(tape), labels(tape)
    lives, found = alive.Lives(tape), alive.segments(tape)
    bytes_alive = lives.bytes(found)
    told = [*scan.findings(tape, sizes, names), *alive.findings(tape, lives, found)]
    told += [*asked["padding"].findings(names)] if asked.get("padding") else []
    wanted = [(at, DEEP)] if at is not None else []
    wanted += [(k, DEEP if told_nan else 1) for told_nan, k in _ranked(told, sizes)]
    text, files = sources(tape)
    cells = min(MOST_CELLS, CELLS // (2 * min(len(tape.nodes), most) or 1))
    words = Words(tape, names, sizes, files, cells)
    scenes = Scenes(words, most, wanted)
    layers = overlays(tape, sizes, scenes.boxes, lives=lives, segments=found, **asked)
    backward = any(n.adjoint is not None for n in tape.nodes)
    return Picture(
        title=f"Tape of {len(tape.nodes):,} node{'s' * (len(tape.nodes) != 1)}, {tape.framework}",
        summary=_summary(tape, words, backward),
        findings=tuple((sentence, scenes.box_of(k)) for sentence, k in told),
        boxes=tuple(scenes.boxes), scenes=tuple(scenes.scenes), inside=scenes.inside,
        flat=scenes.flat, folded=scenes.folded, open=tuple(scenes.open), overlays=tuple(layers),
        chart=_fewer(bytes_alive), peak=max(bytes_alive, default=0), sources=text,
        python=written(tape, files), steps=len(tape.nodes), backward=backward,
    )  # fmt: skip


def _ranked(told, sizes):
    """A NaN is to be seen itself; of the rest it is enough to see the turns that it is in."""
    for _, k in told:
        known = (sizes.values[k], sizes.adjoints[k])
        yield any(s is not None and not isfinite(s) for s in known), k


def _fewer(series):
    """The highest of each share: a peak is never left out."""
    each = -(-len(series) // CHART) or 1
    return tuple(max(series[i : i + each]) for i in range(0, len(series), each))


def _summary(tape, words, backward):
    inputs = [words.label(n) for n in tape.inputs]
    told = ", ".join(inputs[:8]) + f" and {len(inputs) - 8} more" * (len(inputs) > 8) or "none"
    ends = [words.node(n) for n in tape.outputs[:4] if n is not None]
    end = "; ".join(f"{b.name} = {b.value}" for b in ends) or "none on the tape"
    end += f" and {len(tape.outputs) - 4} more" * (len(tape.outputs) > 4)
    below = "Adjoints stand under the values." if backward else "Adjoints: not computed."
    return f"Inputs: {told}. Output: {end}. {below}"


class Scenes:
    """Boxes and scenes, made in the order of their weight until `most` boxes are there."""

    def __init__(self, words, most, wanted):
        self.words, self.tape, self.most = words, words.tape, most
        self.boxes: list = []
        self.scenes: list = []
        self.inside: dict = {}
        self.known: dict = {}  # node or fold -> its box
        parts = tree(self.tape)
        folds = any(isinstance(p, Fold) for p in parts)
        flat = len(self.tape.nodes) <= FLAT or not folds
        self.flat = self._scene(self.tape.nodes, 0) if flat else None
        self.folded = self._scene(parts, 0) if folds else None
        self.open = self._open_paths(parts, wanted) if self.folded is not None else []
        if self.folded is not None:
            self._open_rest(parts)
        self._open_composites()

    def _scene(self, parts, start, title=""):
        """Lay out the parts of one level; what they read from before `start` stands as ports."""
        found = scene(self.tape, parts, start, title, self._id, self.words.label)
        self.scenes.append(found)
        return len(self.scenes) - 1

    def _id(self, part):
        """The number of the box of a node or a fold."""
        if part not in self.known:
            made = self.words.fold(part) if isinstance(part, Fold) else self.words.node(part)
            self.known[part] = len(self.boxes)
            self.boxes.append(made)
        return self.known[part]

    def _opened(self, fold):
        box = self._id(fold)
        if box not in self.inside:
            self.inside[box] = self._scene(fold.parts, fold.first, self.boxes[box].name)
        return box

    def _open_paths(self, parts, wanted):
        """The folds around what a reader should see; open from the start, in the folded scene."""
        return list(dict.fromkeys(
            self._opened(fold) for index, depth in wanted[:4]
            for fold in path_to(parts, index)[:depth]
        ))  # fmt: skip

    def _open_rest(self, parts):
        """Breadth first, as far as the room goes; the first turn stands for the others."""
        level = [p for p in parts if isinstance(p, Fold)]
        while level:
            for fold in level:
                if len(self.boxes) + len(fold.parts) > self.most:
                    continue
                self._opened(fold)
            level = [p for f in level if self._id(f) in self.inside
                     for p in f.parts if isinstance(p, Fold)]  # fmt: skip

    def _open_composites(self):
        """The inner tape of a composite operation is a scene too."""
        nodes = [p for p in self.known if not isinstance(p, Fold)]
        for node in [n for n in nodes if n.row and n.row.kind == "composite"][:OPENED]:
            inner = inner_tape(self.tape, node)
            if inner is None or len(self.boxes) + len(inner.nodes) > self.most:
                continue
            self._inner(node, inner)

    def _inner(self, node, inner):
        prefix = f"{self.words.names[node.index]}."
        words = Words(inner, labels(inner), scan.scan(inner), {}, self.words.cells, prefix)
        ids = {}

        def box_id(part):
            if part not in ids:
                box = words.node(part)
                ids[part] = len(self.boxes)
                self.boxes.append(replace(box, first=node.index, last=node.index))
            return ids[part]

        title = f"{self.boxes[self.known[node]].name} = {node.op}, from inside"
        found = scene(inner, inner.nodes, 0, title, box_id, words.label)
        self.scenes.append(found)
        self.inside[self.known[node]] = len(self.scenes) - 1

    def box_of(self, index):
        """The smallest box that holds a node."""
        around = [k for k, b in enumerate(self.boxes) if b.first <= index <= b.last]
        return min(around, key=lambda k: self.boxes[k].last - self.boxes[k].first, default=None)


__all__ = ["Box", "Picture", "Scene", "picture"]
