"""`torch.autograd.Function`: what a user's forward and backward say is honoured.

`MyFunction.apply` asks no lane: it would run `forward` on lanes without gradients, and nothing
would ever come back to `backward`. So lifted code calls a function of ours in its place, which
takes the padded arrays; both methods of the user's are run on lanes, as if for one example. What
they give for an argument that all examples share is summed over the examples, as the loop does.
"""

import functools
import sys

from autodiff_lab import source, xp

from ..errors import MaskError
from ..lane import Lane, lanes_in, refill, spread


def own(f):
    """What lifted code calls for `f`: itself, or what knows lanes, for `MyFunction.apply`."""
    owner, torch = getattr(f, "__self__", None), sys.modules.get("torch")
    if not isinstance(owner, type) or torch is None or getattr(f, "__name__", "") != "apply":
        return f
    return _own(owner) if issubclass(owner, torch.autograd.Function) else f


@functools.lru_cache(256)
def _own(function):
    return Own(function)


class Own:
    """A function of the user's, to be called with lanes."""

    def __init__(self, function):
        self.function, self.__name__ = function, function.__name__

    def __call__(self, *args):
        if next(lanes_in(args), None) is None:
            return self.function.apply(*args)
        call = Call(self.function, args)
        found = _bridge().apply(call, *[x.data if isinstance(x, Lane) else x for x in args])
        found = found if call.several else (found,)
        ys = [y if like is None else Lane(y, like.sizes)
              for y, like in zip(found, call.outputs, strict=True)]  # fmt: skip
        return tuple(ys) if call.several else ys[0]


@functools.cache
def _bridge():
    import torch

    class Bridge(torch.autograd.Function):
        """PyTorch's side of a call: padded arrays in and out."""

        @staticmethod
        def forward(ctx, call, *data):
            return call.forward(ctx, data)

        @staticmethod
        def backward(ctx, *gs):
            return None, *ctx.call.backward(ctx, gs)

    return Bridge


class Context:
    """The `ctx` that the user's methods are given: what they put there are lanes.

    It belongs to one call. Without weak references, nobody minds that it outlives `f`.
    """

    __slots__ = ("__dict__",)
    saved = ()

    def __init__(self, ctx, needs):
        self._ctx, self.needs_input_grad = ctx, needs

    def save_for_backward(self, *xs):
        self.saved = xs

    def mark_non_differentiable(self, *ys):
        self._ctx.mark_non_differentiable(*map(_data, ys))

    def set_materialize_grads(self, value):
        self._ctx.set_materialize_grads(value)

    def mark_dirty(self, *xs):
        raise MaskError(
            f"a function called at {source.here()} writes into its arguments (mark_dirty), which "
            "other examples may see; return a new tensor"
        )


class Call:
    """One call of a user's function."""

    def __init__(self, function, args):
        self.function, self.args = function, args
        self.count = next(lanes_in(args)).examples

    def forward(self, ctx, data):
        ctx.call, self.context = self, Context(ctx, ctx.needs_input_grad[1:])
        given = [Lane(d, x.sizes) if isinstance(x, Lane) else d
                 for x, d in zip(self.args, data, strict=True)]  # fmt: skip
        y = self._run(given)
        self.several = isinstance(y, (tuple, list))
        ys = list(y) if self.several else [y]
        self.outputs = [x if isinstance(x, Lane) else None for x in ys]
        saved = self.context.saved
        ctx.save_for_backward(*map(_data, saved))
        self.saved = [x if isinstance(x, Lane) else None for x in saved]
        self.context.saved = ()
        return tuple(map(_data, ys)) if self.several else _data(y)

    def _run(self, given):
        from ..lifting import callee  # lifting asks for this file

        forward, setup = callee(self.function.forward), self.function.setup_context
        if setup is _plain_setup():
            return forward(self.context, *given)
        y = forward(*given)
        callee(setup)(self.context, tuple(given), y)
        return y

    def backward(self, ctx, gs):
        from ..lifting import callee

        verbs = xp.verbs("torch")
        self.context.saved_tensors = tuple(
            x if like is None else Lane(x, like.sizes)
            for x, like in zip(ctx.saved_tensors, self.saved, strict=True)
        )
        lanes = [g if like is None or g is None else refill(verbs, Lane(g, like.sizes), 0.0)
                 for g, like in zip(gs, self.outputs, strict=True)]  # fmt: skip
        found = callee(self.function.backward)(self.context, *lanes)
        found = found if isinstance(found, tuple) else (found,)
        return [self._back(verbs, g, x) for g, x in zip(found, self.args, strict=True)]

    def _back(self, verbs, g, x):
        """The cotangent of an argument: of what all share, summed over the examples."""
        if g is None:
            return None
        g = refill(verbs, g, 0.0).data if isinstance(g, Lane) else spread(verbs, self.count, g)
        return g if isinstance(x, Lane) else g.sum(0)


@functools.cache
def _plain_setup():
    import torch

    return torch.autograd.Function.setup_context


def _data(x):
    return x.data if isinstance(x, Lane) else x


def refuse_inside(args):
    """A function that nobody lifted runs `forward` on lanes: no gradient would come back."""
    import torch

    if not any(isinstance(x, Lane) and x.data.requires_grad for x in args):
        return
    apply = torch.autograd.Function.apply.__func__.__code__
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is apply and frame.f_locals["cls"] is not _bridge():
            name = frame.f_locals["cls"].__name__
            raise MaskError(
                f"{name}.apply at {source.here()} is called where nothing is lifted, and would "
                "lose the gradients of what each example has for itself; call it in code of your "
                "own (of torch.utils.checkpoint, pass use_reentrant=False)"
            )
        frame = frame.f_back
