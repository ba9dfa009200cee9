"""`functional`: a module of `torch.nn`, of equinox or of flax as a function of its parameters.

    f, params = ad.functional(module)
    ad.grad(lambda p: loss(f(p, x), target))(params)

PyTorch's own `functional_call` lends the module the parameters for one call; its code runs
unchanged and the parameters come back even after an exception.
"""

import sys

from .errors import AutodiffError


def functional(module):
    """`(f, params)`, where `f(params, *args, **kwargs)` is what `module(*args, **kwargs)` gives.

    `params` is a dict by name for `torch.nn` (a tied weight stands there once), and a tree like
    the module for equinox, flax's bound linen modules and nnx. They are detached copies by
    reference: the module keeps its own. Buffers stay in the module, and are updated as a call of
    the module would: BatchNorm in training keeps counting. States of flax and nnx other than the
    parameters are fixed, as they were when `functional` was called.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> f, params = functional(torch.nn.Linear(2, 1))
    >>> {k: v.shape for k, v in grad(lambda p: f(p, torch.ones(2)).sum())(params).items()}
    {'weight': torch.Size([1, 2]), 'bias': torch.Size([1])}
    """
    for library, is_its, make in _KINDS:
        if library in sys.modules and is_its(module):
            return make(module)
    raise AutodiffError(
        f"functional takes a torch.nn.Module, an equinox module, a bound flax module or an nnx "
        f"module, not a {type(module).__name__}; a plain function of its parameters needs none"
    )


# ----- torch.nn -----
def _is_torch(module):
    return isinstance(module, sys.modules["torch"].nn.Module)


def _of_torch(module):
    from torch.func import functional_call

    params = {name: p.detach() for name, p in module.named_parameters()}

    def f(params, *args, **kwargs):
        unknown = [name for name in params if name not in names]
        if unknown:
            raise AutodiffError(
                f"{type(module).__name__} has no parameter {unknown[0]!r}; it has "
                f"{', '.join(names) or 'none'}"
            )
        return functional_call(module, params, args, kwargs, tie_weights=True)

    names = list(params)
    f.__name__ = f.__qualname__ = type(module).__name__
    return f, params


# ----- equinox: the module is a tree, its floating-point arrays are the parameters -----
def _is_equinox(module):
    return isinstance(module, sys.modules["equinox"].Module)


def _of_equinox(module):
    import equinox

    params, rest = equinox.partition(module, equinox.is_inexact_array)

    def f(params, *args, **kwargs):
        return equinox.combine(params, rest)(*args, **kwargs)

    f.__name__ = f.__qualname__ = type(module).__name__
    return f, params


# ----- flax: a bound linen module knows its variables; nnx splits itself -----
def _is_linen(module):
    linen = sys.modules.get("flax.linen")
    return linen is not None and isinstance(module, linen.Module)


def _of_linen(module):
    if module.scope is None:
        raise AutodiffError(
            f"{type(module).__name__} has no parameters yet; bind it: "
            "ad.functional(module.bind(module.init(key, x)))"
        )
    unbound, variables = module.unbind()
    rest = {kind: v for kind, v in variables.items() if kind != "params"}

    def f(params, *args, **kwargs):
        return unbound.apply({"params": params, **rest}, *args, **kwargs)

    f.__name__ = f.__qualname__ = type(module).__name__
    return f, variables["params"]


def _is_nnx(module):
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(module, nnx.Module)


def _of_nnx(module):
    from flax import nnx

    graph, params, rest = nnx.split(module, nnx.Param, ...)

    def f(params, *args, **kwargs):
        return nnx.merge(graph, params, rest)(*args, **kwargs)

    f.__name__ = f.__qualname__ = type(module).__name__
    return f, params


_KINDS = (
    ("torch", _is_torch, _of_torch),
    ("equinox", _is_equinox, _of_equinox),
    ("flax", _is_linen, _of_linen),
    ("flax", _is_nnx, _of_nnx),
)
