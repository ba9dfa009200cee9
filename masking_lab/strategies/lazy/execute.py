"""One call for a whole group: gather what goes in, run once, and tell each where its answer is."""

import contextlib
import sys
from collections import Counter

import numpy as np

from autodiff_lab import trees, xp

from ...lane import Lane, spread
from ...lifting.items import finished
from .later import Home, Later, Look, filled
from .trial import Stale, look


def execute(verbs, group, readers):
    """Make the calls of a group, which are alike, as one.

    What is read together is put side by side (as ED-Batch does, Chen et al. 2023): the answers lie
    in the order of the groups that read them first, in a piece for each. Nothing is copied for it,
    and the cotangents of the pieces are put together once; of one large array that many groups
    read from, each would have the whole size.
    """
    group = _in_memory(group)
    if verbs.name == "torch":  # JAX would compile each cut of another size
        when = {call: min([readers.get(id(x), LAST) for x in call.answers]) for call in group}
        group.sort(key=when.__getitem__)
        sizes = list(Counter(map(when.__getitem__, group)).values())
    else:
        sizes = [len(group)]
    alike = group[0].alike
    with verbs.lib.no_grad() if alike.cut else contextlib.nullcontext():
        found = [alike.together(verbs, group)] if alike.together else _run(verbs, group, alike)
    for k, data in enumerate(found):
        own = [call.answers[k] for call in group]
        if type(own[0]) is Later:
            parts = [data] if len(sizes) == 1 else verbs.lib.split(data, sizes)
            homes = [Home(part, row) for part in parts for row in range(part.shape[0])]
            for answer, home in zip(own, homes, strict=True):
                answer.home, answer.call = home, None


LAST = sys.maxsize  # the place in the order of what no group reads


def first_readers(groups):
    """Which group reads an answer first: its place in the order, by the answer's id."""
    found: dict = {}
    for k, group in enumerate(groups):
        for call in group:
            for x in call.inputs:
                found.setdefault(id(x), k)
    return found


def _run(verbs, group, alike):
    columns = zip(*[call.inputs for call in group], strict=True)
    lanes = [_lane(gathered(verbs, column)) for column in columns]
    args, kwargs = filled((group[0].args, group[0].kwargs), iter(lanes))
    answers = trees.leaves(finished(alike.run(*args, **kwargs)))
    if len(answers) != len(alike.answers) or not all(map(_is_expected, answers, alike.answers)):
        raise Stale
    return [_of_all(verbs, y, len(group)) for y in answers]


def _is_expected(answer, expected):
    found = look(answer)
    return found == expected if type(found) is Look or type(expected) is not Look else False


def _lane(data):
    return Lane(data, (None,) * (len(data.shape) - 1))


def _of_all(verbs, y, count):
    """An answer for each; what came of weights alone is the same for all."""
    if isinstance(y, Lane) or xp.framework_of(y) is None:
        return getattr(y, "data", y)
    return spread(verbs, count, y)


def _in_memory(group):
    """Neighbours in memory stay neighbours, so that they are read as they lie."""
    firsts = [call.inputs[0] for call in group]
    if any(x.known is not None for x in firsts):
        return list(group)
    arrays: dict = {}
    where = [(arrays.setdefault(id(x.home.data), len(arrays)), x.home.row) for x in firsts]
    return [group[k] for k in sorted(range(len(group)), key=where.__getitem__)]


def gathered(verbs, laters):
    """The values of some Laters of one look, in one array."""
    shape = laters[0].shape

    def read(data, rows, _):
        data = _rows(verbs, data, rows)
        return data if data.shape[1:] == shape else data[(slice(None), *map(slice, shape))]

    if any(x.known is not None for x in laters):  # whole numbers
        values, like = [x.plain() for x in laters], laters[0].recorder.like
        if all(x.known is not None for x in laters):
            return verbs.asarray(np.stack(values), like)
        rows = [verbs.reshape(verbs.asarray(v, like), (1, *shape)) for v in values]
        return verbs.concat(rows, 0)
    return _by_source(verbs, laters, read)


# ----- calls that are made in ways of their own -----
def entries(verbs, group):
    """`x[i]`, each with its own x and i."""

    def read(data, rows, which):
        columns = zip(*[group[k].places for k in which], strict=True)
        return verbs.take_at(data, *[verbs.asarray(list(c), data) for c in (rows, *columns)])

    return _by_source(verbs, [call.inputs[0] for call in group], read)


def stacks(verbs, group):
    """Lists as arrays; they differ in length."""
    elements = gathered(verbs, [x for call in group for x in call.inputs])
    return side_by_side(verbs, elements, [len(call.inputs) for call in group])


def side_by_side(verbs, elements, counts):
    """Elements of one list after the other, with an axis for the lists; then comes anything."""
    longest, starts = max(counts), np.cumsum([0, *counts[:-1]])
    if min(counts) == longest:
        return verbs.reshape(elements, (len(counts), longest, *elements.shape[1:]))
    places = np.minimum(starts[:, None] + np.arange(longest), len(elements) - 1)
    return verbs.take_at(elements, verbs.asarray(places, elements))


# ----- where values are -----
def _by_source(verbs, laters, read):
    """What `read(array, rows, which)` gives for each array, in the order of the Laters."""
    found: dict = {}
    for k, x in enumerate(laters):
        found.setdefault(id(x.home.data), (x.home.data, [], []))
        found[id(x.home.data)][1].append(x.home.row)
        found[id(x.home.data)][2].append(k)
    parts = [read(*part) for part in found.values()]
    whole = parts[0] if len(parts) == 1 else verbs.concat(parts, 0)
    order = np.argsort([k for _, _, which in found.values() for k in which])
    return whole if len(parts) == 1 else _rows(verbs, whole, order.tolist())


def _rows(verbs, data, rows):
    """Rows of an array; those that lie side by side are not copied."""
    start, n = rows[0], len(rows)
    if rows == list(range(start, start + n)):
        return data if n == data.shape[0] else data[start : start + n]
    return verbs.take_at(data, verbs.asarray(rows, data))
