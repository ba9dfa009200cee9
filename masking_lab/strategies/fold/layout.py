"""A block on examples: on one, as it comes; on many, laid out first and then computed by depth."""

from contextvars import ContextVar
from types import SimpleNamespace

import numpy as np

from autodiff_lab import trees, xp

from ...batches.batching import in_use
from ...errors import MaskError
from ...setting import setting
from ..lazy import outcome, unless_stale
from ..lazy.later import Home, Later, Look, inputs_of
from ..lazy.record import Recorder
from ..lazy.schedule import by_depth

_leaf: ContextVar = ContextVar("what becomes of the numbers of an example")


def leaf(x):
    """Numbers of an example as an array; arrays stay."""
    return x if xp.framework_of(x) else _leaf.get()(x)


def one(block, x):
    """On one example; within another block's run, a part of that."""
    if _leaf.get(None) is not None:
        return block.run(x)
    laters = inputs_of(x)
    like = laters[0].recorder.like if laters else like_of(block, x)
    with setting(_leaf, lambda x: xp.of(like).asarray(x, like)):
        return block.run(x)


def laid_out(block, examples, like):
    """On many: all of them are laid out before anything is computed."""
    from . import refuse

    if not examples:
        raise MaskError(f"{block!r}.batch([]): without an example nobody knows the shape of a "
                        "result; pass at least one")  # fmt: skip
    like = like_of(block, examples) if like is None else like
    first = SimpleNamespace(data=like, side="right")

    def all_of_them():
        recorder = Recorder(like, True, refuse)
        for x in shared(block):
            recorder.share(x)
        pool = Pool(recorder)

        def example(x):
            def run():
                with setting(_leaf, pool.put):
                    return block.run(trees.map(recorder.taken, x))

            return run

        return outcome(recorder, [example(x) for x in examples], by_depth, first, pool.fill)

    return unless_stale(all_of_them)


class Pool:
    """The numbers of all examples: those of one shape become rows of one array."""

    def __init__(self, recorder):
        self.recorder, self.waiting = recorder, {}

    def put(self, x):
        if x.dtype.kind != "f":
            return self.recorder.value(x)
        look = Look(x.shape, self.recorder.verbs.dtype(x.dtype.name))
        later = Later(self.recorder, look)
        self.waiting.setdefault(look, []).append((later, x))
        return later

    def fill(self):
        for pairs in self.waiting.values():
            data = self.recorder.verbs.asarray(np.stack([x for _, x in pairs]), self.recorder.like)
            for row, (later, _) in enumerate(pairs):
                later.home = Home(data, row)
        self.waiting.clear()


# ----- of which framework? -----
def shared(block):
    """The arrays of a block and of all its parts."""
    found, todo, seen = [], [block], set()
    while todo:
        part = todo.pop()
        if id(part) not in seen:
            seen.add(id(part))
            found += part.shared()
            todo += part.parts
    return found


def like_of(block, examples):
    """An array that shows the framework: of a block, or of an example."""
    arrays = [*shared(block), *[x for x in trees.leaves(examples) if xp.framework_of(x)]]
    if arrays:
        xp.of(*arrays)  # refuses two frameworks
        return arrays[0]
    verbs = in_use("no block and no example", "block.batch(examples, like=array)")
    return verbs.asarray(0.0, SimpleNamespace(device=None))
