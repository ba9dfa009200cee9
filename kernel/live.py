"""The live pages that `?` shows for what is in the learner's hands: which page for which object."""

import sys

from . import live_arrays, live_tapes, module_page

BY_NAME = {  # looked up by the type's own name, so that nothing is imported for it
    "numpy.ndarray": live_arrays.numpy_array,
    "jax._src.numpy.array_methods._IndexUpdateHelper": live_arrays.at,
    "jax._src.core.ClosedJaxpr": live_arrays.jaxpr,
    "torch.Size": live_arrays.torch_size,
    "autodiff_lab.tape.Tape": live_tapes.tape,
    "autodiff_lab.tape.Node": live_tapes.node,
    "autodiff_lab.on_torch.box.Box": live_tapes.box,
    "masking_lab.batches.masked_batch.MaskedBatch": live_tapes.batch,
    "masking_lab.lane.Lane": live_tapes.lane,
}


def live_page(obj):
    """A page on a value, or None."""
    kind = type(obj)
    page = BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}") or _by_framework(obj)
    if page is not None:
        return page(obj)
    if live_tapes.is_gradient(obj):
        return live_tapes.gradient(obj)
    if live_tapes.is_derivative(obj):
        return live_tapes.jacobian(obj)
    if live_tapes.has_rule(obj):
        return live_tapes.with_rule(obj)
    return live_arrays.jitted(obj) or module_page.module_page(obj)


def _by_framework(obj):
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if isinstance(obj, getattr(torch, "dtype", ())):
        return live_arrays.torch_dtype
    if isinstance(obj, getattr(torch, "Tensor", ())):
        return live_arrays.tensor
    if jax is None or not hasattr(jax, "Array"):
        return None
    if isinstance(obj, jax.core.Tracer):
        return live_arrays.tracer
    if not isinstance(obj, jax.Array):
        return None
    return live_arrays.random_key if str(obj.dtype).startswith("key<") else live_arrays.jax_array
