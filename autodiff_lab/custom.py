"""`custom_rule`: one's own derivative for one's own function.

The function becomes one node of the tape, of a row that stands in no table: the walks, `check` and
any nesting read it like every other row. One direction is enough. At a point the derivative is a
linear map, and the other direction is its transpose, which the reverse walk of that map computes.
"""

import functools

from . import trees, xp
from .calculus import _body
from .errors import AutodiffError
from .linearize import LinearTape
from .reverse import _or_zeros, _pull_back
from .table import symbols
from .table.row import Row, right_aligned
from .trace import trace


def custom_rule(f=None, *, d=None, jvp=None, vjp=None):
    """Give a function its derivative. State one of these, or both of the last two:

        d    pointwise, one partial per argument:  d(y, *args), or a tuple of such functions
        jvp  forward, the output's tangent:        jvp(*tangents, y, *args)
        vjp  reverse, a cotangent per argument:    vjp(g, y, *args), None where there is none

    A missing direction is the transpose of the one stated. Arguments may be containers; keyword
    arguments are handed on to the rule and are never differentiated. `jax.grad` and
    `torch.autograd` follow the rule too.

    >>> import torch
    >>> @custom_rule(vjp=lambda g, y, x: (g,))
    ... def floor_straight_through(x):
    ...     return torch.floor(x)
    >>> from autodiff_lab import grad
    >>> grad(lambda x: floor_straight_through(x) ** 2)(torch.tensor(3.7))
    tensor(6.)
    """
    if f is None:
        return functools.partial(custom_rule, d=d, jvp=jvp, vjp=vjp)
    if (d is None) == (jvp is None and vjp is None):
        raise AutodiffError(
            f"custom_rule of {_name(f)} needs either d=, or jvp= or vjp= or both; for example "
            "vjp=lambda g, y, x: (g,)"
        )
    rule = Rule(f, d, jvp, vjp)
    wrapped = functools.wraps(f)(lambda *args, **static: rule(args, static))
    wrapped.rule = rule
    return wrapped


class Rule:
    """A function and what was said about its derivative."""

    def __init__(self, f, d, jvp, vjp):
        self.f, self.jvp, self.vjp = f, jvp, vjp
        self.d = d if isinstance(d, tuple) or d is None else (d,)
        self.calls = {}

    def __call__(self, args, static):
        leaves, paths, rebuild = trees.flatten(args)
        at = tuple(i for i, x in enumerate(leaves) if xp.framework_of(x))
        if xp.framework(trees.leaves(static)):
            raise AutodiffError(
                f"{_name(self.f)} was given an array as a keyword argument; pass it by position, "
                "for a rule differentiates positional arguments only"
            )
        verbs = xp.of(*leaves)
        if verbs is None:
            return self.f(*args, **static)
        fixed = [None if i in at else x for i, x in enumerate(leaves)]
        call = self._call(verbs, tuple(paths), at, fixed, rebuild, static)
        return call(*(leaves[i] for i in at))

    def _call(self, verbs, paths, at, fixed, rebuild, static):
        """The function of the arrays alone; the same one again for the same other arguments."""
        key = verbs.name, paths, at, tuple(fixed), tuple(static.items())
        key += tuple(type(x) for x in (*fixed, *static.values()))  # 1 is not True
        try:
            return self.calls[key]
        except KeyError:
            call = self.calls[key] = Call(self, verbs, at, fixed, rebuild, static)
            return call
        except TypeError:  # something that cannot be a key
            return Call(self, verbs, at, fixed, rebuild, static)


class Call:
    """A rule's function with everything fixed but its arrays: what one node stands for."""

    def __init__(self, rule, verbs, at, fixed, rebuild, static):
        self.rule, self.verbs, self.at, self.fixed = rule, verbs, at, fixed
        self.rebuild, self.static = rebuild, static
        self.__name__ = _name(rule.f)
        self.custom_row = _row_of(self)

    def __call__(self, *xs):
        return _ON[self.verbs.name](self, xs)

    def arguments(self, xs):
        leaves = list(self.fixed)
        for i, x in zip(self.at, xs, strict=True):
            leaves[i] = x
        return self.rebuild(leaves)

    def value(self, *xs):
        y = self.rule.f(*self.arguments(xs), **self.static)
        if xp.framework_of(y) != self.verbs.name:
            raise AutodiffError(
                f"{self.__name__} has a custom rule and returned a {type(y).__name__}; such a "
                "function returns one array: give each output a function of its own"
            )
        return y

    def of_arguments(self, trees_of_arguments):
        """From one entry per argument to one per array."""
        places = self.rebuild(range(len(self.fixed)))
        found = trees.flatten_like(places, tuple(trees_of_arguments))
        return [found[i] for i in self.at]

    # ----- the two directions, as a general row states them -----
    def push(self, verbs, *dxs_y_xs):
        n = len(self.at)
        dxs, y, xs = dxs_y_xs[:n], dxs_y_xs[n], dxs_y_xs[n + 1 :]
        if self.rule.jvp is None:
            return _transposed(self, "vjp", lambda u: self.pull(verbs, u, y, *xs), [y], dxs)[0]
        tangents = self.arguments(dxs)
        return self.rule.jvp(*tangents, y, *self.arguments(xs), **self.static)

    def pull(self, verbs, g, y, *xs):
        if self.rule.vjp is None:
            flows = [verbs.is_inexact(x.dtype) for x in xs]
            likes = [x for x, k in zip(xs, flows, strict=True) if k]
            pushed = self._pushed_by(verbs, y, xs, flows)
            found = iter(_transposed(self, "jvp", pushed, likes, [g]))
            return [next(found) if k else None for k in flows]
        args = self.arguments(xs)
        found = self.rule.vjp(g, y, *args, **self.static)
        if not isinstance(found, (tuple, list)) or len(found) != len(args):
            raise AutodiffError(
                f"the vjp of {self.__name__} returned {_what(found)}; return a tuple with one "
                f"cotangent for each of its {len(args)} arguments"
            )
        return [
            self._checked(verbs, c, x) for c, x in zip(self.of_arguments(found), xs, strict=True)
        ]

    def _pushed_by(self, verbs, y, xs, flows):
        def pushed(*dxs):
            dxs = iter(dxs)
            filled = [
                next(dxs) if k else verbs.zeros(tuple(x.shape), x.dtype, x)
                for x, k in zip(xs, flows, strict=True)
            ]
            return self.push(verbs, *filled, y, *xs)

        return pushed

    def _checked(self, verbs, c, x):
        if c is not None and tuple(getattr(c, "shape", ())) != tuple(x.shape):
            raise AutodiffError(
                f"the vjp of {self.__name__} gave a cotangent of shape "
                f"{tuple(getattr(c, 'shape', ()))} for an argument of shape {tuple(x.shape)}; "
                "they must agree"
            )
        return c if c is None or hasattr(c, "shape") else verbs.asarray(c, x)


# ----- the row -----
class CustomRow(Row):
    """A row whose derivative is the user's code: what it uses cannot be read off symbols."""

    def _partial(self, i):
        uses = {"y", *range(self.arity)}
        return symbols.Symbol(rf"\partial_{{{i}}} {self.tex}", symbols.PRODUCT, uses)


def _row_of(call):
    rule, n = call.rule, len(call.at)
    code = getattr(rule.f, "__code__", None)
    row = CustomRow(
        name=call.__name__,
        kind="general",
        fn=lambda verbs, *xs: call(*xs),
        d=(call.push, call.pull),
        arity=n,
        keeps="xy",
        axes=functools.partial(_no_mask, call),
        tex=rf"\operatorname{{{call.__name__.replace('_', ' ')}}}",
        file=getattr(code, "co_filename", ""),
        line=getattr(code, "co_firstlineno", 0),
    )
    if rule.d is not None:
        row.kind, row.axes, row.d = "pointwise", right_aligned, _partials(call)
    return row


def _no_mask(call, *_, **__):
    raise AutodiffError(
        f"nobody knows what a mask does to {call.__name__}, whose rule is not pointwise; state d= "
        "if it acts on each entry alone, or call it on one example at a time"
    )


def _partials(call):
    given, n = call.rule.d, len(call.at)
    if len(given) == len(call.fixed):
        given = tuple(given[i] for i in call.at)
    if len(given) != n:
        raise AutodiffError(
            f"{call.__name__} was called with {n} arrays, and d= states {len(given)} partial(s); "
            "state one for each argument, or use vjp="
        )

    def partial(d):
        return lambda verbs, y, *xs: d(y, *call.arguments(xs), **call.static)

    return tuple(partial(d) for d in given)


# ----- the missing direction -----
def _transposed(call, stated, linear, likes, g):
    """The transpose of a linear map: its tape, walked back."""
    verbs, there = call.verbs, []

    def stated_ones(*xs):
        ys = linear(*xs)
        ys = ys if isinstance(ys, list) else [ys]
        there[:] = [y is not None for y in ys]
        return [y for y in ys if y is not None]

    zeros = [verbs.zeros(tuple(x.shape), x.dtype, x) for x in likes]
    tape = trace(LinearTape, stated_ones, zeros)  # looked at below: nothing fused
    bad = nonlinear(tape)
    if bad is not None:
        missing = "jvp" if stated == "vjp" else "vjp"
        raise AutodiffError(
            f"the {stated} of {call.__name__} is not linear in its "
            f"{'cotangent' if stated == 'vjp' else 'tangents'} (its {bad.op} is not), so its "
            f"{missing} cannot be derived; state {missing}= as well"
        )
    seeds = [c for c, k in zip(g, there, strict=True) if k]
    return _or_zeros(tape, _pull_back(tape, seeds))


def nonlinear(tape):
    """The first node that is not a linear function of the tape's inputs, or None."""
    for node in tape.nodes:
        active = [i for i, p in enumerate(node.parents) if p.active]
        if active and not _is_linear(tape.xp, node, active):
            return node
    return None


def _is_linear(verbs, node, active):
    row = node.row
    if row.kind == "pointwise":  # no partial changes with the inputs that are pushed
        used = frozenset().union(*(row._partial(i).uses for i in active))
        return "y" not in used and not used & set(active)
    if row.kind == "linear":
        return row.linear_in == "all" or set(active) <= set(row.linear_in)
    if row.kind == "composite":
        body = _body(row, verbs, node.xs, node.params, active)
        return nonlinear(trace(LinearTape, body, [node.xs[i] for i in active])) is None
    if row.kind == "constant":
        return row.name in ("zeros_like", "ones_like")
    return row.kind == "bilinear" and len(active) == 1


# ----- PyTorch: the call is asked about like a function of torch's own -----
def _on_torch(call, xs):
    import torch
    from torch.overrides import handle_torch_function, has_torch_function

    if has_torch_function(xs):
        return handle_torch_function(call, xs, *xs)
    transformed = torch._C._are_functorch_transforms_active()  # vmap hides who requires a gradient
    if transformed or torch.is_grad_enabled() and any(x.requires_grad for x in xs):
        return _torch_function(call).apply(*xs)
    y = call.value(*xs)
    if has_torch_function((y,)):
        raise AutodiffError(hidden(call))
    return _another(y, xs)


def _another(y, xs):
    """Another tensor than the arguments: another node."""
    return y.view_as(y) if any(y is x for x in xs) else y


def _torch_function(call):
    """For those who use `torch.autograd` itself. The labs' own walks never come here."""
    import torch

    class Function(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*xs):
            return _another(call.value(*xs), xs)

        @staticmethod
        def setup_context(ctx, xs, y):
            ctx.save_for_backward(y, *xs)

        @staticmethod
        def backward(ctx, g):
            y, *xs = ctx.saved_tensors
            return tuple(pull_all(call, g, y, xs))

    return Function


def pull_all(call, g, y, xs):
    from .calculus import pull

    wanted = [call.verbs.is_inexact(x.dtype) for x in xs]
    return pull(call.custom_row, call.verbs, g, y, xs, {}, wanted)


def _on_jax(call, xs):
    from .on_jax.own_rules import equation

    return equation(call, xs)


_ON = {"torch": _on_torch, "jax": _on_jax}


# ----- words -----
def hidden(call):
    return (
        f"{call.__name__} has a custom rule and uses a recorded value that is not among its "
        "arguments, so no derivative could reach it; pass that value in"
    )


def _name(f):
    return getattr(f, "__name__", type(f).__name__)


def _what(x):
    if isinstance(x, (tuple, list)):
        return f"a {type(x).__name__} of {len(x)}"
    return f"a {type(x).__name__}"
