"""How a person would write an equation of a jaxpr, where that means exactly the same."""

import functools
import inspect

import jax
from jax import lax

OPERATORS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}",
    "dot_general": "{} @ {}", "integer_pow": "{} ** {y}", "stop_gradient": "lax.stop_gradient({})",
    "reduce_sum": "{}.sum({axes})", "reduce_max": "{}.max({axes})", "transpose": "{}.T",
    "iota": "lax.iota({dtype}, {shape[0]})", "concatenate": "lax.concatenate([{all}], {dimension})",
    "logistic": "jax.nn.sigmoid({})",
}  # fmt: skip


def spelled(eqn, operands):
    """The text of the equation on these operands, or None if no spelling gives it back."""
    template = _template(_Same(eqn))
    return template and template.replace("\0", "{}").format(*operands)


class _Same:
    """Equations that differ in nothing but their variables."""

    def __init__(self, eqn):
        self.eqn = eqn
        atoms = [(str(a.aval), str(a.val) if hasattr(a, "val") else "") for a in eqn.invars]
        self.key = eqn.primitive, str(eqn.params), tuple(atoms)

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return self.key == other.key


@functools.lru_cache(4096)
def _template(same):
    for template in _candidates(same.eqn):
        if template and _means(template, same.eqn):
            return template
    return None


def _candidates(eqn):
    n, name = len(eqn.invars), eqn.primitive.name
    params = {k: _said(v) for k, v in eqn.params.items() if v is not None}
    if name in OPERATORS:
        texts = {k: _said(v) for k, v in eqn.params.items()}
        try:
            whole = OPERATORS[name].replace("{all}", ", ".join(["\0"] * n))
            shape = eqn.params.get("shape", ())
            yield whole.replace("{}", "\0").replace("{shape[0]}", str(*shape[:1])).format(**texts)
        except (KeyError, TypeError):
            pass
    if hasattr(lax, name) and None not in params.values():
        wanted = _accepted(getattr(lax, name))
        words = [f"{k}={v}" for k, v in params.items() if k in wanted]
        yield f"lax.{name}({', '.join(['{}'.replace('{}', chr(0))] * n + words)})"


def _accepted(f):
    try:
        return inspect.signature(f).parameters
    except (TypeError, ValueError):
        return {}


def _said(x):
    """A parameter as Python text, or None if it has none."""
    if isinstance(x, (bool, int, float, str, type(None))):
        return repr(x)
    if type(x) in (tuple, list):
        inner = [_said(i) for i in x]
        return None if None in inner else f"({', '.join(inner)}{',' * (len(inner) == 1)})"
    if hasattr(x, "itemsize") and hasattr(x, "name"):
        return f"jnp.{x.name}"
    return None


def _means(template, eqn):
    """Trace the spelling: is the one equation that it gives this one?"""
    variables = [a for a in eqn.invars if not hasattr(a, "val")]
    given = iter(f"a{i}" for i in range(len(variables)))
    operands = [literal(a) if hasattr(a, "val") else next(given) for a in eqn.invars]
    code = template.replace("\0", "{}").format(*operands)
    names = ", ".join(f"a{i}" for i in range(len(variables)))
    try:
        f = eval(f"lambda {names}: {code}", {"jax": jax, "jnp": jax.numpy, "lax": lax})
        inputs = [_like(a.aval) for a in variables]
        (found,) = jax.make_jaxpr(f)(*inputs).eqns
    except Exception:  # it is no spelling of this equation, whatever the reason
        return False
    same = found.primitive is eqn.primitive and str(found.params) == str(eqn.params)
    literals = [hasattr(a, "val") for a in found.invars] == [hasattr(a, "val") for a in eqn.invars]
    avals = [v.aval for v in found.outvars] == [v.aval for v in eqn.outvars]
    return same and literals and avals


def literal(atom):
    """A literal of a jaxpr as Python text: weakly typed ones are plain numbers."""
    dtype = atom.aval.dtype
    kind = {"b": bool, "i": int, "u": int, "c": complex}.get(dtype.kind, float)
    number = kind(atom.val)
    finite = number == number and abs(number) != float("inf")
    text = repr(number) if finite else f"float('{number}')"
    return text if atom.aval.weak_type else f"jnp.{dtype.name}({text})"


def _like(aval):
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)
