"""Which values are known to have the same shape, though nobody knows the shapes.

A pointwise operation has the shape its inputs broadcast to; so the shape of a value is named by the
set of values it is broadcast from. Where an input's set is that of the output, a cotangent needs no
sum to fit it.
"""


def shapes_of(schedule):
    """For each data node the set of nodes whose shapes it is broadcast from."""
    found, changed = {}, True
    nodes = [n for b in schedule.blocks for n in schedule.at[b]]
    while changed:
        changed = False
        for node in nodes:
            new = _shape(node, found)
            if found.get(node) != new:
                found[node], changed = new, True
    return found


def _shape(node, found):
    own = frozenset([node])
    if node.kind == "const":
        return frozenset() if isinstance(node.value, (bool, int, float)) else own
    if node.kind == "op" and node.op.plain:
        return frozenset().union(*(found.get(x) or () for x in node.data))
    if node.kind != "phi" or found.get(node) == own:
        return own
    known = {found[x] for x in node.data if found.get(x) is not None}
    if len(known) > 1:
        return own
    return next(iter(known), None)
