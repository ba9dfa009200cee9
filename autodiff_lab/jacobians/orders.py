"""In which order to eliminate: forward, reverse, or across the country.

Every order gives the same Jacobian; they differ in the number of multiplications. From the inputs
on it is what forward mode does, from the outputs back what reverse mode does. The cheapest is hard
to find (Naumann 2008): small graphs are searched, in others the vertex that costs least goes first
(Markowitz's rule: Griewank and Reese 1991), or the one that costs least for what it would cost if
it were left to the end (Naumann's relative degree, 1999).
"""

import heapq
import itertools

SEARCHED = 8  # so many vertices are tried in all orders; what was eliminated matters, not in which


def forward(graph, every=False):
    return _in_order(graph, graph.interior, every)


def reverse(graph, every=False):
    return _in_order(graph, graph.interior[::-1], every)


def mixed(graph, pure, every=False):
    """The cheapest order that is found: never dearer than the `pure` ones."""
    graph = graph.copy()
    first = [] if every else _copies(graph)
    tried = [(cost, [v for v in order if v not in first]) for cost, order in pure.values()]
    tried += [_greedily(graph, every, relative) for relative in (False, True)]
    cost, order = min(tried, key=lambda found: found[0])
    if len(graph.interior) <= SEARCHED:
        cost, order = _searched(graph, every, cost, order)
    return cost, first + order


def _in_order(graph, order, every):
    graph, cost = graph.copy(), 0
    for v in order:
        cost += graph.cost(v, every)
        graph.eliminate(v)
    return cost, list(order)


def _copies(graph):
    """Eliminate what only copies its one input, or is only copied: it costs nothing, ever."""
    found = []
    for v in graph.interior:
        before, after = graph.into[v], graph.out.get(v, ())
        alone = [*before.values()] if len(before) == 1 else []
        alone += [graph.into[s][v] for s in after] if len(after) == 1 else []
        if any(block.is_copy for block in alone):
            graph.eliminate(v)
            found.append(v)
    return found


def _greedily(graph, every, relative):
    graph, total, order = graph.copy(), 0, []
    left = graph.interior
    costs = {v: graph.cost(v, every) for v in left}
    alone = _at_the_end(graph) if relative else dict.fromkeys(left, 0)
    while left:
        v = min(left, key=lambda v: (costs[v] - alone[v], v))
        near = {*graph.into[v], *graph.out.get(v, ())}
        total += costs[v]
        graph.eliminate(v)
        order.append(v)
        left.remove(v)
        costs.update((u, graph.cost(u, every)) for u in near & costs.keys() & set(left))
    return total, order


def _at_the_end(graph):
    """What each vertex costs when only inputs and outputs are left beside it."""
    above, below = {}, {}
    for v in sorted({*graph.into, *graph.inputs}):
        above[v] = {v} if v in graph.inputs else set().union(*(above[p] for p in graph.into[v]))
    for v in sorted(above, reverse=True):
        ends = [below[s] for s in graph.out.get(v, ())]
        below[v] = {v} if v in graph.outputs else set().union(*ends)
    sizes = {p: block.n for edges in graph.into.values() for p, block in edges.items()}
    sizes |= {v: next(iter(edges.values())).m for v, edges in graph.into.items() if edges}

    def entries(vertices):
        return sum(sizes[u] for u in vertices)

    return {v: entries(above[v]) * sizes[v] * entries(below[v]) for v in graph.interior}


def _searched(graph, every, bound, best):
    """Dijkstra's algorithm on the sets of eliminated vertices: the order within one is lost."""
    tick = itertools.count()
    todo, seen = [(0, next(tick), (), graph)], set()
    while todo:
        cost, _, order, here = heapq.heappop(todo)
        left = here.interior
        if frozenset(left) in seen or cost >= bound:
            continue
        seen.add(frozenset(left))
        if not left:
            return cost, list(order)
        for v in left:
            price = cost + here.cost(v, every)
            if price < bound and frozenset(left) - {v} not in seen:
                after = here.copy()
                after.eliminate(v)
                heapq.heappush(todo, (price, next(tick), (*order, v), after))
    return bound, best
