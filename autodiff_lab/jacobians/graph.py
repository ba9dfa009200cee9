"""The graph of local Jacobians: the vertices are the tape's nodes, an edge holds d node / d parent.

The Jacobian from an input to an output is the sum, over all paths between them, of the products of
the edges along the path (Bauer 1974). To eliminate a vertex is to join each of its predecessors to
each of its successors by the product of the two edges; when only inputs and outputs are left, the
edges are the Jacobian (Griewank and Reese 1991).
"""

import math

import numpy as np

from ..calculus import pull, push
from ..tape import changed, written
from .blocks import Block, Unfit, flat, identity, indices, multiplications, plus, times
from .colouring import greedy
from .structure import head, local, size
from .walks import _together


class Graph:
    """`into[v][p]` is the local Jacobian of v with respect to p; `out[p]` are p's successors."""

    def __init__(self, xp=None):
        self.xp = xp  # None: blocks without values, to count with
        self.into, self.out = {}, {}
        self.inputs, self.outputs = [], []

    @property
    def interior(self):
        ends = {*self.inputs, *self.outputs}
        return [v for v in sorted(self.into) if v not in ends]

    def join(self, v, p, block):
        edges = self.into.setdefault(v, {})
        edges[p] = plus(edges[p], block, self.xp) if p in edges else block
        self.out.setdefault(p, set()).add(v)

    def cost(self, v, every=False):
        """The multiplications that eliminating v takes now: the Markowitz degree, in numbers."""
        before = self.into[v].values()
        after = [self.into[s][v] for s in self.out.get(v, ())]
        return sum(multiplications(a, b, every) for a in after for b in before)

    def eliminate(self, v):
        before = self.into.pop(v)
        after = sorted(self.out.pop(v, ()))
        for p in before:
            self.out[p].discard(v)
        for s in after:
            edge = self.into[s].pop(v)
            for p, block in before.items():
                self.join(s, p, times(edge, block, self.xp))

    def copy(self):
        """The same graph, to be eliminated apart; blocks are never written to."""
        other = Graph(self.xp)
        other.into = {v: dict(edges) for v, edges in self.into.items()}
        other.out = {p: set(vs) for p, vs in self.out.items()}
        other.inputs, other.outputs = self.inputs, self.outputs
        return other


def build(tape, ends):
    """The graph of a tape up to the nodes `ends` (None: no derivative), and its edges' sources.

    An end that others read, or that is an input, gets a vertex of its own behind it.
    """
    graph, sources = Graph(), []
    graph.inputs = [node.index for node in tape.inputs if node.active]
    useful = _useful(tape, ends)
    for v in sorted(useful):
        node = tape.nodes[v]
        for i, p in enumerate(node.parents):
            if node.row is not None and p.index in useful:
                found = local(tape, node, i)
                graph.join(v, p.index, found.block)
                sources.append((v, i, found))
    _add_ends(graph, tape, ends)
    return graph, sources


def _useful(tape, ends):
    """What an input reaches and what reaches an end."""
    found, todo = set(), [e.index for e in ends if e is not None and e.active]
    while todo:
        v = todo.pop()
        if v not in found:
            found.add(v)
            todo += [p.index for p in tape.nodes[v].parents if p.active and p.index is not None]
    return found


def _add_ends(graph, tape, ends):
    taken = set(graph.inputs)
    for k, node in enumerate(ends):
        if node is None or not node.active:
            graph.outputs.append(None)
            continue
        v = node.index
        if v in taken or graph.out.get(v):
            v = len(tape.nodes) + k
            graph.join(v, node.index, identity(size(node)))
        taken.add(v)
        graph.outputs.append(v)


# ----- the values of the edges -----
def with_values(graph, sources, tape, ends):
    """The same graph, its blocks with numbers in them."""
    filled = Graph(tape.xp)
    filled.inputs, filled.outputs = graph.inputs, graph.outputs
    for v, i, found in sources:
        block = found.block.only_counted()
        block.values = _values(tape, tape.nodes[v], i, found)
        filled.join(v, tape.nodes[v].parents[i].index, block)
    for node, v in zip(ends, graph.outputs, strict=True):
        if v is not None and v >= len(tape.nodes):
            like = tape.leaves[0]
            ones = tape.xp.ones((size(node),), node.dtype, like)
            filled.join(v, node.index, identity(size(node), ones))
    return filled


def _values(tape, node, i, found):
    xp, like = tape.xp, tape.leaves[0]
    if found.constant is not None:
        return xp.astype(indices(xp, found.constant, like), node.dtype)
    if found.source is not None:
        other = head(node).xs[1 - i]
        read = xp.take_at(flat(xp, other), indices(xp, found.source, like))
        return read if read.dtype == node.dtype else xp.astype(read, node.dtype)
    if found.block.count == 0:
        return xp.zeros((0,), node.dtype, like)
    return _compressed(tape, node, i, found.block)


def _compressed(tape, node, i, block):
    """Few tangents or cotangents are enough: columns that share no row go together, or rows."""
    kept = head(node)
    if kept.writes is not None and kept.writes != written(kept.kept):
        raise changed(kept)
    pushes = None if _only_pulls(node) else greedy(block, "columns")
    pulls = None if pushes is not None and max(pushes) == 0 else greedy(block, "rows")
    if pulls is None or (pushes is not None and max(pushes) <= max(pulls)):
        found = _along(tape, node.parents[i], pushes, lambda dx: [_pushed(tape, node, i, dx)])
        return _picked(tape.xp, found, pushes[block.cols], block.rows)
    found = _along(tape, node, pulls, lambda g: [_pulled(tape, node, i, g)])
    return _picked(tape.xp, found, pulls[block.rows], block.cols)


def _only_pulls(node):
    """A loop or a custom_vjp of JAX's on a tape that is walked backwards."""
    return node.row.kind == "general" and node.row.d[0] is None


def _along(tape, node, colours, linear):
    """`linear` of one array per colour, which is 1 at the entries of that colour."""
    xp, like = tape.xp, tape.leaves[0]
    count = int(max(colours)) + 1
    seeds = np.arange(count)[:, None] == np.asarray(colours)
    seeds = xp.astype(indices(xp, seeds.reshape(count, *node.shape), like), node.dtype)
    (found,) = _together(tape, linear, seeds)
    return xp.reshape(found, (count, math.prod(found.shape[1:])))


def _picked(xp, found, colours, entries):
    at = indices(xp, colours * found.shape[1] + entries, found)
    return xp.take_at(flat(xp, found), at)


def _pushed(tape, node, i, dx):
    kept = head(node)
    dxs = [dx if k == i else None for k in range(len(kept.xs))]
    dy = push(node.row, tape.xp, kept.y, kept.xs, dxs, node.params)
    dy = dy if node.part is None else dy[node.part]
    return tape.xp.zeros(tuple(node.shape), node.dtype, dx) if dy is None else dy


def _pulled(tape, node, i, g):
    kept, xp, parent = head(node), tape.xp, node.parents[i]
    if node.part is not None:
        g = tuple(
            g if n is node else xp.zeros(tuple(n.shape), n.dtype, g) if n.active else None
            for n in node.group
        )
    wanted = [k == i for k in range(len(kept.xs))]
    y = kept if kept.y is None else kept.y
    c = pull(node.row, xp, g, y, kept.xs, node.params, wanted)[i]
    return xp.zeros(tuple(parent.shape), parent.dtype, tape.leaves[0]) if c is None else c


def refuse_complex(tape, graph):
    """An edge holds one number per entry, and a complex derivative may be two."""
    for v in graph.into:
        if v < len(tape.nodes) and tape.xp.is_complex(tape.nodes[v].dtype):
            raise Unfit(f"{tape.nodes[v]!r} is complex, and its derivative may not be one number")


# ----- where the whole Jacobian has entries -----
def patterns(tape, ends=None):
    """For each output a block over all entries of all inputs, one input after the other."""
    ends = tape.outputs if ends is None else ends
    graph, _ = build(tape, ends)
    sizes = {node.index: size(node) for node in tape.inputs if node.active}
    total, at, found = sum(sizes.values()), 0, {}
    for v, n in sizes.items():
        found[v] = Block(n, total, np.arange(n) * (total + 1) + at)
        at += n
    for v in sorted(graph.into):
        for p, edge in graph.into[v].items():
            if p in found:
                here = times(edge.without_ones(), found[p])
                found[v] = plus(found[v], here) if v in found else here
    return [found.get(v) for v in graph.outputs]
