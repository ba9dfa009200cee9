"""What a call on lanes comes to, remembered: calls that look alike are understood once.

Where the ragged dims go, which dead entries are replaced with what, how dtypes are promoted and
parameters shifted: all that follows from what the arguments look like, not from their entries. So
`rules.understand` is asked once for each look, and afterwards its plan is looked up and run. In a
loop over small tensors this is what an operation costs.

A plan is kept only if the ragged sizes of its result are those of its inputs, told apart by
identity. Sizes among the arguments (`x.reshape(len(x), 2)`) and numbers of one element take the
long way.
"""

import torch

from autodiff_lab import xp
from autodiff_lab.on_torch.spellings import PLAIN
from autodiff_lab.table.row import CACHES

from ..lane import Lane, Length, agree
from ..lifting.leader import Led

MANY = 10_000  # calls that are remembered
PLANS: dict = {}
LOOKS: dict = {}
CACHES.append(PLANS)
_TENSORS = frozenset([torch.Tensor, torch.nn.Parameter])
_NUMBERS = frozenset([int, float])
_WORDS = frozenset([int, bool, float, str, type(None), torch.dtype])
_VERBS = xp.verbs("torch")


def _on_some_device():
    return torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")


# It casts behind our back. (PyTorch's own question, of all devices at once, has no public name.)
autocasts = getattr(torch._C, "_is_any_autocast_enabled", _on_some_device)


class Look:
    """All that a rule may know of a lane, but for its lengths. There is one object for each."""

    __slots__ = ("weak", "ragged")

    def __init__(self, ragged):
        self.ragged = ragged


def look(x):
    data = x.data
    seen = data.shape, data.dtype, type(data), x.fill, x.weak, _numbered([x])
    found = LOOKS.get(seen)
    if found is None:
        if len(LOOKS) > MANY:
            LOOKS.clear()
        found = LOOKS[seen] = Look(any([n is not None for n in x.sizes]))
    x.look = found
    return found


def _numbered(lanes):
    """The ragged sizes as numbers, the same for the same lengths, and what they depend on."""
    known: list = []
    return tuple([
        n if n is None else _place(n, known) if n.ndim == 1 else (_place(n, known), n.shape)
        for x in lanes for n in x.sizes
    ])  # fmt: skip


def _place(n, known):
    for i, m in enumerate(known):
        if m is n:
            return i
    known.append(n)
    return len(known) - 1


class Call:
    """The arguments of a call: its lanes and tensors in order, and what it looks like."""

    __slots__ = ("key", "inputs", "ragged")

    def __init__(self, func, args, kwargs):
        self.key, self.inputs, self.ragged = [func], [], []
        found = self._read(args, not kwargs and func in PLAIN)
        if kwargs and found:
            self.key += kwargs
            found = self._read(kwargs.values(), False)
        if len(self.ragged) > 1:
            self.key.append(_numbered(self.ragged))
        names = [id(x) for x in self.inputs]
        if len(set(names)) < len(names):  # x * x says nothing about x * y
            self.key.append(tuple([names.index(i) for i in names]))
        self.key = tuple(self.key) if found and not autocasts() else None

    def _read(self, args, plain):
        """Look at the arguments; False if they want a closer look. Of a `plain` function, which
        acts on each entry alone, the numbers are inputs too."""
        key, inputs = self.key, self.inputs
        for x in args:
            kind = type(x)
            if kind is Lane or kind is Led or (plain and kind is Length):
                seen = x.look or look(x)
                key.append(seen)
                inputs.append(x)
                if seen.ragged:
                    self.ragged.append(x)
            elif kind in _TENSORS:
                key += kind, x.shape, x.dtype
                inputs.append(x)
            elif plain and kind in _NUMBERS:
                key += "plain", x - x == 0  # is it finite? (a word, since True is 1 to a dict)
                inputs.append(x)
            elif kind in _WORDS:
                key += kind, x
            elif kind is tuple or kind is list:
                key += kind, len(x)
                if not self._read(x, False):
                    return False
            else:
                return False
        return True


def at_once(func, args):
    """What is known about a call of a lane, or of two, and nothing else."""
    x, y = args[0], args[-1]
    if type(x) is not Lane or type(y) is not Lane or x.look is None or y.look is None:
        return None
    if autocasts():
        return None
    if len(args) == 1:
        return PLANS.get((func, x.look))
    if len(args) > 2 or x is y or (x.look.ragged and y.look.ragged):
        return None
    return PLANS.get((func, x.look, y.look))


class Known:
    """A plan, and where its inputs and the ragged sizes of its result are found in a call."""

    __slots__ = ("plan", "numbers", "order", "places", "even", "looks")

    def run(self, inputs):
        xs, sizes = inputs, self.even
        if self.order is not None:
            there = [*xs, *self.numbers]
            xs = [there[i] for i in self.order]
        if sizes is None:
            found = [n for x in inputs if isinstance(x, Lane) and x.look.ragged for n in x.sizes]
            sizes = tuple([None if p is None else found[p] for p in self.places])
        return self.plan.run(_VERBS, xs, sizes, self.looks)


def remember(call, plan, xs, sizes, y):
    """Keep a plan that has just been run, if nothing but looks decided about it."""
    lengths = [n for x in call.ragged for n in x.sizes]
    numbers = [x for x in xs if type(x) in _WORDS]
    there = [*call.inputs, *numbers]
    order = [_index(x, there) for x in xs]
    places = [None if n is None else _index(n, lengths) for n in sizes]
    lost = [n for n, p in zip(sizes, places, strict=True) if n is not None and p is None]
    if None in order or lost or _alike(lengths):
        return
    known = Known()
    known.plan, known.numbers, known.places = plan, numbers, places
    known.order = None if order == list(range(len(call.inputs))) else order
    known.even = (None,) * len(sizes) if not any([n is not None for n in sizes]) else None
    known.looks = look(y) if type(y) is Lane else [look(part) for part in y]
    if len(PLANS) > MANY:
        PLANS.clear()
    PLANS[call.key] = known


def _index(x, there):
    return next((i for i, y in enumerate(there) if y is x), None)


def _alike(lengths):
    """Are there two arrays of the same lengths? Then a look into them decided that they match."""
    known = [n for n in lengths if n is not None]
    return any([m is not n and agree(m, n) for i, m in enumerate(known) for n in known[:i]])
