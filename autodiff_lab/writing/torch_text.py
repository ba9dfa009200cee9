"""PyTorch's verbs, writing: each is the computing verb, run on expressions.

A verb is overridden where a person would write it shorter; what it computes stays the same.
"""

import torch

from ..xp.torch_verbs import TorchVerbs
from .expr import ATOM, Expr, Library, Writer, flat, known, shortest


class TorchText(Writer, TorchVerbs):
    library, array = "torch", torch.Tensor
    properties = frozenset(("mT", "T", "real", "imag", "device"))
    views = frozenset(
        "expand reshape permute detach narrow mT T expand_as view squeeze unsqueeze "
        "broadcast_to flatten contiguous to".split()
    )
    submodules = frozenset(("special", "nn", "functional", "linalg", "fft"))
    some_float = torch.float32
    shorter = frozenset(("permute",))
    in_place = True  # `a += b` writes into a

    def __init__(self):
        TorchVerbs.__init__(self)
        self.lib = Library(self, torch, "torch")
        self.kernels_for = None

    def abstract(self, compute, args):
        """Shape and dtype of a result, from meta tensors: nothing is computed."""
        if any(isinstance(a, Expr) and a.known is None for a in flat(tuple(args))):
            return None
        return compute(*[known(a) for a in args])

    def leaf(self, text, value):
        """A variable that holds a value like this one."""
        return self.variable(text, torch.empty(value.shape, dtype=value.dtype, device="meta"))

    def dtype_text(self, x):
        return str(x) if isinstance(x, torch.dtype) else None

    # ----- choose, cast, make -----
    def asarray(self, x, like):
        return x

    def zeros(self, shape, dtype, like):
        if like.known is not None and tuple(shape) == like.shape and dtype == like.dtype:
            return self.call("torch.zeros_like", torch.zeros_like, (like,))
        made = torch.empty(tuple(shape), dtype=dtype, device="meta")
        more = [] if made.dtype == torch.get_default_dtype() else [("dtype=", made.dtype)]
        text = self.listed([("", tuple(shape)), *more])
        return Expr(self, ("torch.zeros(", *text, ")"), known=made)

    def ones(self, shape, dtype, like):
        return self.call("torch.ones_like", torch.ones_like, (like,))

    def arange(self, shape, axis, dtype, like=None):
        made = torch.arange(shape[axis], dtype=self.dtype(dtype) if dtype else None, device="meta")
        more = [("dtype=", made.dtype)] if made.dtype != torch.int64 else []
        text = ("torch.arange(", *self.listed([("", shape[axis]), *more]), ")")
        numbers = Expr(self, text, known=made)
        return self.broadcast(numbers, shape, (axis,))

    def times(self, x, number):
        return x * number

    # ----- reduce -----
    def sum(self, x, axis, keepdims=False):
        return self._reduced("sum", x, axis, keepdims)

    def max(self, x, axis, keepdims=False):
        return self._reduced("amax", x, axis, keepdims)

    def min(self, x, axis, keepdims=False):
        return self._reduced("amin", x, axis, keepdims)

    def any(self, x, axis, keepdims=False):
        return self._reduced("any", x, axis, keepdims)

    def all(self, x, axis, keepdims=False):
        return self._reduced("all", x, axis, keepdims)

    def _reduced(self, name, x, axis, keepdims):
        if not axis:
            return x
        some = len(axis) < x.ndim or keepdims
        args = [axis[0] if len(axis) == 1 else tuple(axis)] * some + [True] * bool(keepdims)
        pieces = [(x, ATOM), f".{name}(", *self.listed([("", a) for a in args]), ")"]
        reduction = getattr(torch, name)
        return self.expr(pieces, ATOM, lambda v: reduction(v, tuple(axis), keepdims), (x,))

    # ----- move entries about -----
    def broadcast(self, x, shape, dims):
        aligned = [1] * len(shape)
        for d, n in zip(dims, x.shape, strict=True):
            aligned[d] = n
        at_the_end = list(dims) == list(range(len(shape) - len(dims), len(shape)))
        x = x if at_the_end else x.reshape(*aligned)
        return x if x.shape == tuple(shape) else x.expand(*shape)

    def reshape(self, x, shape):
        return x.reshape(*shape) if len(shape) else x.reshape(())

    def permute(self, x, axes):
        n = len(axes)
        if tuple(axes) == tuple(range(n)):
            return x
        last_two = (*range(n - 2), n - 1, n - 2)
        return x.mT if n >= 2 and tuple(axes) == last_two else x.permute(*axes)

    def flip(self, x, axis):
        return x.flip(*axis)

    def slice(self, x, start, stop, step):
        index = shortest(x.shape, start, stop, step)
        return x[index] if index else x

    def pad(self, x, value, low, high, gaps):
        """Zeros with x in their midst."""
        if isinstance(value, Expr) or min(low + high, default=0) < 0:
            raise NotImplementedError("a pad with a recorded or a negative margin")
        for axis, gap in enumerate(gaps):
            x = self._spaced(x, axis, gap)
        margins = [m for lo, hi in zip(low, high, strict=True) for m in (hi, lo)][::-1]
        while margins[-2:] == [0, 0]:
            margins = margins[:-2]
        if not margins:
            return x
        more = {"value": value} if value else {}
        pad = torch.nn.functional.pad
        return self.call("torch.nn.functional.pad", pad, (x, tuple(margins)), more)

    def _spaced(self, x, axis, gap):
        """`gap` zeros between neighbours along one axis."""
        if not gap or x.shape[axis] < 2:
            return x
        shape = list(x.shape)
        shape[axis] += (shape[axis] - 1) * gap
        into = self.zeros(shape, x.dtype, x)
        args = (into, x, axis, 0, shape[axis], gap + 1)
        return self.call("torch.slice_scatter", torch.slice_scatter, args)
