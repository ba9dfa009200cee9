"""The picture of `ad.sea(f)`: control and data in one graph, regions and phis drawn as such.

Thick edges are control, thin ones data, and those that lead back to the head of a loop are dashed.
Each box says what it is, where the schedule places it, and whether it floats.
"""

from autodiff_lab.sea_of_nodes.schedule import postorder

from ..boxes import cut
from .boxes import Box
from .picture import Picture
from .scene import drawn
from .sources import of_lines

HEADS = ("", "what", "reads", "place", "", "line")
KINDS = {"param": "input", "return": "output", "stop": "output"}
CONTROL = ("start", "region", "loop", "true", "false", "if")


def picture_of_sea(sea):
    known = sea.model()
    nodes = known["nodes"]
    text, files = of_lines(sea.text.file, {n["line"] for n in nodes if n["line"]})
    boxes = tuple(_box(n, nodes, bool(files)) for n in nodes)
    scene = _scene(nodes, boxes)
    phis = sum(n["kind"] == "phi" for n in nodes)
    counts = repr(sea).strip("<>").split(": ")[-1]
    return Picture(
        title=f"Sea of {sea.name}", summary=f"{counts}, {phis} phi{'s' * (phis != 1)}.",
        findings=(), boxes=boxes, scenes=(scene,), inside={}, flat=0, folded=None, open=(),
        overlays=(), chart=(), peak=0, sources=text, python=(), steps=len(nodes), backward=False,
        way="Thick edges are control, thin ones data; dashed ones lead back into a loop.",
        heads=HEADS,
    )  # fmt: skip


def _box(n, nodes, has_text):
    reads = " ".join(_call(nodes[i]) for i in n["data"])
    turns = " ".join(_call(nodes[i]) for i in n["control"])
    where = "floats" if n["floats"] else f"in %{n['block']}" if n["block"] is not None else ""
    if n["kind"] in CONTROL:
        where = f"after {turns}" if turns else ""
    op = n["label"] if n["label"] != n["name"] else n["kind"]
    kind = n["kind"] if n["kind"] in CONTROL else KINDS.get(n["kind"], "op")
    return Box(
        first=n["index"], last=n["index"], kind=kind,
        name=cut(_call(n), 14), op=op, heading=cut(op, 16), value="", value_line="", adjoint=None,
        adjoint_line="", at=(0, n["line"]) if n["line"] and has_text else None, code=n["code"],
        lanes=(cut(f"reads {reads}" if reads else "", 30), cut(where, 30)), alarm="",
    )  # fmt: skip


def _call(n):
    """`%12 y`: the number, and the name of the variable if it has one."""
    named = n["name"] and n["kind"] in ("op", "call", "phi", "param")
    return f"%{n['index']} {n['name']}" if named else f"%{n['index']}"


def _scene(nodes, boxes):
    """Edges that lead back (to a loop, and to its phis) are laid out after the others."""
    order = postorder([n["index"] for n in nodes], lambda i: _before(nodes[i]))
    place = {i: k for k, i in enumerate(order)}
    parents, back, control = [], [], set()
    for k, i in enumerate(order):
        reads = [*nodes[i]["data"], *nodes[i]["control"]]
        parents.append(tuple(dict.fromkeys(place[r] for r in reads if place[r] < k)))
        back += [(place[r], k) for r in reads if place[r] >= k]
        control |= {(place[r], k) for r in nodes[i]["control"]}
    names = [boxes[i].name for i in order]
    return drawn(parents, order, names, "", back=tuple(dict.fromkeys(back)), control=control)


def _before(n):
    """What comes before a node: of a loop and of its phis only the way in."""
    if n["kind"] == "loop":
        return n["control"][:1]
    if n["kind"] == "phi":
        return [*n["control"], *n["data"][:1]]
    return [*n["control"], *n["data"]]
