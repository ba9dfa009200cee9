"""Layers: pairs of functions, as in JAX's stax. Parameters go in and out; nothing is hidden.

    init(key, x) -> params        shapes are read off the example x, so `dense(10)` is enough
    apply(params, x) -> y

Two arguments more, for the layers that want them: a `key` for dropout (without one nothing is
dropped) and a `state` for batch_norm's running statistics:

    state = model.state(params)                        before training
    y, state = model.step(params, x, state, key)       a pass in training
    y = model.apply(params, x, state=state)            afterwards
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .. import random, xp
from ..errors import AutodiffError
from . import ops


@dataclass(frozen=True, repr=False)
class Layer:
    """`init` and `run`; `run(params, x, key, state, train)` gives y and the new state."""

    name: str
    init: Callable
    run: Callable
    state: Callable = lambda params: None

    def apply(self, params, x, key=None, state=None):
        """The layer's output; with a `state`, normalised by its running statistics."""
        return self.run(params, x, key, state, False)[0]

    def step(self, params, x, state, key=None):
        """The output in training, and the running statistics brought up to date."""
        return self.run(params, x, key, state, True)

    def __call__(self, *_, **__):
        raise AutodiffError(
            f"{self.name} holds no parameters: params = layer.init(key, x), then "
            "layer.apply(params, x)"
        )

    def __repr__(self):
        return self.name


def layer(name, init, apply, wants=()):
    """A layer without state: `init(key, x)` and `apply(params, x)`, which `wants` these names."""

    def run(params, x, key, state, train):
        has(name, params, wants)
        if wants:
            xp.framework((x, *params.values()))
        return apply(params, x), state

    return Layer(name, init, run)


def has(name, params, wants):
    if wants and not (isinstance(params, dict) and set(wants) <= set(params)):
        found = sorted(params) if isinstance(params, dict) else type(params).__name__
        raise AutodiffError(f"{name} takes params of {', '.join(wants)} from its init, not {found}")


def whole(name, n):
    if not isinstance(n, int) or n < 1:
        shown = repr(n) if isinstance(n, (int, float, str)) else f"a {type(n).__name__}"
        raise AutodiffError(f"{name}: the number of outputs is a whole number, not {shown}")


def as_layer(thing):
    """A plain function is a layer without parameters."""
    if isinstance(thing, Layer):
        return thing
    if not callable(thing):
        raise AutodiffError(
            f"a layer is made by nn.dense and the like, or a function; not {thing!r}"
        )
    name = getattr(thing, "__name__", repr(thing))

    def apply(params, x):
        y = thing(x)
        if not hasattr(y, "shape"):
            raise AutodiffError(f"{name} in a chain made a {type(y).__name__} of an array")
        return y

    return layer(name, lambda key, x: None, apply)


# ----- first parameters: uniform, as those are the same bits everywhere -----
def spread(key, shape, inputs, like):
    """Uniform numbers of variance 2 / inputs, which keeps the size of what relu lets through.

    (He et al. 2015.) They are drawn in float32 and cast: a model has the same in every precision.
    """
    verbs = xp.of(like)
    limit = float(math.sqrt(6.0 / max(inputs, 1)))
    drawn = random.uniform(key, shape, -1.0, 1.0, like=like) * limit
    return verbs.astype(drawn, _float_dtype(verbs, like))


def constant(value, shape, like):
    verbs = xp.of(like)
    return verbs.zeros(shape, verbs.dtype(_float_dtype(verbs, like)), like) + value


def _float_dtype(verbs, like):
    return like.dtype if verbs.is_float(like.dtype) else verbs.dtype("float32")


def check(name, x, ndim, what, known=None):
    """`x` has so many axes (or more), is an array of floats, and has the size that was known."""
    if xp.framework_of(x) is None:
        raise AutodiffError(f"{name} takes a torch.Tensor or a JAX array, not {type(x).__name__}")
    if len(x.shape) < ndim:
        raise AutodiffError(f"{name} takes x of shape {what}, and got {tuple(x.shape)}")
    if not xp.of(x).is_float(x.dtype):
        raise AutodiffError(f"{name} takes floats, and got {x.dtype}; cast x, or put an embedding")
    if known is not None and x.shape[known[0]] != known[1]:
        raise AutodiffError(
            f"{name} was made for {known[1]} {known[2]}, and got x of shape {tuple(x.shape)}"
        )


# ----- layers with weights -----
def dense(out, bias=True):
    """x @ w + b on the last axis.

    >>> import torch
    >>> layer = dense(3)
    >>> params = layer.init(random.key(0), torch.ones(2, 5))
    >>> params["w"].shape, layer.apply(params, torch.ones(2, 5)).shape
    (torch.Size([5, 3]), torch.Size([2, 3]))
    """
    name = f"dense({out})"
    whole("dense", out)

    def init(key, x):
        check(name, x, 1, "(..., features)")
        w = spread(key, (x.shape[-1], out), x.shape[-1], x)
        return {"w": w, "b": constant(0.0, (out,), x)} if bias else {"w": w}

    def apply(params, x):
        check(name, x, 1, "(..., features)", (-1, params["w"].shape[0], "features"))
        y = x @ params["w"]
        return y + params["b"] if bias else y

    return layer(name, init, apply, ("w", "b") if bias else ("w",))


def conv(out, size=3, *, stride=1, padding="same", bias=True):
    """A convolution over (batch, channels, height, width), with `out` channels."""
    size = (size, size) if isinstance(size, int) else tuple(size)
    dims, name = len(size), f"conv({out}, {size})"
    whole("conv", out)
    what = "(batch, channels, " + "height, width)" if dims == 2 else "(batch, channels, *space)"

    def init(key, x):
        check(name, x, dims + 2, what)
        shape = (out, x.shape[1], *size)
        w = spread(key, shape, math.prod(shape[1:]), x)
        return {"w": w, "b": constant(0.0, (out,), x)} if bias else {"w": w}

    def apply(params, x):
        check(name, x, dims + 2, what, (1, params["w"].shape[1], "channels"))
        return ops.conv(x, params["w"], params.get("b"), stride=stride, padding=padding)

    return layer(name, init, apply, ("w", "b") if bias else ("w",))


def embedding(rows, features):
    """Integers become rows of a table. Its entries have variance 1."""

    def init(key, x):
        return {"table": spread(key, (rows, features), 2, x)}

    def apply(params, x):
        return ops.embed(params["table"], x)

    return layer(f"embedding({rows}, {features})", init, apply, ("table",))


# ----- norms -----
def layer_norm(eps=1e-5):
    """Each example's features get mean 0 and variance 1, then a scale and a shift are learnt."""

    def init(key, x):
        check("layer_norm", x, 1, "(..., features)")
        return {"scale": constant(1.0, x.shape[-1:], x), "shift": constant(0.0, x.shape[-1:], x)}

    def apply(params, x):
        check("layer_norm", x, 1, "(..., features)", (-1, params["scale"].shape[0], "features"))
        return ops.layer_norm(x, params["scale"], params["shift"], eps)

    return layer("layer_norm", init, apply, ("scale", "shift"))


def batch_norm(momentum=0.1, eps=1e-5):
    """Each channel gets mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015).

    The state is a running mean of the batches' statistics; `apply` uses it where it is given.
    """
    what = "(batch, channels, ...)"

    def init(key, x):
        check("batch_norm", x, 2, what)
        return {"scale": constant(1.0, x.shape[1:2], x), "shift": constant(0.0, x.shape[1:2], x)}

    def state(params):
        return {"mean": params["shift"] * 0, "var": params["scale"] * 0 + 1}

    def run(params, x, key, state, train):
        has("batch_norm", params, ("scale", "shift"))
        check("batch_norm", x, 2, what, (1, params["scale"].shape[0], "channels"))
        known = None if train or state is None else (state["mean"], state["var"])
        y = ops.batch_norm(x, params["scale"], params["shift"], known, eps)
        return y, _moved(state, ops.statistics(x), momentum) if train and state else state

    return Layer("batch_norm", init, run, state)


def _moved(state, new, momentum):
    pairs = zip(state.items(), new, strict=True)
    return {name: (1 - momentum) * old + momentum * now for (name, old), now in pairs}


# ----- layers without weights -----
def dropout(rate):
    """Zero a share of the entries; without a key, none."""
    if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        shown = rate if isinstance(rate, (int, float)) else f"a {type(rate).__name__}"
        raise AutodiffError(f"dropout leaves out a share from 0 to below 1, not {shown}")

    def run(params, x, key, state, train):
        return (x if key is None or not rate else ops.dropout(key, x, rate)), state

    return Layer(f"dropout({rate})", lambda key, x: None, run)


def max_pool(size, stride=None):
    """A layer: the largest entry of each window (`ops.max_pool`)."""
    return as_layer(_named(f"max_pool({size})", lambda x: ops.max_pool(x, size, stride)))


def avg_pool(size, stride=None):
    """A layer: the mean of each window (`ops.avg_pool`)."""
    return as_layer(_named(f"avg_pool({size})", lambda x: ops.avg_pool(x, size, stride)))


def _named(name, f):
    f.__name__ = name
    return f


flatten = ops.flatten


# ----- layers of layers -----
def chain(*layers):
    """One layer after the other. Its parameters are a list, with None for a plain function.

    >>> import torch
    >>> model = chain(dense(4), ops.relu, dense(2))
    >>> params = model.init(random.key(0), torch.ones(1, 3))
    >>> model, [p and sorted(p) for p in params]
    (chain(dense(4), relu, dense(2)), [['b', 'w'], None, ['b', 'w']])
    """
    layers = [as_layer(each) for each in layers]
    name = f"chain({', '.join(map(repr, layers))})"

    def init(key, x):
        params = []
        for i, each in enumerate(layers):
            params.append(each.init(random.fold_in(key, i), x))
            x = each.apply(params[-1], x)
        return params

    def run(params, x, key, state, train):
        _as_many(name, layers, params)
        states = [None] * len(layers) if state is None else list(state)
        for i, each in enumerate(layers):
            k = None if key is None else random.fold_in(key, i)
            x, states[i] = each.run(params[i], x, k, states[i], train)
        return x, state and states

    def start(params):
        return [each.state(p) for each, p in zip(layers, params, strict=True)]

    return Layer(name, init, run, start)


def _as_many(name, layers, params):
    if not isinstance(params, (list, tuple)) or len(params) != len(layers):
        found = len(params) if isinstance(params, (list, tuple)) else type(params).__name__
        raise AutodiffError(
            f"{name} has {len(layers)} layers, and params are for {found}; make them with its init"
        )


def residual(*layers):
    """x plus what the layers make of it (He et al. 2016)."""
    inner = chain(*layers)
    name = f"residual{inner.name.removeprefix('chain')}"

    def run(params, x, key, state, train):
        y, state = inner.run(params, x, key, state, train)
        if y.shape != x.shape:
            raise AutodiffError(
                f"{name} adds its output to its input, but {tuple(x.shape)} became {tuple(y.shape)}"
            )
        return x + y, state

    return Layer(name, inner.init, run, inner.state)
