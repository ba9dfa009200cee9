"""Elements of a list that a compiled loop made: many at a time, in arrays (see `scan`)."""

from autodiff_lab import trees, xp

from ..indexing import entry


class Block:
    """Many elements of a list, as a compiled loop made them: arrays with the elements in front.

    `size` are the examples' own numbers of elements, if each has its own first; else None.
    """

    def __init__(self, tree, size):
        self.tree, self.size = tree, size
        self.taken = self.base = None

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """`torch.stack` of a list that holds us."""
        from ..on_torch.road import call

        return call(func, args, kwargs or {})

    @property
    def count(self):
        return trees.leaves(self.tree)[0].extent[0]

    def leads(self, taken):
        size = None if self.size is None else taken.lengths(self.size)
        new = Block(trees.map(taken.leads, self.tree), size)
        new.taken, new.base = taken, self
        return new


def among(element, here, side):
    """An element of a list and its mask, for some of the examples only."""
    if not isinstance(element, Block):
        return element, side if here is None else here & side
    verbs, size = xp.of(side), element.size
    size = None if size is None else verbs.where(side, size, 0)
    return Block(element.tree, size), here & verbs.reshape(side, (side.shape[0], 1))


def one_by_one(element, here):
    if not isinstance(element, Block):
        yield element, here
        return
    for i in range(element.count):
        yield trees.map(lambda x, i=i: entry(x, 0, i), element.tree), here[:, i]


def rebuilt(like, elements):
    return type(like)(*elements) if hasattr(like, "_fields") else type(like)(elements)
