"""Run a function and fill a tape, whichever framework its arguments belong to."""

import functools
import inspect

from . import trees, xp
from .collector import held_off
from .errors import AutodiffError, AutodiffTypeError


def trace(make_tape, f, args, kwargs=None, argnums=None):
    """Call `f(*args, **kwargs)` on recorded values and return the finished tape.

    `argnums` names the positional arguments that are differentiated; None means every array.
    """
    if not callable(f):
        raise AutodiffTypeError(f"what is recorded and differentiated is a function, not {f!r}")
    leaves, paths, rebuild = trees.flatten((args, kwargs) if kwargs else (args,))
    verbs = xp.of(*leaves)
    if verbs is None:
        raise AutodiffError(_no_arrays(f, args))
    names = _names(f, args, paths)
    wanted = "" if argnums is None else tuple([f"[0][{i}]" for i in argnums])
    boxed = []
    for leaf, path, name in zip(leaves, paths, names, strict=True):
        chosen = path.startswith(wanted)
        if chosen and argnums is not None:
            check_differentiable(verbs, leaf, name)
        boxed.append(chosen and (type(leaf) in xp.KINDS or xp.framework_of(leaf) is not None))

    def call(new_leaves):
        new_args, *named = rebuild(new_leaves)
        return f(*new_args, **named[0]) if named else f(*new_args)

    with held_off:
        tape = front_end(verbs.name).run(make_tape(verbs), call, leaves, names, boxed)
    tape.in_arguments = lambda found: rebuild(_spread(found, boxed))[0]
    return tape


def _spread(found, boxed):
    """Put one result per recorded leaf in its place, and None in the other places."""
    found = iter(found)
    return [next(found) if b else None for b in boxed]


@functools.cache
def front_end(framework):
    if framework == "torch":
        from .on_torch import front as found
    else:
        from .on_jax import front as found
    return found


def check_differentiable(verbs, leaf, name):
    if type(leaf) not in xp.KINDS and xp.framework_of(leaf) is None:
        fix = "torch.tensor({})" if verbs.name == "torch" else "jnp.asarray({})"
        value = repr(leaf) if isinstance(leaf, (int, float)) else "..."
        raise AutodiffTypeError(
            f"argument {name} is a {type(leaf).__name__}, not an array; pass {fix.format(value)} "
            "or leave it out of argnums"
        )
    if not verbs.is_inexact(leaf.dtype):
        raise AutodiffTypeError(
            f"argument {name} has dtype {leaf.dtype}, and only floating-point arguments have a "
            "derivative; convert it to float, or choose other argnums"
        )


def as_array_like(verbs, x, y):
    """A tangent or cotangent for `y`: a number becomes an array, torch's own graph stays behind."""
    if isinstance(x, (int, float)) and hasattr(y, "dtype"):
        return verbs.astype(verbs.asarray(x, y), y.dtype)
    if x is not None and hasattr(y, "dtype"):
        _check_kind(verbs, x, y)
    return verbs.detached(x)


def _check_kind(verbs, x, y):
    if xp.framework_of(x) != verbs.name:
        fix = "torch.tensor(...)" if verbs.name == "torch" else "jnp.asarray(...)"
        raise AutodiffError(
            f"a tangent or cotangent is a {type(x).__name__}, but the function computes with "
            f"{verbs.name} arrays; convert it with {fix}"
        )
    if verbs.is_complex(x.dtype) and not verbs.is_complex(y.dtype):
        raise AutodiffError(
            f"a tangent or cotangent has dtype {x.dtype}, but what it belongs to has dtype "
            f"{y.dtype}; take its real part"
        )


def _names(f, args, paths):
    """`x`, `params['w']`, `xs[0]`: how the user calls each leaf."""
    return _spoken(tuple(_positional(f)), tuple(paths))


@functools.lru_cache(256)
def _spoken(positional, paths):
    names = []
    for path in paths:
        if path.startswith("[0]["):
            i, rest = path[4:].split("]", 1)
            first = positional[int(i)] if int(i) < len(positional) else f"arg{i}"
            names.append(first + rest)
        else:
            key, rest = path[5:].split("']", 1)
            names.append(key + rest)
    return names


def _positional(f):
    code = getattr(f, "__code__", None)
    if code is not None:  # what inspect would find, at a tenth of its price
        return code.co_varnames[: code.co_argcount]
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _no_arrays(f, args):
    kinds = ", ".join(type(a).__name__ for a in args) or "no arguments"
    return (
        f"{getattr(f, '__name__', 'the function')} was called with {kinds}, and no leaf is a "
        "torch.Tensor or a JAX array; pass torch.tensor(...) or jnp.asarray(...)"
    )


def as_argnums(f, args, argnums):
    """`argnums` as a tuple of non-negative positions."""
    given = tuple(argnums) if isinstance(argnums, (tuple, list)) else (argnums,)
    for i in given:
        if not isinstance(i, int) or not -len(args) <= i < len(args):
            raise AutodiffError(
                f"argnums={argnums!r} asks for argument {i!r}, but "
                f"{getattr(f, '__name__', 'the function')} was called with {len(args)} positional "
                "argument(s)"
            )
    return tuple(i % len(args) for i in given)
