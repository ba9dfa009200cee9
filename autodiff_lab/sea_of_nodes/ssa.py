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
        block = now(block)
        passed = []
        while (name, block) not in self.values and block not in self.open:
            if len(block.control) != 1:
                break
            passed.append(block)
            block = before(block)
        if (name, block) in self.values:
            found = now(self.values[name, block])
        else:
            found = self._begin(name, block)
        for b in passed:
            self.values[name, b] = found
        return found

    def _begin(self, name, block):
        if block.kind == "start":
            found = self.absent(name)
        else:
            phi = self.graph.phi(block, name)
            self.values[name, block] = phi
            if block in self.open:
                self.open[block].append((name, phi))
                return phi
            found = self._fill(name, phi)
        self.values[name, block] = found
        return found

    def _fill(self, name, phi):
        region = phi.control[0]
        return self.graph.fill(phi, [self.read(name, before(region, c)) for c in region.control])

    def unsealed(self, block):
        self.open[block] = []

    def seal(self, block):
        """All control edges of the block are known."""
        for name, phi in self.open.pop(block):
            self._fill(name, phi)


def before(block, edge=None):
    """The block that a control edge comes from."""
    edge = block.control[0] if edge is None else edge
    return edge.control[0] if edge.kind == "if" else edge
