"""`torch.autograd.Function`: what a user's forward and backward say is honoured.

`MyFunction.apply` is written in C and asks no box before it runs `forward`, without gradients, on
the boxes themselves. So a function is met while it is running. What it computes there is set aside
in boxes of a tape that is closed from the start (`Met`). Whoever uses such a box afterwards finds
the tape closed and comes here; now the function is called once more, as one node with a rule, and
the box is replaced by that node's output. PyTorch's engine is never run.
"""

import os
import sys
import weakref

import torch

from .. import source
from ..custom import _transposed
from ..errors import AutodiffError
from ..table.row import Row
from ..tape import Node
from ..xp import verbs
from .box import Box

_APPLY = torch.autograd.Function.apply.__func__.__code__
_FRONT = os.path.join("on_torch", "front.py")
_met: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def running():
    """The function whose `forward` is running on our boxes right now, or None."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code is _APPLY:
            found = _met.get(id(frame))
            if found is None or found.frame is not frame:
                found = _met[id(frame)] = Met(frame)
            return found
        if code.co_name == "run" and code.co_filename.endswith(_FRONT):
            return None
        frame = frame.f_back


class Met:
    """One call of a function, met while it runs. To its boxes it is a tape that is closed."""

    closed, keep_all, quick, level = True, False, False, float("inf")

    def __init__(self, frame):
        self.frame, self.cls = frame, frame.f_locals["cls"]
        if self.cls.__module__ == "torch.utils.checkpoint":
            raise AutodiffError(
                f"torch.utils.checkpoint with use_reentrant=True ({source.here()}) runs PyTorch's "
                "own engine, and that never runs here; use ad.checkpoint, or use_reentrant=False"
            )
        self.args = (*frame.f_locals["args"], *frame.f_locals["kwargs"].values())
        self.copies, self.results = {}, None

    def concrete(self, node, answer):
        return answer

    def compute(self, func, args, kwargs):
        """An operation inside `forward`: its value, set aside. Writes go into a copy."""
        y = func(*_map(self._plain, args), **_map(self._plain, kwargs))
        return _map(self._aside, y)

    def _plain(self, x):
        if type(x) is not Box:
            return x
        if x.tape is self:
            return x.value
        if id(x) not in self.copies:
            self.copies[id(x)] = x, x.plain().clone()
        return self.copies[id(x)][1]

    def _aside(self, y):
        if not isinstance(y, torch.Tensor) or not (y.is_floating_point() or y.is_complex()):
            return y
        return Box.of(y, Node(None, (), {}, y.shape, y.dtype, True), self)

    def after(self, func, args, kwargs):
        """An operation on a result, after the function has returned."""
        return func(*settled(args), **settled(kwargs))

    def result(self, value):
        """The recorded output that has this value."""
        if self.results is None:
            self.results = Call(self.cls, self.args).record()
        found = [y for y, known in self.results if _same(known, value)]
        if len(found) != 1:
            raise AutodiffError(
                f"{len(found)} outputs of {self.cls.__name__}.apply have the value that is used at "
                f"{source.here()}, so its derivative is unclear; let forward return each result "
                "once and keep no other, or use ad.custom_rule"
            )
        return found[0]


def settled(x):
    """Boxes that were set aside become the outputs of their function."""
    return _map(lambda b: b.tape.result(b.value) if _is_aside(b) else b, x)


def settled_leaves(leaves):
    return [settled(x) for x in leaves] if any(map(_is_aside, leaves)) else leaves


def _is_aside(x):
    return type(x) is Box and type(x.tape) is Met


def _map(f, x):
    if type(x) in (list, tuple):
        return type(x)([_map(f, item) for item in x])
    if isinstance(x, tuple):  # a torch.return_types has names
        return type(x)([_map(f, item) for item in x])
    if type(x) is dict:
        return {k: _map(f, v) for k, v in x.items()}
    return f(x)


def _same(a, b):
    if a is b:
        return True
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if torch._C._functorch.is_batchedtensor(a):  # under vmap nobody can look; shapes must do
        return True
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


class Call:
    """A function with its arguments fixed, but for the tensors: one node of the tape."""

    def __init__(self, cls, args):
        self.cls, self.args, self.__name__ = cls, args, cls.__name__
        self.at = [i for i, x in enumerate(args) if isinstance(x, torch.Tensor)]
        plain = [x.plain() if type(x) is Box else x.detach() for x in self._tensors(args)]
        self.inputs = plain
        with torch.no_grad():
            self.context, self.outputs = self._forward(plain)
        self.tensors = [i for i, y in enumerate(self.outputs) if isinstance(y, torch.Tensor)]
        self.many = len(self.tensors) != 1
        self.custom_row = Row(
            self.__name__, "general", lambda xp, *xs: self(*xs), (self.push, self.pull),
            arity=len(self.at), outputs="many" if self.many else 1, keeps="xy",
            tex=rf"\operatorname{{{cls.__name__.replace('_', ' ')}}}",
        )  # fmt: skip
        self.verbs = verbs("torch")

    def _tensors(self, args):
        return [args[i] for i in self.at]

    def record(self):
        """Pairs of a recorded output and its plain value."""
        ys = self(*self._tensors(self.args))
        ys = list(ys) if self.many else [ys]
        known = [self.outputs[i] for i in self.tensors]
        flat = self.context.flat
        return [(k if any(k is f for f in flat) else y, k) for y, k in zip(ys, known, strict=True)]

    def __call__(self, *xs):
        if torch.overrides.has_torch_function(xs):
            return torch.overrides.handle_torch_function(self, xs, *xs)
        outputs = self.outputs if self._is_known(xs) else self._forward(xs)[1]
        ys = tuple(outputs[i] for i in self.tensors)
        return ys if self.many else ys[0]

    def _is_known(self, xs):
        return all(_same(x, known) for x, known in zip(xs, self.inputs, strict=True))

    def _forward(self, xs):
        args, context = list(self.args), Context(self)
        for i, x in zip(self.at, xs, strict=True):
            args[i] = x
        if self.cls.setup_context is torch.autograd.Function.setup_context:
            y = self.cls.forward(context, *args)
        else:
            y = self.cls.forward(*args)
            self.cls.setup_context(context, tuple(args), y)
        ys = y if isinstance(y, tuple) else (y,)
        return context, tuple(y.view_as(y) if any(y is x for x in xs) else y for y in ys)

    def _at_level(self, y, xs):
        """The context of these very values: under an outer tape, forward runs again on them."""
        if not torch.overrides.has_torch_function(xs) and self._is_known(xs):
            return self.context
        context, outputs = self._forward(xs)
        ys = dict(zip(self.tensors, y if self.many else (y,), strict=True))
        for i in self.tensors:
            if not _same(_down(outputs[i]), _down(ys[i])):
                raise AutodiffError(
                    f"the forward of {self.__name__} gave two different answers, and its second "
                    "derivative would mix them; hand its random numbers in as an argument"
                )
        context.saved_tensors = tuple(
            next((ys[i] for i in self.tensors if outputs[i] is s), s) for s in context.saved_tensors
        )
        return context

    # ----- the two directions -----
    def pull(self, xp, gs, y, *xs):
        if getattr(self.cls.backward, "__wrapped__", None) and torch.overrides.has_torch_function(
            (*xs, *(gs if self.many else (gs,)))
        ):
            raise AutodiffError(
                f"the backward of {self.__name__} is marked once_differentiable, so it has no "
                "second derivative; write it with differentiable operations and drop the mark"
            )
        context, full = self._at_level(y, xs), [None] * len(self.outputs)
        for i, g in zip(self.tensors, gs if self.many else (gs,), strict=True):
            full[i] = g
        found = self.cls.backward(context, *full)
        found = list(found) if isinstance(found, tuple) else [found]
        if len(found) < len(self.args) or any(c is not None for c in found[len(self.args) :]):
            raise AutodiffError(
                f"the backward of {self.__name__} returned {len(found)} gradients for "
                f"{len(self.args)} arguments; return one for each, None where there is none"
            )
        return [self._checked(found[i], x) for i, x in zip(self.at, xs, strict=True)]

    def _checked(self, c, x):
        if c is not None and c.shape != x.shape:
            raise AutodiffError(
                f"the backward of {self.__name__} gave a gradient of shape {tuple(c.shape)} for an "
                f"argument of shape {tuple(x.shape)}; they must agree"
            )
        return c

    def push(self, xp, *rest):
        n = len(self.at)
        dxs, y, xs = rest[:n], rest[n], rest[n + 1 :]
        if self.cls.jvp is not torch.autograd.Function.jvp:
            full = [None] * len(self.args)
            for i, dx in zip(self.at, dxs, strict=True):
                full[i] = dx
            return self.cls.jvp(self._at_level(y, xs), *full)
        ys = y if self.many else (y,)
        back = lambda *us: self.pull(xp, us if self.many else us[0], y, *xs)  # noqa: E731
        dys = _transposed(self, "vjp", back, list(ys), dxs)
        return tuple(dys) if self.many else dys[0]


def _down(x):
    return x.plain() if type(x) is Box else x


class Context:
    """What `forward` and `backward` call `ctx`."""

    def __init__(self, call):
        self.needs_input_grad = tuple(
            isinstance(x, torch.Tensor) and x.requires_grad for x in call.args
        )
        self.name, self.flat, self.saved_tensors = call.__name__, (), ()

    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors

    save_for_forward = save_for_backward

    @property
    def saved_variables(self):
        return self.saved_tensors

    def mark_non_differentiable(self, *tensors):
        self.flat = tensors

    def set_materialize_grads(self, value):
        """Zeros are always given for outputs that nobody used."""

    def mark_dirty(self, *tensors):
        raise AutodiffError(
            f"{self.name} writes into its input (mark_dirty), which a recorded value cannot "
            "follow; let forward return a new tensor"
        )
