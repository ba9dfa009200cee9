"""Where the boxes of a graph go: layers from left to right, few crossings, and the same every time.

The usual three steps (Sugiyama 1981): a layer per box, an order within each layer, then heights. An
edge that jumps over layers runs through points of its own there, shared by all edges that leave
the same box, so that a value which is used many times draws one lane and not a fan.
"""

from collections import defaultdict
from math import floor

ORDER_SWEEPS, HEIGHT_SWEEPS = 6, 12


def layered(parents):
    """`parents[i]` are the boxes that box i reads (all < i). Returns `(columns, heights, routes)`.

    Heights are in boxes. `routes[i, j]` are the (column, height) points between boxes i and j.
    """
    column = columns(parents)
    children = _with_lanes(parents, column)
    layers = _ordered(children)
    height = _heights(layers, children)
    routes = {
        (p, i): [(c, height[p, c]) for c in range(column[p] + 1, column[i])]
        for i, ps in enumerate(parents)
        for p in ps
    }
    return column, [height[i, c] for i, c in enumerate(column)], routes


def columns(parents):
    """As far to the right as the readers allow: what is computed stands near where it is used."""
    column = [0] * len(parents)
    for i, ps in enumerate(parents):
        column[i] = max((column[p] + 1 for p in ps), default=0)
    first = {}
    for i in reversed(range(len(parents))):
        column[i] = first.get(i, column[i] + 1) - 1
        first |= {p: min(first.get(p, column[i]), column[i]) for p in parents[i]}
    return column


def _with_lanes(parents, column):
    """The points (box, column), each with its successors: the box's own lane, and its readers."""
    last = dict(enumerate(column))
    for i, ps in enumerate(parents):
        for p in ps:
            last[p] = max(last[p], column[i] - 1)
    children = {(i, c): [] for i in range(len(parents)) for c in range(column[i], last[i] + 1)}
    for i, c in children:
        if (i, c + 1) in children:
            children[i, c].append((i, c + 1))
    for i, ps in enumerate(parents):
        for p in dict.fromkeys(ps):
            children[p, column[i] - 1].append((i, column[i]))
    return children


def _ordered(children):
    """The points of each column, from top to bottom: each near the mean of its neighbours."""
    layers = defaultdict(list)
    for point in sorted(children):
        layers[point[1]].append(point)
    layers = [layers[c] for c in range(len(layers))]
    parents = _reversed(children)
    for sweep in range(ORDER_SWEEPS):
        down = sweep % 2 == 0
        for c in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            beside = layers[c - 1 if down else c + 1]
            place = {p: k for k, p in enumerate(beside)}
            near = parents if down else children
            keys = {p: _mean([place[q] for q in near[p]], k) for k, p in enumerate(layers[c])}
            layers[c].sort(key=keys.get)
    return layers


def _reversed(children):
    parents = {p: [] for p in children}
    for p, below in children.items():
        for q in below:
            parents[q].append(p)
    return parents


def _mean(numbers, default):
    return sum(numbers) / len(numbers) if numbers else default


def _heights(layers, children):
    """Pull every point towards its neighbours; keep the order, a distance of one, chains level."""
    parents = _reversed(children)
    chains = _chains(layers, children, parents)
    y = {p: k - (len(layer) - 1) / 2 for layer in layers for k, p in enumerate(layer)}
    for sweep in range(HEIGHT_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wish = [_mean([y[q] for q in parents[p] + children[p]], y[p]) for p in layer]
            y.update(zip(layer, _spread(wish), strict=True))
        for chain in chains:
            y.update(dict.fromkeys(chain, _mean([y[p] for p in chain], 0)))
    for layer in layers:
        y.update(zip(layer, _spread([y[p] for p in layer]), strict=True))
    top = min(y.values(), default=0)
    halves = {p: floor(2 * (v - top) + 0.5) for p, v in y.items()}  # level lines, same order
    return {p: n / 2 for p, n in halves.items()}


def _chains(layers, children, parents):
    """Runs of points without a fork or a meeting: a reader wants them on one level."""
    chain = {}
    for p in (p for layer in layers for p in layer):
        before = parents[p]
        alone = len(before) == 1 and len(children[before[0]]) == 1
        chain[p] = chain[before[0]] if alone else []
        chain[p].append(p)
    return [c for p, c in chain.items() if c[0] == p]


def _spread(wish):
    """The heights nearest to the wishes (least squares) that are at least one apart, in order."""
    blocks = []  # [sum of wishes less position, count]: a block moves as one
    for k, w in enumerate(wish):
        blocks.append([w - k, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    starts = [total / count for total, count in blocks for _ in range(count)]
    return [s + k for k, s in enumerate(starts)]
