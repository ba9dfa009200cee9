"""Jacobians of complex numbers: where there is one, and what to ask for where there is none.

A function of complex numbers has two derivatives, df/dz and df/dconj (`wirtinger`), and a Jacobian
holds one number for each pair of entries. It is the whole derivative where the other one is zero:
where f is holomorphic. By real arguments, a complex output has one derivative too.
"""

from .. import trees, xp
from ..errors import AutodiffError
from ..linearize import pulled
from ..wirtinger import _is_known


def differentiable(f, tape, output):
    """The leaves of the output, of a Jacobian by multiplying local ones: none may be complex."""
    ys = trees.leaves(output)
    for x in [*tape.leaves, *_arrays(ys)]:
        if tape.xp.is_complex(x.dtype):
            raise AutodiffError(
                f"jacobian multiplies local Jacobians of real numbers, and {_name(f)} has dtype "
                f"{x.dtype}; use jacfwd or jacrev with holomorphic=True if it is holomorphic, and "
                "jacfwd if only its output is complex"
            )
    return ys


def check(f, tape, ys, forward, holomorphic):
    """Is there one number for each pair of entries?"""
    zs, ys = ([x for x in _arrays(xs) if tape.xp.is_inexact(x.dtype)] for xs in (tape.leaves, ys))
    by, of = ([x for x in xs if tape.xp.is_complex(x.dtype)] for xs in (zs, ys))
    if holomorphic:
        _all_complex(f, "argument", zs, by)
        _all_complex(f, "output", ys, of)
    elif by:
        raise AutodiffError(_by_complex(f, by[0], bool(of)))
    elif of and not forward:
        raise AutodiffError(
            f"{_name(f)} turns real numbers into dtype {of[0].dtype}, and a reverse walk finds "
            "only the real part of its derivative; use jacfwd"
        )


def _all_complex(f, what, xs, found):
    if len(xs) != len(found):
        dtype = next(x.dtype for x in xs if not any(x is z for z in found))
        raise AutodiffError(
            f"holomorphic=True, but {_name(f)} has an {what} of dtype {dtype}; it is for complex "
            "arguments and outputs, so leave it out or make that one complex"
        )


def _by_complex(f, z, to_complex):
    if not to_complex:
        return (
            f"{_name(f)} is real, so by an argument of dtype {z.dtype} it has two derivatives; use "
            "grad for the framework's convention, or wirtinger for both"
        )
    return (
        f"{_name(f)} has two derivatives by an argument of dtype {z.dtype}, dy/dz and dy/dconj; "
        "use jacfwd or jacrev with holomorphic=True where it is holomorphic, and else wirtinger "
        "for both, or jvp for one direction"
    )


def check_holomorphic(f, tape, ys, forward):
    """Its linear map has to commute with i; one direction tells, unless `jit` hides the values."""
    verbs = tape.xp
    if forward:
        walk, likes = tape.push, tape.leaves
    else:
        walk, likes = lambda gs: pulled(tape, gs), ys
    directions = [_direction(verbs, x) for x in likes]
    straight = [1j * dy for dy in _arrays(walk(directions))]
    turned = _arrays(walk([None if d is None else 1j * d for d in directions]))
    for a, b in zip(straight, turned, strict=True):
        if not verbs.is_complex(a.dtype) or 0 in a.shape:
            continue
        bound = 1e4 * verbs.lib.finfo(a.dtype).eps * (abs(a).max() + abs(b).max())
        far = (abs(a - b) > bound).any()
        if _is_known(far) and far:
            raise AutodiffError(
                f"{_name(f)} is not holomorphic at this point, so dy/dz is not its derivative; "
                "use wirtinger for both, or jvp for one direction"
            )


def _direction(verbs, x):
    """Another number for each entry."""
    if xp.framework_of(x) is None or not verbs.is_complex(x.dtype):
        return None
    count = verbs.ones(tuple(x.shape), x.dtype, x)
    for axis in range(len(x.shape)):
        at = verbs.astype(verbs.arange(tuple(x.shape), axis, None, x), x.dtype)
        count = count + (1 + axis + 0.5j) * at / x.shape[axis]
    return count


def _arrays(xs):
    return [x for x in xs if xp.framework_of(x) is not None]


def _name(f):
    return getattr(f, "__name__", "the function")
