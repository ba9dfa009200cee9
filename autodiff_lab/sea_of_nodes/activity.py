"""Which nodes have a derivative that somebody wants: they rest on a chosen parameter, and the
answer rests on them (the activity analysis of source transformation tools such as Tapenade)."""

from . import meanings

_DIES = {"float": "float(...) takes a number out of its array, and the derivative would be lost; "
                  "leave it out"}  # fmt: skip


class Activity:
    def __init__(self, sea, chosen, refuse):
        self.refuse = refuse
        varied = _spread(chosen, lambda node: [u for u in node.users if self.flows(u)])
        ends = [r.data[0] for r in sea.nodes if r.kind == "return"]
        useful = _spread(ends, lambda node: node.data if self.flows(node) else [])
        self.active = varied & useful
        for node in sea.nodes:
            if node in self.active and node.kind == "op" and node.op.name in _DIES:
                raise refuse(node, _DIES[node.op.name])

    def flows(self, node):
        """Does a derivative pass through this node?"""
        if node.kind == "op":
            if node.op.row is not None:
                return node.op.row.kind != "constant"
            name = node.op.name.removeprefix(".")
            return name not in meanings.FLAT and node.op.type is None and node.op.name not in _TESTS
        return node.kind in ("phi", "call")

    def wanted_by(self, node, shapes):
        """The values that the row of a node wants to see again: what it says it keeps."""
        active = tuple(x in self.active for x in node.data)
        if node.kind == "op" and node.op.plain:
            keep_y, keep_x = node.op.row.keep(active)
            fits = [x for x in node.data if x in self.active and shapes[x] != shapes[node]]
            return [*(x for x, k in zip(node.data, keep_x, strict=True) if k), *fits,
                    *([node] if keep_y else [])]  # fmt: skip
        if node.kind == "op" and node.op.name in ("tuple", "list"):
            return []
        return list(node.data)


_TESTS = frozenset("shape ndim dtype device".split()) | {".shape", ".ndim", ".dtype", ".device"}


def _spread(start, further):
    found, todo = set(), list(start)
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += further(node)
    return found
