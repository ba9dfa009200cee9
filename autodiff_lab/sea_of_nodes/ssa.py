"""Which value has a variable here? Phis on demand, from Braun et al. 2013.

Braun, Buchwald, Hack, Leissa, Mallon, Zwinkau, "Simple and Efficient Construction of Static Single
Assignment Form". A block that may still get another control edge (a loop whose end has not been
read) is not sealed: a variable read there gets a phi without values, filled when the block is
sealed. A phi whose values are all the same is that value, and disappears.
"""

from .nodes import now


class Variables:
    def __init__(self, graph, absent):
        self.graph, self.absent = graph, absent  # absent(name): what is read before it is written
        self.values, self.open = {}, {}

    def write(self, name, block, value):
        self.values[name, block] = value

    def read(self, name, block):
        """The value that a variable has at the end of a block; no recursion, for long functions."""
        todo, known = [(now(block), False)], self.values
        while todo:
            b, ready = todo.pop()
            ways = [before(b, c) for c in b.control]
            if ready:  # all ways into a region have values
                known[name, b] = self.graph.fill(known[name, b], [known[name, w] for w in ways])
            elif (name, b) in known:
                continue
            elif b in self.open:
                known[name, b] = phi = self.graph.phi(b, name)
                self.open[b].append((name, phi))
            elif b.kind == "start":
                known[name, b] = self.absent(name)
            elif len(ways) > 1:
                known[name, b] = self.graph.phi(b, name)  # first: a loop may lead back here
                todo += [(b, True), *((w, False) for w in reversed(ways))]
            elif (name, ways[0]) in known:
                known[name, b] = known[name, ways[0]]
            else:
                todo += [(b, False), (ways[0], False)]
        return now(known[name, now(block)])

    def unsealed(self, block):
        self.open[block] = []

    def seal(self, block):
        """All control edges of the block are known."""
        for name, phi in self.open.pop(block):
            self.graph.fill(phi, [self.read(name, before(block, c)) for c in block.control])


def before(block, edge=None):
    """The block that a control edge comes from."""
    edge = block.control[0] if edge is None else edge
    return edge.control[0] if edge.kind == "if" else edge
