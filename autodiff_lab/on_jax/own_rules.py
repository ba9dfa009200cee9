"""`ad.custom_rule` on JAX: one equation, whose name leads back to the rule.

    jit[name]  ->  custom_vjp or custom_jvp, for `jax.grad`  ->  custom_vmap  ->  the function

A recorder stops at the name. Under `vmap` JAX rewrites what is inside and keeps the name, which
then means another function: such an equation has other shapes, is entered like any call, and
`custom_vmap` has put an equation there for the rule along a batch, with a name of its own.
"""

import itertools
import weakref

from ..calculus import push
from ..custom import CustomRow, hidden, pull_all
from ..errors import AutodiffError

NAMED: weakref.WeakValueDictionary = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


def equation(call, xs):
    """The call on these arrays, as an equation if any of them is traced."""
    import jax

    if any(isinstance(x, jax.core.Tracer) for x in xs):
        return _equation_of(call, tuple(tuple(x.shape) for x in xs))(*xs)
    y = call.value(*xs)
    if isinstance(y, jax.core.Tracer) and not isinstance(y, jax.Array):
        raise AutodiffError(hidden(call))
    return y


class Named:
    """What a name stands for: a call, at these shapes."""

    def __init__(self, call, shapes):
        self.call, self.shapes = call, shapes


def _equation_of(call, shapes):
    import jax

    known = call.__dict__.setdefault("equations", {})
    if shapes not in known:
        name = f"{call.__name__}_custom_rule_{next(_numbers)}"
        NAMED[name] = meant = Named(call, shapes)
        ruled = _custom_jvp(jax, call) if call.rule.vjp is None else _custom_vjp(jax, call)
        inner = lambda *xs: ruled(*xs)  # noqa: E731
        inner.__name__ = inner.__qualname__ = name
        inner.meant = meant
        known[shapes] = jax.jit(inner)
    return known[shapes]


def named(eqn):
    """The call that a jitted equation stands for, or None."""
    meant = NAMED.get(eqn.params.get("name"))
    if meant is None:
        return None
    shapes = tuple(tuple(v.aval.shape) for v in eqn.invars)
    if len(shapes) != len(meant.shapes):
        raise AutodiffError(hidden(meant.call))
    return meant.call if shapes == meant.shapes else None


# ----- what jax.grad finds inside -----
def _custom_jvp(jax, call):
    f = jax.custom_jvp(_batching(jax, call))

    @f.defjvp
    def rule(xs, dxs):
        y = f(*xs)
        dxs = [None if dx.dtype == jax.dtypes.float0 else dx for dx in dxs]
        dy = push(call.custom_row, call.verbs, y, xs, dxs, {})
        return y, jax.numpy.zeros_like(y) if dy is None else dy

    return f


def _custom_vjp(jax, call):
    f = jax.custom_vjp(_batching(jax, call))
    f.defvjp(
        lambda *xs: ((y := f(*xs)), (y, xs)),
        lambda kept, g: tuple(pull_all(call, g, *kept)),
    )
    return f


# ----- along a batch -----
def _batching(jax, call):
    """The function, which under `vmap` becomes the equation of the rule along a batch."""
    f = jax.custom_batching.custom_vmap(call.value)

    @f.def_vmap
    def rule(size, batched, *xs):
        return equation(_along_batch(call, tuple(batched)), xs), True

    return f


def _along_batch(call, batched):
    known = call.__dict__.setdefault("along_batch", {})
    if batched not in known:
        known[batched] = BatchedCall(call, batched)
    return known[batched]


class BatchedCall:
    """A call for many examples at once: those arguments that are `batched` have them in front."""

    def __init__(self, call, batched):
        self.call, self.batched = call, batched
        self.rule, self.verbs, self.at = call.rule, call.verbs, call.at
        self.__name__ = call.__name__
        self.axes = tuple(0 if b else None for b in batched)
        row = call.custom_row
        self.custom_row = CustomRow(
            name=row.name,
            kind="general",
            fn=lambda verbs, *xs: self(*xs),
            d=(self.push, self.pull),
            arity=row.arity,
            keeps="xy",
            axes=row.axes,
            tex=row.tex,
            file=row.file,
            line=row.line,
        )

    def __call__(self, *xs):
        return equation(self, xs)

    def value(self, *xs):
        return _vmap(self.call.value, self.axes)(*xs)

    def push(self, verbs, *dxs_y_xs):
        return _vmap(self._push_one, (*self.axes, 0, *self.axes))(*dxs_y_xs)

    def pull(self, verbs, g, y, *xs):
        """A cotangent of what all examples share is the sum of theirs."""
        found = _vmap(self._pull_one, (0, 0, *self.axes))(g, y, *xs)
        return [c if b or c is None else c.sum(0) for c, b in zip(found, self.batched, strict=True)]

    def _push_one(self, *dxs_y_xs):
        n = len(self.axes)
        dxs, y, xs = dxs_y_xs[:n], dxs_y_xs[n], dxs_y_xs[n + 1 :]
        return push(self.call.custom_row, self.verbs, y, xs, dxs, {})

    def _pull_one(self, g, y, *xs):
        return list(pull_all(self.call, g, y, xs))


def _vmap(f, axes):
    import jax

    return jax.vmap(f, in_axes=axes)


def along_batch(eqn):
    """The body of a custom_jvp or custom_vjp that holds the equation of a rule along a batch."""
    body = next((eqn.params[k] for k in ("call_jaxpr", "fun_jaxpr") if k in eqn.params), None)
    names = [e.params.get("name") for e in getattr(body, "jaxpr", body).eqns] if body else []
    return body if any(name in NAMED for name in names) else None
