"""Answers that are only good under a condition: a sentence where it fails, NaN where JAX traces."""

from .. import trees, xp
from ..custom import custom_rule
from ..errors import AutodiffError


def norm(x):
    return (x * x).sum() ** 0.5


def settled(tree):
    """The tree as a constant: what is computed from it is only looked at."""
    return trees.map(lambda x: xp.of(x).stop_gradient(x) if xp.framework_of(x) else x, tree)


def accepted(u, holds, sentence, name, numbers):
    """`u` where `holds`, else an error that says so; under `jit` and `vmap` NaN, never a number."""
    return _accepted(u, holds, sentence, name, tuple(numbers))


def _value(u, holds, sentence, name, numbers):
    if is_traced((u, holds, numbers)):
        return xp.of(u).where(holds, u, float("nan"))
    if not bool(holds):
        raise AutodiffError(sentence.format(*map(float, numbers), name=name))
    return u


_accepted = custom_rule(
    _value, jvp=lambda du, *_: du, vjp=lambda g, *_: (g, None, None, None, None)
)


def refuse_recorded(y, name, given):
    """What was computed from plain values is plain, or else it used a value of some tape's."""
    recorded = hasattr(y, "tape") or (is_traced(y) and not is_traced(given))
    if recorded:
        raise AutodiffError(
            f"the equation of {name} uses a recorded value that is not among its params, so no "
            "derivative could reach it; pass that value in"
        )


def is_traced(tree):
    leaves = trees.leaves(tree)
    if xp.framework(leaves) != "jax":
        return False
    from jax.core import Tracer

    return any(isinstance(x, Tracer) for x in leaves)
