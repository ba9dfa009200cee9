"""A sea as text: a table to follow by hand, a graph for Graphviz, plain dicts for a drawing.

All three show the same model: nodes with stable numbers, data edges and control edges apart, and
for each node the block where the schedule puts it.
"""

import linecache

from .nodes import BLOCKS


def model(sea):
    """Plain dicts and lists, so that whoever draws needs nothing else of this package."""
    schedule = sea.schedule
    return {
        "name": sea.name,
        "nodes": [_as_dict(sea, node, schedule) for node in sea.nodes],
        "blocks": [block.index for block in schedule.blocks],
        "loops": {
            loop.index: sorted(b.index for b in inside) for loop, inside in schedule.loops.items()
        },
    }


def _as_dict(sea, node, schedule):
    block = node if node.kind in BLOCKS else schedule.of.get(node, node.block)
    return {
        "index": node.index,
        "kind": node.kind,
        "label": node.label,
        "name": (node.name or "").split(" ")[0],
        "data": [x.index for x in node.data],
        "control": [x.index for x in node.control],
        "floats": not node.is_control and not node.control,
        "block": block.index if block is not None else None,
        "line": node.line,
        "code": linecache.getline(sea.text.file, node.line).strip() if node.line else "",
    }


# ----- a table -----
def table(sea):
    """One line per node: number, what it is, its data, its control, its block, its source line."""
    said, lines = None, []
    for node in model(sea)["nodes"]:
        source = f"{node['line']}: {node['code']}" if node["line"] != said else ""
        said = node["line"]
        place = "" if node["kind"] in BLOCKS | {"stop"} else f"%{node['block']}"
        edges = _many(node["data"]), _many(node["control"])
        lines.append((f"%{node['index']}", _what(node), *edges, place, source))
    head = ("node", "what", "data", "control", "placed in", "line")
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(6)]
    rows = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in [head, *lines]]  # fmt: skip
    return "\n".join([f"{sea!r}", *rows])


def _what(node):
    """The label, and for an operation the name that the user gave to its result."""
    named = node["name"] and node["kind"] in ("op", "call")
    return f"{node['name']} = {node['label']}" if named else node["label"]


def _many(indices):
    return " ".join(f"%{i}" for i in indices)


# ----- Graphviz -----
def dot(sea):
    """Text for Graphviz: thick edges are control, thin ones data, dashed ones lead back."""
    lines = ["digraph sea {", "  rankdir=TB; node [fontname=monospace];"]
    known = model(sea)
    kinds = {node["index"]: node["kind"] for node in known["nodes"]}
    for node in known["nodes"]:
        shape = "box" if kinds[node["index"]] in BLOCKS | {"if", "return", "stop"} else "ellipse"
        label = f"%{node['index']} {_what(node)}".replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'  n{node["index"]} [shape={shape}, label="{label}"];')
    for node in known["nodes"]:
        for way, x in enumerate(node["control"]):
            back = ", style=dashed" if node["kind"] == "loop" and way else ""
            lines.append(f"  n{x} -> n{node['index']} [penwidth=2.5{back}];")
        for way, x in enumerate(node["data"]):
            label = f', label="{way}"' if node["kind"] == "phi" else ""
            lines.append(f"  n{x} -> n{node['index']} [color=gray40{label}];")
    return "\n".join([*lines, "}"]) + "\n"


# ----- one run -----
def steps(sea, walked):
    """The way that control took in one run, with the values that the phis took at each region."""
    for node, values in walked:
        phis = sea.plan.phis.get(node, [])
        new = ", ".join(f"{p.label.split(' ')[1]} = {_short(values[p])}" for p in phis)
        yield f"%{node.index} {node.kind}" + (f": {new}" if new else "")


def _short(value):
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    text = f"{value:g}" if isinstance(value, float) else f"{value}"
    return text if len(text) <= 40 else text[:37] + "..."
