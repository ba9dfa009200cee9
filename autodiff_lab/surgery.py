"""Gradient surgery: functions that are the identity and change what comes back through them.

    stop, scale, reverse       the derivative is 0, c, -1 times the identity's
    on_cotangent, clip         code of one's own on the cotangent, in the middle of the walk
    straight_through           a step function with the derivative of the identity, or of another
    synthetic                  a cotangent that is predicted, and not waited for

Tangents follow where the change is linear: `stop`, `scale`, `reverse` and `straight_through` do to
tangents what they do to cotangents. What `on_cotangent`, `clip` and `synthetic` say is about
cotangents alone, and tangents pass unchanged. A rule is a rule at every order: the second
derivative through `scale(x, c)` has c twice.

Arguments may be containers; their integers and other leaves pass as they are. Under `jax.jit` the
inserted code runs while JAX traces: print there with `jax.debug.print`, and let it be pure. The
idea of inserted code is Tangent's `insert_grad_of` (van Merrienboer et al. 2018).
"""

import functools

from . import trees, xp
from .custom import custom_rule
from .errors import AutodiffError
from .forward import jvp
from .implicit.flat import flat, flows, shaped
from .reverse import _as_frameworks, transposed_trees


def stop(x):
    """x as a constant: nothing flows back, and no tangent flows on.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: x * stop(x))(torch.tensor(3.0))
    tensor(3.)
    """
    return _each(lambda v: xp.of(v).stop_gradient(v), x, "stop")


def scale(x, c):
    """x, with a derivative that is c times too large; c is a number or a scalar array.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: scale(x, 10.0) ** 2)(torch.tensor(3.0))
    tensor(60.)
    """
    if tuple(getattr(c, "shape", ())) != () or isinstance(c, (list, tuple, dict, str)):
        raise AutodiffError(f"scale by {_words(c)}: give one number, or a scalar array")
    return _each(lambda v: scaled(v, c), x, "scale")


def reverse(x):
    """x, with its derivative turned round: who is below climbs where the loss descends.

    Between features and a second head, this makes the features useless to that head, which
    learns all the same (Ganin and Lempitsky 2015).

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: reverse(x) ** 2)(torch.tensor(3.0))
    tensor(-6.)
    """
    return scale(x, -1.0)


def on_cotangent(x, f):
    """x; when its cotangent g comes back, `f(g)` goes on in its place, or g if f returns None.

    So f may print g, record it, stop in the debugger, or change it. For a container x, g is such a
    container, with zeros where nothing arrived. f is not called in forward mode, nor where nobody
    wants the derivative.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: on_cotangent(x, print) ** 2)(torch.tensor(3.0))
    tensor(6.)
    tensor(6.)
    """
    if not callable(f):
        raise AutodiffError(f"on_cotangent takes a function of the cotangent, not {_words(f)}")

    return _on_cotangent(x, f, "on_cotangent")


def clip(x, bound=None, *, norm=None):
    """x; the entries of its cotangent stay within +-bound, or its length within `norm`.

    The length is that of all entries of a container together (Pascanu et al. 2013).

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: (clip(x, norm=1.0) ** 2).sum())(torch.tensor([3.0, 4.0]))
    tensor([0.6000, 0.8000])
    """
    if (bound is None) == (norm is None) or not _positive(norm if bound is None else bound):
        raise AutodiffError(
            f"clip was given bound={bound!r} and norm={norm!r}; give one of them, greater than 0"
        )
    if norm is None:
        return _on_cotangent(x, lambda g: _map(lambda v: _bounded(v, bound), g), "clip")
    return _on_cotangent(x, lambda g: _shortened(g, norm), "clip")


def straight_through(f, like=None):
    """f, with the derivative of the identity, or of the function `like` (a surrogate).

    So learns what comes before a step (Bengio et al. 2013). f is a function of one array, and keeps
    its shape. `ad.surgery.floor` and `ad.surgery.round` are ready made.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> sign = straight_through(torch.sign, like=torch.tanh)
    >>> sign(torch.tensor(-0.3)), grad(sign)(torch.tensor(0.0))
    (tensor(-1.), tensor(1.))
    """
    if not callable(f) or not (like is None or callable(like)):
        raise AutodiffError(
            f"straight_through takes a function, as in straight_through(torch.round)(x), not "
            f"{_words(f if like is None else like)}"
        )

    @functools.wraps(f)
    def step(x, **static):
        y = f(x, **static)
        return _like(y, x, f"what {_name(f)} returned") if xp.framework_of(x) else y

    if like is None:
        return custom_rule(step, d=lambda y, x, **_: 1.0)
    return custom_rule(step, jvp=lambda dx, y, x, **_: jvp(like, (x,), (dx,))[1])


def floor(x):
    """x rounded down, with the derivative of the identity.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: floor(x) ** 2)(torch.tensor(3.7))
    tensor(6.)
    """
    return _each(rounded_down, x, "floor")


def round(x):
    """x rounded to the nearest integer, halves to even, with the derivative of the identity.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> grad(lambda x: round(x) ** 2)(torch.tensor(3.7))
    tensor(8.)
    """
    return _each(rounded, x, "round")


def synthetic(x, predict, params):
    """x; what comes back to it is `predict(params, x)`, a guess of its cotangent g.

    And what comes back to `params` is the gradient of the guess's error |predict(params, x) - g|^2
    / 2, so that one `grad` trains the model below x by the guess, and the predictor by the truth
    (Jaderberg et al. 2017, "Decoupled neural interfaces using synthetic gradients"). To not even
    wait for the truth, pull the guess back at once: `ad.vjp(model, w)[1](predict(params, x))`.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> f = lambda x, m: synthetic(x, lambda m, x: m * x, m) ** 2  # the true cotangent is 2 x
    >>> grad(f, (0, 1))(torch.tensor(3.0), torch.tensor(5.0))  # 5 x, and (5 x - 2 x) x
    (tensor(15.), tensor(27.))
    """
    if not callable(predict):
        raise AutodiffError(f"synthetic takes a function predict(params, x), not {_words(predict)}")

    def guess(params, x):
        return _tree_like(x, predict(params, x), f"the cotangent that {_name(predict)} guessed")

    def pull(g, x, params):
        guessed = guess(params, x)
        if not any(map(flows, trees.leaves(params))):
            return guessed, None
        pairs = zip(trees.leaves(guessed), trees.leaves(g), strict=True)
        error = [a - b for a, b in pairs]
        (into_params,) = transposed_trees(lambda params: guess(params, x), (params,), error)
        return guessed, into_params

    return _identity(x, (params,), pull, "synthetic")


# ----- the identity, with a rule -----
def _identity(x, others, pull, name):
    """x, whose cotangent g becomes `pull(g, x, *others)`; tangents pass unchanged.

    A rule has one output: several arrays go through it as one vector.
    """
    leaves, _, rebuild = trees.flatten(x)
    at = [i for i, v in enumerate(leaves) if flows(v)]
    if not at:
        raise AutodiffError(_nothing_flows(name, x))
    joined, parted = (_first, _alone) if len(at) == 1 else (flat, shaped)

    def filled(vs):
        found = list(leaves)
        for i, v in zip(at, vs, strict=True):
            found[i] = v
        return rebuild(found)

    def through(vs, *others):
        return joined(vs)

    def back(g, y, vs, *others):
        given = filled(_as_frameworks(xp.of(y), parted(g, vs)))
        into_x, *rest = pull(given, filled(vs), *others)
        into_x = [trees.leaves(into_x)[i] for i in at]
        return (_as_frameworks(xp.of(y), into_x), *rest)

    through.__name__ = name
    rule = custom_rule(through, jvp=lambda dvs, *_: joined(dvs), vjp=back)
    vs = [leaves[i] for i in at]
    return filled(parted(rule(vs, *others), vs))


def _first(vs):
    return vs[0]


def _alone(y, vs):
    return [y]


def _on_cotangent(x, f, name):
    def pull(g, x):
        found = f(g)
        return (g if found is None else _tree_like(g, found, f"what {_name(f)} returned"),)

    return _identity(x, (), pull, name)


# ----- the rules that need no closure -----
@functools.partial(custom_rule, d=(lambda y, x, c: c, lambda y, x, c: 0.0))
def scaled(x, c):
    return x


@straight_through
def rounded_down(x):
    return xp.of(x).floor(x)


@straight_through
def rounded(x):
    return xp.of(x).round(x)


# ----- what is done to cotangents -----
def _map(f, tree):
    return trees.map(lambda v: f(v) if flows(v) else v, tree)


def _bounded(g, bound):
    verbs = xp.of(g)
    if verbs.is_complex(g.dtype):
        raise AutodiffError(
            f"clip was given bound={bound!r} and a cotangent of dtype {g.dtype}, which has no "
            "order; give norm= instead"
        )
    return verbs.where(g > bound, bound + 0 * g, verbs.where(g < -bound, 0 * g - bound, g))


def _shortened(g, norm):
    squares = [(abs(v) ** 2).sum() for v in trees.leaves(g) if flows(v)]
    length = sum(squares) ** 0.5
    factor = xp.of(length).where(length > norm, norm / length, length * 0 + 1)
    return _map(lambda v: v * xp.of(v).astype(factor, v.dtype), g)


# ----- checks and words -----
def _each(f, x, name):
    """f on each floating-point array of a container."""
    leaves, _, rebuild = trees.flatten(x)
    if not any(map(flows, leaves)):
        raise AutodiffError(_nothing_flows(name, x))
    return rebuild([f(v) if flows(v) else v for v in leaves])


def _tree_like(x, found, what):
    leaves, _, rebuild = trees.flatten(x)
    parts = trees.flatten_like(x, found, what)
    pairs = zip(parts, leaves, strict=True)
    return rebuild([_like(part, v, what) if flows(v) else v for part, v in pairs])


def _like(y, x, what):
    """An array of x's shape, in x's dtype."""
    verbs = xp.of(x)
    if xp.framework_of(y) is None or tuple(y.shape) != tuple(x.shape):
        raise AutodiffError(f"{what} is {_words(y)}, and shape {tuple(x.shape)} was expected")
    return y if y.dtype == x.dtype else verbs.astype(y, x.dtype)


def _positive(number):
    return isinstance(number, (int, float)) and number > 0


def _nothing_flows(name, x):
    return (
        f"{name} was given {_words(x)}, in which no derivative flows; pass floating-point arrays "
        "or a container of them"
    )


def _name(f):
    return getattr(f, "__name__", "the function")


def _words(x):
    if hasattr(x, "shape"):
        return f"an array of shape {tuple(x.shape)} and dtype {x.dtype}"
    return repr(x) if x is None or isinstance(x, (int, float, str)) else f"a {type(x).__name__}"
