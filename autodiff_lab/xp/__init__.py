"""The verbs that rows are written with: one thin namespace per framework, in the same order.

Read `torch_verbs` and `jax_verbs` side by side: they are a translation table. Operators (+, *, >,
...) are the frameworks' own and are not repeated here. A verb that neither page defines is the
framework's function of the same name. `axis` is a tuple, and never negative.

PyTorch's own functions are seen by a boxed value through `__torch_function__`. The verbs that have
no single PyTorch function are wrapped by `@verb`, which asks the same protocol.
"""

import functools
import sys

from .. import source
from ..errors import AutodiffError


def of(*values):
    """The verbs for these values: `of(x).tanh(x)`. Looks at types; imports nothing new."""
    name = framework(values)
    return verbs(name) if name else None


@functools.cache
def verbs(name):
    """The verbs of one framework by its name, "torch" or "jax"."""
    try:
        if name == "torch":
            from .torch_verbs import TorchVerbs as Verbs
        else:
            from .jax_verbs import JaxVerbs as Verbs
        return Verbs()
    except ImportError as e:
        raise AutodiffError(
            f"{name} could not be imported ({e}); install it with pip install "
            f"'tapestry-labs[{name}]', or use the other framework"
        ) from None


def framework(values):
    """ "torch", "jax" or None; both at once is an error."""
    found = {}
    for v in values:
        name = KINDS.get(type(v)) or framework_of(v)
        if name:
            found.setdefault(name, v)
    if len(found) > 1:
        raise AutodiffError(
            f"one call mixes a torch.Tensor of shape {tuple(found['torch'].shape)} with a JAX "
            f"array of shape {tuple(found['jax'].shape)}; convert one of them first, such as with "
            "jnp.asarray(t.numpy()) or torch.from_numpy(np.asarray(a))"
        )
    return next(iter(found), None)


def framework_of(value):
    kind = type(value)
    if kind not in KINDS:
        name = _ask(value)
        if name is None:  # its framework may be imported later: do not remember
            return None
        KINDS[kind] = name
    return KINDS[kind]


KINDS: dict = {}  # what is known already: type -> framework


def _ask(value):
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if hasattr(torch, "Tensor") and isinstance(value, torch.Tensor):
        return "torch"
    if hasattr(jax, "Array") and isinstance(value, (jax.Array, jax.core.Tracer)):
        return "jax"
    return getattr(type(value), "framework", None)


def verb(f):
    """Let a boxed value answer for this function, as PyTorch does for its own."""

    from torch.overrides import handle_torch_function, has_torch_function

    @functools.wraps(f)
    def asked(self, *xs, **params):
        flat = xs[0] if isinstance(xs[0], (tuple, list)) else xs
        if has_torch_function(flat):
            return handle_torch_function(bound(self), flat, *xs, **params)
        return f(self, *xs, **params)

    @functools.cache
    def bound(self):
        g = functools.partial(asked, self)
        g.__name__, g.is_verb = f.__name__, True
        return g

    return asked


def call(row, xs, params):
    """A row as a function: on a boxed value one node; on plain tensors the fast way, if it has one.

    A None at the end of the inputs is no input.
    """
    while xs and xs[-1] is None:
        xs = xs[:-1]
    verbs = of(*(xs[0] if xs and isinstance(xs[0], (tuple, list)) else xs))
    if verbs is None:
        kinds = ", ".join(type(x).__name__ for x in xs) or "nothing"
        raise AutodiffError(
            f"{row.name} was called with {kinds}; give it a torch.Tensor or a JAX array"
        )
    if verbs.name == "torch":
        return _call_torch(verbs, row, xs, params)
    return row.fn(verbs, *xs, **params)


def _call_torch(verbs, row, xs, params):
    from torch.overrides import handle_torch_function, has_torch_function

    flat = xs[0] if isinstance(xs[0], (tuple, list)) else xs
    if has_torch_function(flat):
        return handle_torch_function(row, flat, *xs, **params)
    if row.fast and all([type(x) is verbs.kernels_for for x in xs]):
        found = row.fast.forward(verbs, *xs, **params)
        if found is not None:
            return found[0]
    return row.fn(verbs, *xs, **params)


def ends(info):
    """The smallest and the largest number of an integer dtype."""
    return info.min, info.max


def no_derivative(row, what):
    """An input that the table has no derivative for; raised only when somebody asks for it."""
    return AutodiffError(
        f"{row} has no derivative with respect to {what} ({source.here()}); keep that input "
        "constant, for example with detach() or jax.lax.stop_gradient"
    )
