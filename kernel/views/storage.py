"""Where the entries of arrays lie in memory: the storage as a strip, each view as a grid on it.

Drawn after E. Yang's "PyTorch internals" (2019): a tensor is a shape, strides and an offset on a
storage; entry (i, j) lies at offset + i * strides[0] + j * strides[1]. JAX's arrays have none of
these and cannot be written to: what would be a view is, to the program, an array of its own.
"""

import ast
import itertools
import linecache
import math
import sys
from dataclasses import dataclass

from ..plots.drawing import Drawing
from ..plots.scene import Scene, width_of
from ..plots.theme import SERIES
from ..values import number, numpy_of

DRAWN = 64  # places of one storage
SIDE = 12  # rows and columns of one view
CELL_W, CELL_H, PER_LINE, WIDEST = 40, 26, 16, 700
TOO_MANY = 4096  # entries of a view that are followed


@dataclass(frozen=True)
class Storage:
    name: str
    framework: str
    dtype: str
    places: int
    bytes: int
    values: tuple  # of the first places, in words


@dataclass(frozen=True)
class View:
    name: str
    storage: int
    shape: tuple
    strides: tuple  # of JAX None: it has none
    offset: int
    contiguous: bool

    def entries(self):
        """`(index, place in the storage)` for each entry, row by row."""
        steps = self.strides or _row_major(self.shape)
        for index in itertools.product(*map(range, self.shape)):
            yield index, self.offset + sum(i * s for i, s in zip(index, steps, strict=True))


def strides(*arrays, **named):
    """Draw the memory of arrays: which entry lies where, and which arrays share a storage.

    Several at once are overlaid. PyTorch and JAX may stand side by side. Names are taken from the
    caller's variables, or given: `strides(x, turned=x.T)`.

    >>> import torch
    >>> from kernel import strides
    >>> x = torch.arange(6.).reshape(2, 3)
    >>> print(strides(x=x, turned=x.T).alt)
    x: shape (2, 3), strides (3, 1), offset 0, contiguous, on storage A (torch, 6 places of\
 float32, 24 bytes). turned: shape (3, 2), strides (1, 3), offset 0, not contiguous, on storage A\
 as well.
    """
    given = [*zip(_names(arrays), arrays, strict=True), *named.items()]
    if not given:
        raise TypeError("strides() draws arrays of torch or jax, and got none; try strides(x, x.T)")
    return Strides(*_model(given))


@dataclass(frozen=True, repr=False)
class Strides(Drawing):
    """What `strides` returns; displays itself."""

    storages: tuple
    views: tuple
    title: str = "Memory"

    @property
    def alt(self):
        return " ".join(self._told(k, v) for k, v in enumerate(self.views))

    def _told(self, k, view):
        s = self.storages[view.storage]
        first = all(v.storage != view.storage for v in self.views[:k])
        about = f"{s.framework}, {s.places} places of {s.dtype}, {s.bytes:,} bytes"
        on = f"on storage {s.name} ({about})" if first else f"on storage {s.name} as well"
        if view.strides is None:
            return f"{view.name}: shape {view.shape}, no strides and never written to, {on}."
        how = "contiguous" if view.contiguous else "not contiguous"
        return (f"{view.name}: shape {view.shape}, strides {view.strides}, "
                f"offset {view.offset}, {how}, {on}.")  # fmt: skip

    def data(self):
        return {
            "kind": "strides", "alt": self.alt,
            "storages": [{**vars(s), "values": list(s.values)} for s in self.storages],
            "views": [
                {**vars(v), "shape": list(v.shape), "strides": v.strides and list(v.strides)}
                for v in self.views
            ],
        }  # fmt: skip

    def drawn(self):
        """Every entry that is drawn: `(row of the table, view, index, place)`."""
        rows = itertools.count()
        return [
            (next(rows), k, index, place)
            for k, v in enumerate(self.views)
            for index, place in itertools.islice(v.entries(), TOO_MANY)
            if place < DRAWN and all(i < SIDE for i in index[-2:])
        ]

    def rows(self):
        rows = []
        for _, k, index, place in self.drawn():
            view = self.views[k]
            s = self.storages[view.storage]
            entry = f"{view.name}[{', '.join(map(str, index))}]"
            rows.append([entry, f"{s.name}, {place}", s.values[place]])
        return ["entry", "storage and place", "value"], rows

    def scene(self):
        return _scene(self)


# ----- from arrays to the model -----
def _model(given):
    storages, views, keys = [], [], {}
    for name, x in given:
        key, make, view = _read(name, x)
        if key not in keys:
            keys[key] = len(storages)
            storages.append(make(chr(65 + len(storages))))
        views.append(View(name, keys[key], **view))
    return tuple(storages), tuple(views)


def _read(name, x):
    package = type(x).__module__.partition(".")[0]
    kinds = [f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(x).__mro__]
    if "torch.Tensor" in kinds:
        return _read_torch(name, x)
    if package in ("jax", "jaxlib") and hasattr(x, "dtype") and numpy_of(x) is not None:
        return _read_jax(x)
    raise TypeError(f"strides() draws arrays of torch or jax; {name} is a {type(x).__name__}")


def _read_torch(name, x):
    import torch

    if x.layout is not torch.strided or x.is_nested or x.is_meta:
        kind = "nested" if x.is_nested else f"{x.layout} on {x.device}"
        raise TypeError(f"{name} has no strides on memory of its own: it is {kind}")
    x, storage = x.detach(), x.untyped_storage()
    places = storage.nbytes() // x.element_size()
    flat = x.as_strided((min(places, DRAWN),), (1,), 0)
    dtype = str(x.dtype).removeprefix("torch.")
    make = lambda letter: Storage(letter, "torch", dtype, places, storage.nbytes(), _words(flat))  # noqa: E731
    view = {"shape": tuple(x.shape), "strides": tuple(x.stride()), "offset": x.storage_offset(),
            "contiguous": x.is_contiguous()}  # fmt: skip
    return ("torch", storage.data_ptr(), dtype, places), make, view


def _read_jax(x):
    array = numpy_of(x).reshape(-1)
    dtype = str(x.dtype)
    make = lambda letter: Storage(letter, "jax", dtype, x.size, x.nbytes, _words(array[:DRAWN]))  # noqa: E731
    view = {"shape": tuple(x.shape), "strides": None, "offset": 0, "contiguous": True}
    return ("jax", _buffer(x), dtype, x.size), make, view


def _buffer(x):
    """Where the array lies, as far as JAX tells: on one device it does."""
    try:
        return x.unsafe_buffer_pointer()
    except Exception:
        return id(x)


def _words(flat):
    array = numpy_of(flat)
    return tuple(number(v) for v in array.tolist()) if array.dtype.kind in "biufc" else ()


def _row_major(shape):
    return [math.prod(shape[k + 1 :]) for k in range(len(shape))]


def _names(arrays):
    """What the caller wrote for them; where that cannot be read, their place."""
    frame = sys._getframe(1)
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] == "kernel":
        frame = frame.f_back
    try:
        written = _arguments(frame)
    except (OSError, SyntaxError, AttributeError, TypeError, IndexError):
        written = []
    if len(written) != len(arrays):
        written = [f"array {k}" for k in range(len(arrays))]
    return written


def _arguments(frame):
    """The source of the positional arguments of the call that a frame is in."""
    code = frame.f_code
    place = list(code.co_positions())[frame.f_lasti // 2]
    lines = linecache.getlines(code.co_filename)[place[0] - 1 : place[1]]
    first, last = lines[0].encode()[place[2] :], lines[-1].encode()[: place[3]]
    if len(lines) == 1:
        first = lines[0].encode()[place[2] : place[3]]
    text = b"".join([first, *(x.encode() for x in lines[1:-1]), *([last] if lines[1:] else [])])
    call = ast.parse(text.decode(), mode="eval").body
    return [ast.unparse(argument) for argument in call.args]


# ----- the picture -----
def _scene(picture):
    places = [_strip_height(s) for s in picture.storages]
    boxes = _flow([_view_size(v) for v in picture.views], sum(places) + 14)
    height = max((y + h for (_, y), (_, h) in boxes), default=sum(places)) + 10
    width = max(PER_LINE * CELL_W + 30, *(x + w + 10 for (x, _), (w, _) in boxes))
    drawn, top, corners = Scene(width, height), 0, []
    for s, h in zip(picture.storages, places, strict=True):
        corners.append(top)
        held = "never written to" if s.framework == "jax" else "one piece of memory"
        head = f"storage {s.name}: {s.framework} {s.dtype}, {s.bytes:,} bytes, {held}"
        drawn.text(10, top + 18, head, style="font-weight:700")
        top += h
    _strips(drawn, picture, corners)
    for k, (v, ((x, y), _)) in enumerate(zip(picture.views, boxes, strict=True)):
        told = f"strides {v.strides}" if v.strides is not None else "no strides"
        drawn.text(x, y + 14, v.name, f"c{k % 6}", style="font-weight:700")
        storage = picture.storages[v.storage].name
        drawn.text(x, y + 29, f"{v.shape}, {told}, on {storage}", "faint")
    _grids(drawn, picture, [corner for corner, _ in boxes])
    return drawn


def _strip_height(s):
    lines = max(1, math.ceil(min(s.places, DRAWN) / PER_LINE))
    return 26 + lines * (CELL_H + 26) + 16 * (s.places > DRAWN)


def _strips(drawn, picture, corners):
    """The storages; under each place a mark for every view that has it, in the view's colour."""
    rows = {}
    for row, k, _, place in picture.drawn():
        rows.setdefault((picture.views[k].storage, place), []).append((row, k))
    for n, (s, top) in enumerate(zip(picture.storages, corners, strict=True)):
        for place in range(min(s.places, DRAWN)):
            x = 10 + place % PER_LINE * CELL_W
            y = top + 40 + place // PER_LINE * (CELL_H + 26)
            held = rows.get((n, place), ())
            drawn.text(x + CELL_W / 2, y - 4, place, "faint", "middle", style="font-size:10px")
            at = "|".join(str(row) for row, _ in held) or None
            drawn.rect(x, y, CELL_W, CELL_H, "value" if held else "none", at, stroke="#767676")
            drawn.text(x + CELL_W / 2, y + 17, s.values[place][:5], "ink", "middle")
            for k in sorted({k for _, k in held}):
                drawn.rect(x + 3 + 6 * k, y + CELL_H + 2, 5, 6, SERIES[k % 6])
        if s.places > DRAWN:
            y = top + 34 + math.ceil(DRAWN / PER_LINE) * (CELL_H + 26)
            drawn.text(10, y, f"... {s.places - DRAWN:,} more places", "faint")


def _shown(view):
    """How many rows and columns of a view are drawn; dims before the last two are put in a row."""
    *outer, rows, columns = (1, 1, *view.shape)[-max(2, len(view.shape)) :]
    return max(1, math.prod(outer)), min(rows, SIDE), min(columns, SIDE)


def _view_size(view):
    outer, rows, columns = _shown(view)
    told = width_of(f"{view.shape}, strides {view.strides}, on A")
    wide = max(min(outer, 4) * (columns * CELL_W + 14), told, 60)
    return wide, 40 + math.ceil(outer / 4) * (rows * CELL_H + 10)


def _flow(sizes, top):
    """Left to right, and on to the next line: `(corner, size)` for each."""
    found, x, y, tallest = [], 10, top, 0
    for w, h in sizes:
        if x > 10 and x + w > WIDEST:
            x, y, tallest = 10, y + tallest + 12, 0
        found.append(((x, y), (w, h)))
        x, tallest = x + w + 24, max(tallest, h)
    return found


def _grids(drawn, picture, corners):
    for row, k, index, place in picture.drawn():
        view = picture.views[k]
        _, rows, columns = _shown(view)
        *outer, i, j = (0, 0, *index)[-max(2, len(index)) :]
        at = sum(o * s for o, s in zip(outer, _row_major(view.shape[:-2]), strict=True))
        x = corners[k][0] + at % 4 * (columns * CELL_W + 14) + j * CELL_W
        y = corners[k][1] + 38 + at // 4 * (rows * CELL_H + 10) + i * CELL_H
        s = picture.storages[view.storage]
        drawn.rect(x, y, CELL_W, CELL_H, "card", row, stroke="#767676")
        drawn.rect(x, y, 4, CELL_H, SERIES[k % 6])
        drawn.text(x + 8, y + 17, s.values[place][:5])
        drawn.text(x + CELL_W - 3, y + CELL_H - 3, place, "faint", "end", style="font-size:9px")
