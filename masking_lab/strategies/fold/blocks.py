"""Blocks: functions of one example that are put together from smaller ones.

A block says what becomes of one piece of an example, a number, a list, a node of a tree; blocks
are put together as the pieces are. `block(x)` runs it on one example and is what it means;
`block.batch` runs it on many. The combinators are TensorFlow Fold's (Looks et al. 2017).
"""

import numpy as np

from autodiff_lab import trees, xp

from ...errors import MaskError
from ...lifting import calls
from .layout import laid_out, leaf, one


class Block:
    """A function of one example. `a >> b` gives what `a` makes of it to `b`."""

    parts: tuple = ()  # the blocks that it is made of

    def __call__(self, x, *more):
        """What it makes of one example."""
        return one(self, (x, *more) if more else x)

    def batch(self, examples, like=None):
        """What it makes of many: its results with a `MaskedBatch` for every array in them.

        `like` is an array of the framework that is meant, where no block has one.
        """
        return laid_out(self, list(examples), like)

    def run(self, x):
        raise NotImplementedError

    def shared(self):
        """The arrays that it computes with, whatever the example."""
        return []

    def __rshift__(self, other):
        return Composition(self, other)

    def __repr__(self):
        return type(self).__name__

    def refuse(self, x, wanted):
        shown = repr(x) if len(repr(x)) < 60 else f"a {type(x).__name__}"
        raise MaskError(f"{self!r} takes {wanted}, and was given {shown}; mend the example, or put "
                        "an InputTransform before it")  # fmt: skip


def as_block(x):
    """A plain function stands for `Function(f)`."""
    if isinstance(x, Block):
        return x
    if callable(x):
        return Function(x)
    raise MaskError(f"a block is made of blocks and functions, and not of {x!r}")


# ----- leaves: Python's numbers become arrays -----
class Vector(Block):
    """Numbers of a fixed shape as an array.

    >>> import torch
    >>> Vector(2).batch([[1.0, 2.0], [3.0, 4.0]], like=torch.zeros(())).data.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, *shape, dtype="float32"):
        self.shape, self.dtype = shape, dtype

    def run(self, x):
        try:
            found = x if xp.framework_of(x) else np.asarray(x, self.dtype)
        except (TypeError, ValueError):
            self.refuse(x, self.wanted)
        if tuple(found.shape) != self.shape:
            self.refuse(x, self.wanted)
        return leaf(found)

    @property
    def wanted(self):
        return f"numbers of shape {self.shape}" if self.shape else "one number"

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(str, self.shape))})"


class Scalar(Vector):
    """One number as an array.

    >>> import torch
    >>> Scalar("int64").batch([3, 4], like=torch.zeros(())).data
    tensor([3, 4])
    """

    def __init__(self, dtype="float32"):
        super().__init__(dtype=dtype)


# ----- computing -----
class Function(Block):
    """`f` of the input, and of arrays that all examples share: `f(x, *shared)`.

    A tuple, as `Record` and `AllOf` make it, is several inputs. This is what is batched: all calls
    of one function that stand equally deep are one.

    >>> import torch
    >>> line = Function(lambda x, a, b: a * x + b, torch.tensor(2.0), torch.tensor(1.0))
    >>> (Scalar() >> line).batch([1, 2, 3], like=torch.zeros(())).data.tolist()
    [3.0, 5.0, 7.0]
    """

    def __init__(self, f, *shared):
        if not callable(f):
            raise MaskError(f"Function takes a function, and not {f!r}")
        self.f, self.others = f, shared

    def run(self, x):
        x = x if type(x) is tuple else (x,)
        return calls.call(self.f, (*x, *self.others), {})

    def shared(self):
        return [x for x in trees.leaves(self.others) if xp.framework_of(x)]

    def __repr__(self):
        return f"Function({getattr(self.f, '__name__', self.f)})"


class Composition(Block):
    """One block after the other; `a >> b >> c` is the same."""

    def __init__(self, *blocks):
        self.parts = tuple(map(as_block, blocks))

    def run(self, x):
        for part in self.parts:
            x = part.run(x)
        return x

    def __repr__(self):
        return " >> ".join(map(repr, self.parts))


class InputTransform(Block):
    """What Python does to an example before anything is computed: take apart, look up, rename."""

    def __init__(self, f):
        self.f = f

    def run(self, x):
        return self.f(*x) if type(x) is tuple else self.f(x)


# ----- sequences -----
class Map(Block):
    """The block on each element of a list.

    >>> import torch
    >>> exponents = Map(Scalar() >> torch.exp)
    >>> [b.tolist() for b in exponents.batch([[0], [0, 0, 0]], like=torch.zeros(()))]
    [[1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, block):
        self.parts = (as_block(block),)

    def run(self, x):
        return [self.parts[0].run(e) for e in elements(self, x)]


class Fold(Block):
    """From left to right, beginning with `start`: the block on (what there is, next element).

    >>> import torch
    >>> Fold(lambda so_far, x: so_far * 2 + x, torch.tensor(0.0)).batch([[1, 1], [1, 0, 1]]).data
    tensor([3., 5.])
    """

    def __init__(self, block, start):
        self.parts, self.start = (as_block(block),), start

    def run(self, x):
        state = self.start
        for e in elements(self, x):
            state = self.parts[0].run((state, e))
        return state

    def shared(self):
        return [x for x in trees.leaves(self.start) if xp.framework_of(x)]


class Reduce(Block):
    """The block on pairs, then on pairs of what came of them: as deep as the length's logarithm.

    It is meant for what may be put in parentheses as one likes; `empty` is for an empty list.

    >>> import torch
    >>> Reduce(torch.maximum).batch([[torch.tensor(x) for x in (3.0, 1.0, 2.0)]]).data
    tensor([3.])
    """

    def __init__(self, block, empty=None):
        self.parts, self.empty = (as_block(block),), empty

    def run(self, x):
        found = elements(self, x)
        if not found and self.empty is None:
            self.refuse(x, "a list that is not empty (or say what it is then: empty=...)")
        while len(found) > 1:
            pairs = [self.parts[0].run(p) for p in zip(found[::2], found[1::2], strict=False)]
            found = pairs + found[len(pairs) * 2 :]
        return found[0] if found else self.empty

    def shared(self):
        return [x for x in trees.leaves(self.empty) if xp.framework_of(x)]


def elements(block, x):
    if isinstance(x, (list, tuple)):
        return list(x)
    if not getattr(x, "shape", ()):
        block.refuse(x, "a list, or an array with a dim to go along")
    return list(x)


# ----- structure -----
class Record(Block):
    """A block for each part of a tuple (or, by name, of a dict); gives the tuple of what they make.

    >>> import torch
    >>> pair = Record(Scalar(), Vector(2)) >> torch.mul
    >>> pair.batch([(2, [1, 1]), (3, [1, 2])], like=torch.zeros(())).data.tolist()
    [[2.0, 2.0], [3.0, 6.0]]
    """

    def __init__(self, *blocks, **named):
        if bool(blocks) == bool(named):
            raise MaskError("Record takes blocks for the parts of a tuple, or by name for a dict")
        self.names = tuple(named) or range(len(blocks))
        self.parts = tuple(map(as_block, blocks or named.values()))

    def run(self, x):
        kind = dict if isinstance(self.names, tuple) else (tuple, list)
        if not isinstance(x, kind) or len(x) != len(self.names):
            parts = ", ".join(map(str, self.names))
            self.refuse(x, f"a {'dict' if kind is dict else 'tuple'} with parts {parts}")
        missing = [n for n in self.names if kind is dict and n not in x]
        if missing:
            self.refuse(x, f"a dict with {', '.join(missing)}")
        return tuple([b.run(x[n]) for n, b in zip(self.names, self.parts, strict=True)])


class AllOf(Block):
    """The same input for each of several blocks; gives the tuple of what they make."""

    def __init__(self, *blocks):
        self.parts = tuple(map(as_block, blocks))

    def run(self, x):
        return tuple([part.run(x) for part in self.parts])


class GetItem(Block):
    """One part of the input: `x[key]`."""

    def __init__(self, key):
        self.key = key

    def run(self, x):
        try:
            return x[self.key]
        except (KeyError, IndexError, TypeError):
            self.refuse(x, f"what has an entry {self.key!r}")


class OneOf(Block):
    """One of several blocks: that of the case which `key(x)` names.

    >>> import torch
    >>> size = OneOf(lambda x: x < 0, {True: Scalar() >> torch.neg, False: Scalar()})
    >>> size.batch([-2, 3], like=torch.zeros(())).data
    tensor([2., 3.])
    """

    def __init__(self, key, cases):
        self.key, self.cases = key, {k: as_block(b) for k, b in dict(cases).items()}
        self.parts = tuple(self.cases.values())

    def run(self, x):
        case = self.key(x)
        case = case if isinstance(case, type) or not hasattr(case, "__index__") else int(case)
        if case not in self.cases:
            self.refuse(x, f"one of the cases {', '.join(map(str, self.cases))}, not {case!r}")
        return self.cases[case].run(x)


class Optional(Block):
    """The block, or `absent` where the example has None."""

    def __init__(self, block, absent):
        self.parts, self.absent = (as_block(block),), absent

    def run(self, x):
        return self.absent if x is None else self.parts[0].run(x)

    def shared(self):
        return [x for x in trees.leaves(self.absent) if xp.framework_of(x)]


class ForwardDeclaration(Block):
    """A block that is used before it is known, as a tree is made of trees.

    >>> import torch
    >>> tree = ForwardDeclaration("tree")
    >>> join = Record(tree, tree) >> (lambda a, b: torch.tanh(a - b))
    >>> _ = tree.is_(OneOf(type, {float: Scalar(), tuple: join}))
    >>> tree.batch([1.0, ((1.0, 0.5), 0.5)], like=torch.zeros(())).data
    tensor([ 1.0000, -0.0379])
    """

    def __init__(self, name="it"):
        self.name = name

    def is_(self, block):
        """Say which block it is; that block may hold this declaration."""
        self.parts = (as_block(block),)
        return self

    def run(self, x):
        if not self.parts:
            raise MaskError(f"{self!r} was declared, and nobody has said what it is; say "
                            f"{self.name}.is_(block)")  # fmt: skip
        return self.parts[0].run(x)

    def __repr__(self):
        return f"ForwardDeclaration({self.name!r})"
