"""JAX's own loops and branches, spelled in Python, and lifted as the user's code is.

JAX traces a function that it is given, and what that reads from outside must be an array: it
cannot be a value that each example has for itself, as `x` is in

    jax.lax.fori_loop(0, n, lambda i, c: c + x[i], 0.0)

Where a whole function of the user's is traced, `x` is a tracer, and `on_jax.control` understands
the loop. Where operations run one by one, such a call means what JAX's documentation says that it
means: the loop in Python.
"""

import functools
import inspect

from autodiff_lab import source, xp

from ..errors import MaskError
from .blocks import Block
from .sequences import Ragged, range_, reversed_, zip_

TRACE = frozenset(  # what it is given, and have no spelling here
    "vmap pmap grad value_and_grad jvp vjp jacfwd jacrev jacobian hessian linearize eval_shape "
    "make_jaxpr associative_scan vectorize apply_along_axis custom_root custom_linear_solve".split()
)


def spelled(f, args, kwargs):
    """What stands for `f`: itself, or one of JAX's in Python, if it is given what JAX can't see."""
    if not (getattr(f, "__module__", None) or "").startswith("jax"):
        return f
    given = next((g for g in _functions((*args, *kwargs.values())) if sees_lanes(g)), None)
    if given is None:
        return f
    own = _meanings().get(f, f)
    if own is f and f.__name__ in TRACE:
        read = ", ".join(_names(given)) or "a value"
        raise MaskError(
            f"{f.__name__} at {source.here()} is given a function that reads {read} from outside, "
            "which each example has for itself, and JAX cannot see it there; hand it over as an "
            "argument, or write the loop in Python"
        )
    return own


def _functions(given):
    for x in given:
        if isinstance(x, (list, tuple)):
            yield from _functions(_as_kept(x))
        elif callable(x) and not xp.framework_of(x):
            yield x


def sees_lanes(f):
    """Does a function read from outside what is each example's own?"""
    if hasattr(type(f), "sees_lanes"):
        return type(f).sees_lanes
    if isinstance(f, functools.partial):
        return _is_own((*f.args, *f.keywords.values())) or sees_lanes(f.func)
    return inspect.isfunction(f) and any(_is_own(x) or sees_lanes(x) for _, x in _outside(f))


def _names(f):
    f = f.func if isinstance(f, functools.partial) else f
    own = _outside(f) if inspect.isfunction(f) else ()
    return [repr(name) for name, x in own if _is_own(x) or sees_lanes(x)]


def _is_own(x):
    """Is it a lane, or an array of one example that is computed later? Or are there any in it?"""
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return any(map(_is_own, _as_kept(x)))
    return isinstance(x, Block) or hasattr(type(x), "rank")


def _as_kept(xs):
    """What a list holds, without taking apart what is kept side by side."""
    return list.__iter__(xs) if isinstance(xs, list) else xs


def _outside(f):
    """The names that a function closes over, with what they stand for now."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue


@functools.cache
def _meanings():
    import jax

    lax = jax.lax
    lifted = {lax.fori_loop: _fori_loop, lax.while_loop: _while_loop, lax.cond: _cond,
              lax.switch: _switch}  # fmt: skip
    return {**{f: _lifted(own) for f, own in lifted.items()}, lax.scan: _scan, lax.map: _map,
            jax.jit: _itself, jax.checkpoint: _itself}  # fmt: skip


def _lifted(own):
    from .calls import lift

    return lift(own)


# ----- what they mean -----
def _fori_loop(lower, upper, body_fun, init_val, *, unroll=None):
    for i in range(lower, upper):
        init_val = body_fun(i, init_val)
    return init_val


def _while_loop(cond_fun, body_fun, init_val):
    while cond_fun(init_val):
        init_val = body_fun(init_val)
    return init_val


def _cond(pred, true_fun, false_fun, *operands):
    if pred:
        return true_fun(*operands)
    return false_fun(*operands)


def _switch(index, branches, *operands):
    for k in range(len(branches) - 1):
        if index <= k:
            return branches[k](*operands)
    return branches[-1](*operands)


def _steps(f, carry, items):
    ys = []
    for x in items:
        carry, y = f(carry, x)
        if y is not None:
            ys.append(_array(y))
    return carry, ys


def _backwards(ys):
    return [y for y in reversed(ys)]


def _each(f, xs):
    return [_array(f(x)) for x in xs]


def _scan(f, init, xs=None, length=None, reverse=False, **how):
    items = Ragged.of(range_(length) if xs is None else zip_(*xs) if type(xs) is tuple else xs)
    if not items.last:
        raise MaskError(f"the scan at {source.here()} has no step in any example, so nobody knows "
                        "what it would stack; batch it with a longer one")  # fmt: skip
    carry, ys = _lifted(_steps)(f, init, reversed_(items) if reverse else items)
    if not len(ys):
        return carry, None
    return carry, _stack(_lifted(_backwards)(ys) if reverse else ys)


def _map(f, xs, **how):
    return _stack(_lifted(_each)(f, _array(xs)))


def _stack(ys):
    import jax.numpy as jnp

    from . import flow

    return flow.call(jnp.stack, ys)


def _array(x):
    if isinstance(x, (tuple, list, dict)):
        raise MaskError(
            f"a loop of JAX's at {source.here()} goes through a {type(x).__name__} of arrays, or "
            "makes one at each step, with a function that reads what is each example's own; write "
            "the loop in Python"
        )
    return x


def _itself(f, **how):
    return f
