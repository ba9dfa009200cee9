"""What a function depends on besides its arguments, set as it was: random numbers, autocast."""

import contextlib
import functools
import inspect

import torch

from ... import trees
from .closure import is_empty


class Chance:
    """The generators that a function may draw from: PyTorch's own, and those in its reach."""

    def __init__(self, f, leaves):
        self.generators = [torch.default_generator, *_of_devices(leaves)]
        for g in _in_reach(f, leaves):
            if not any([g is known for known in self.generators]):
                self.generators.append(g)
        self.last = None

    def now(self):
        """Their states. As long as nobody draws, it is one and the same list."""
        states = [g.get_state() for g in self.generators]
        if self.last is None or not all(map(torch.equal, states, self.last)):
            self.last = states
        return self.last

    def set(self, states):
        for g, state in zip(self.generators, states, strict=True):
            g.set_state(state)

    @contextlib.contextmanager
    def kept(self):
        """What is drawn inside was drawn before: outside, the next number is as it would be."""
        before = [g.get_state() for g in self.generators]
        try:
            yield
        finally:
            self.set(before)


def _of_devices(leaves):
    devices = {x.device for x in leaves if isinstance(x, torch.Tensor)}
    return [torch.cuda.default_generators[d.index] for d in devices if d.type == "cuda"]


def _in_reach(f, leaves):
    """Generators among the arguments, and in the closure, defaults and globals of the function."""
    while isinstance(f, functools.partial):
        leaves = [*leaves, *trees.leaves((f.args, f.keywords))]
        f = f.func
    f = inspect.unwrap(f)
    cells = [c.cell_contents for c in getattr(f, "__closure__", None) or () if not is_empty(c)]
    code, known = getattr(f, "__code__", None), getattr(f, "__globals__", {})
    named = [known[n] for n in code.co_names if n in known] if code else []
    found = [*leaves, *cells, *named, *(getattr(f, "__defaults__", None) or ())]
    return [x for x in found if isinstance(x, torch.Generator)]


class Ambient:
    """Autocast, as it was when this was made."""

    def __init__(self):
        self.was = _autocast()

    @contextlib.contextmanager
    def again(self):
        with contextlib.ExitStack() as stack:
            for was, now in zip(self.was, _autocast(), strict=True):
                if was != now:
                    device, enabled, dtype = was
                    stack.enter_context(torch.autocast(device, dtype=dtype, enabled=enabled))
            yield


def _autocast():
    return [
        (device, torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))
        for device in ("cpu", "cuda")
    ]
