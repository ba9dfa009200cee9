"""Live pages of arrays: where a tensor lies in memory, what a JAX array and a tracer are."""

import sys

from .card_text import footer
from .glance import glance
from .page import Facts, Page

MOST_NAMES = 6


def _bytes(n):
    return f"{n:,} byte{'s' * (n != 1)}"


def _entries(n):
    return f"{n:,} {'entry' if n == 1 else 'entries'}"


def _page(title, kind, items, lessons):
    return Page(title, kind, (Facts(tuple(items)), footer(lessons)))


# ----- PyTorch -----
def tensor(x):
    items = [
        ("Values", glance(x)),
        ("Device", str(x.device)),
        *(_memory(x) if _is_strided(x) else _laid_out_otherwise(x)),
        ("Gradient", _gradient(x)),
    ]
    name = "parameter" if type(x).__name__ == "Parameter" else "tensor"
    dtype = str(x.dtype).removeprefix("torch.")
    shape = f"of {x.size(0)} tensors" if x.is_nested else tuple(x.shape)
    return _page(f"{name} {shape} {dtype}", "PyTorch", items, (1,))


def _is_strided(x):
    return str(x.layout) == "torch.strided" and not x.is_nested


def _laid_out_otherwise(x):
    if x.is_nested:
        told = ", ".join(str(tuple(part.shape)) for part in x.unbind()[:MOST_NAMES])
        more = f" and {x.size(0) - MOST_NAMES} more" if x.size(0) > MOST_NAMES else ""
        return [("Nested", f"shapes {told}{more}; `ml.batch` keeps such examples, too")]
    stored = x._nnz()
    return [
        ("Layout", str(x.layout).removeprefix("torch.")),
        ("Stored", f"{stored:,} of {x.numel():,} entries; the others are 0"),
    ]


def _memory(x):
    if x.device.type == "meta":
        return [("Memory", "none: on the meta device a tensor has a shape and no entries")]
    try:
        whole, size = x.untyped_storage(), max(x.element_size(), 1)
        offset = x.storage_offset()
    except NotImplementedError:
        return [("Memory", "none of its own: inside torch.vmap or torch.func it stands for others")]
    return [
        ("Strides", _strides(x)),
        ("Offset", f"{_entries(offset)} into its storage" if offset else ""),
        ("Storage", f"{_entries(whole.nbytes() // size)}, {_bytes(whole.nbytes())}"
                    f"{'' if x.is_contiguous() else '; not contiguous'}"),
        ("View of", _view_of(x)),
        ("Shares with", _sharers(x, whole.data_ptr())),
    ]  # fmt: skip


def _strides(x):
    if not x.ndim:
        return ""
    repeated = [str(i) for i, (n, s) in enumerate(zip(x.shape, x.stride(), strict=True))
                if s == 0 and n > 1]  # fmt: skip
    again = f"; along dim {', '.join(repeated)} one entry is read again and again"
    return f"{tuple(x.stride())} entries from one to the next{again if repeated else ''}"


def _view_of(x):
    base = x._base if x._is_view() else None
    return "" if base is None else f"a tensor {tuple(base.shape)}: writing here writes there"


def _sharers(x, pointer):
    """Names in the notebook whose tensors lie in the same memory."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not pointer:
        return ""
    found = []
    for name, value in list(shell.user_ns.items()):
        if (
            name[0] != "_"
            and type(value) is type(x)
            and value is not x
            and _lies_at(value, pointer)
        ):
            found.append(f"`{name}`")
    return ", ".join(found[:MOST_NAMES]) + (" and others" if len(found) > MOST_NAMES else "")


def _lies_at(value, pointer):
    try:
        return value.untyped_storage().data_ptr() == pointer
    except Exception:  # a sparse tensor has no storage of this kind
        return False


def _gradient(x):
    if not x.requires_grad:
        return "requires_grad is False"
    if not x.is_leaf:
        return f"computed by `{type(x.grad_fn).__name__}`: recorded by PyTorch"
    known = "holds one" if x.grad is not None else "is None so far"
    return f"requires_grad, a leaf; `.grad` {known}"


def torch_dtype(d):
    torch = sys.modules["torch"]
    real = d.is_floating_point or d.is_complex
    about = torch.finfo(d) if real else None if d is torch.bool else torch.iinfo(d)
    name = str(d).removeprefix("torch.")
    return _page(name, "dtype", [
        ("Size", f"{_bytes(d.itemsize)} for each entry"),
        ("Range", f"{about.min:g} to {about.max:g}" if about else "True and False"),
        ("Precision", f"1 + {about.eps:.3g} is the next number after 1" if real else ""),
        ("Derivative", "yes" if real else "none: a gradient wants floating-point numbers"),
        ("In JAX", f"`jnp.{'bool_' if name == 'bool' else name}`; 64 bits are cut to 32 unless "
                   "`jax_enable_x64` is on" if name[0] != "q" else "none: quantised"),
    ], (1,))  # fmt: skip


def torch_size(size):
    told = " x ".join(map(str, size)) or "no dims: one number"
    items = [
        ("Dims", f"{len(size)}: {told}" if size else told),
        ("Entries", f"{size.numel():,}"),
        ("A tuple", "`n, d = x.shape` takes it apart; `x.shape[-1]` is the last"),
    ]
    return _page(str(size), "shape", items, (1,))


# ----- NumPy -----
def numpy_array(x):
    items = [
        ("Values", glance(x)),
        ("Strides", f"{x.strides} bytes from one to the next" if x.ndim else ""),
        ("Memory", f"{_bytes(x.nbytes)}{'' if x.flags.writeable else '; read-only'}"),
        ("View of", "" if x.base is None else f"{type(x.base).__name__}: no memory of its own"),
        (
            "Hand over",
            "`torch.from_numpy(x)` shares the memory, `jnp.asarray(x)` copies"
            if x.dtype.kind in "biufc"
            else "",
        ),
    ]
    return _page(f"array {x.shape} {x.dtype}", "NumPy", items, (1,))


# ----- JAX -----
def jax_array(x):
    if x.is_deleted():
        items = [("Values", "deleted: its memory was donated to a computation")]
        return _page(f"array {x.shape} {x.dtype}", "JAX", items, (1,))
    near = all(d.platform == "cpu" for d in x.devices())
    small = x.size * x.dtype.itemsize < 1 << 20
    items = [
        (
            "Values",
            glance(_numpy(x)) if near or small else "too many to fetch from there in passing",
        ),
        ("Device", _devices(x)),
        ("Memory", _bytes(x.nbytes)),
        ("Weak type", "yes: with another array it takes that one's dtype" if x.weak_type else ""),
        ("Changing it", "never: `x.at[i].set(v)` gives a new array"),
    ]
    return _page(f"array {x.shape} {x.dtype}", "JAX", items, (1,))


def _numpy(x):
    import numpy as np

    return np.asarray(x)  # on a CPU that is a view


def _devices(x):
    devices = sorted(map(str, x.devices()))
    if len(devices) == 1:
        return devices[0]
    kept = (
        "a copy on each"
        if x.is_fully_replicated
        else f"in pieces of {x.sharding.shard_shape(x.shape)}"
    )
    return f"{len(devices)} devices, {kept}: {getattr(x.sharding, 'spec', x.sharding)}"


def at(_):
    """`x.at`: how a JAX array is changed."""
    from .concept_page import concept_page
    from .concepts import concepts

    return concept_page(concepts()["in-place update"])


def random_key(x):
    items = [
        ("Use it once", "the same key gives the same numbers: `jax.random.split(key)` makes more"),
        ("Shape", f"{x.shape}: one key" if x.shape == () else f"{x.shape} of keys"),
    ]
    return _page("random key", str(x.dtype), items, (10,))


STANDS_FOR = {
    "DynamicJaxprTracer": "jax.jit or another function that is being traced once, for all values",
    "JVPTracer": "forward mode: it carries a tangent along",
    "LinearizeTracer": "jax.grad or jax.linearize: what happens to it is written down",
    "BatchTracer": "jax.vmap: one example of a batch",
}


def tracer(x):
    kind = type(x).__name__
    items = [
        ("Values", "none: it has a shape and a dtype, and stands for any value"),
        ("Made by", STANDS_FOR.get(kind, kind)),
        ("Print it", "`jax.debug.print('{}', x)`, when the program runs"),
        ("Branch on it", "`jnp.where`, `jax.lax.cond` or `jax.lax.while_loop`"),
    ]
    return _page(f"tracer {tuple(x.shape)} {x.dtype}", kind, items, (5,))


# ----- functions that JAX has traced -----
def jitted(f):
    """A function of the user's under `jax.jit`; JAX's own come with pages of their own."""
    inner = getattr(f, "__wrapped__", None)
    if type(f).__name__ != "PjitFunction" or getattr(inner, "__module__", "jax")[:3] == "jax":
        return None
    return _page(f"{inner.__name__} under jax.jit", "compiled function", [
        ("Compiled", f"{f._cache_size()} times so far: once for each combination of shapes, dtypes "
                     "and static arguments"),
        ("Your Python", "runs while it is traced, and not again: a `print` there prints once"),
        ("Inside", f"`jax.make_jaxpr({inner.__name__})(...)`, or `{inner.__name__}.__wrapped__` "
                   "without the compiler"),
        ("Gradient", "`jax.jit(ad.grad(f))` compiles to the same work as `jax.jit(jax.grad(f))`"),
    ], (5, 9))  # fmt: skip


def jaxpr(closed):
    inner = closed.jaxpr
    return _page(f"jaxpr of {len(inner.eqns)} equations", "JAX", [
        ("Inputs", ", ".join(str(v.aval) for v in inner.invars) or "none"),
        ("Outputs", ", ".join(str(v.aval) for v in inner.outvars) or "none"),
        ("Primitives", ", ".join(dict.fromkeys(str(eqn.primitive) for eqn in inner.eqns))),
        ("What it is", "the program that JAX saw while it traced: one line for each operation"),
    ], (5, 4))  # fmt: skip
