"""How a row is written: operators, methods, names around it, and where two signatures differ.

The row itself lists the functions that are lowered to it. What stands here is for people: which
operator means the same, what takes several rows with this one in the middle, and what bites
whoever carries a call over from one framework to the other. No mathematics; the tests hold every
name and default against the frameworks themselves (`tests/kernel/test_spellings.py`).
"""

from typing import NamedTuple

OPERATORS = {
    "add": "a + b", "subtract": "a - b", "multiply": "a * b", "divide": "a / b", "negative": "-x",
    "power": "a ** b", "contract": "a @ b", "remainder": "a % b", "floor_divide": "a // b",
    "equal": "a == b", "not_equal": "a != b", "greater": "a > b", "greater_equal": "a >= b",
    "less": "a < b", "less_equal": "a <= b", "bitwise_and": "a & b", "bitwise_or": "a | b",
    "bitwise_xor": "a ^ b", "bitwise_not": "~x", "abs": "abs(x)", "slice": "x[i:j]",
    "take_at": "x[i]", "left_shift": "a << b", "right_shift": "a >> b",
}  # fmt: skip
JAX_METHODS = {  # of a jax.Array
    "sum": "sum", "mean": "mean", "max": "max", "min": "min", "prod": "prod", "any": "any",
    "all": "all", "argmax": "argmax", "argmin": "argmin", "var": "var", "std": "std",
    "cumsum": "cumsum", "cumprod": "cumprod", "clamp": "clip", "astype": "astype",
    "reshape": "reshape flatten ravel squeeze", "permute": "transpose swapaxes", "contract": "dot",
    "copy": "copy", "round": "round", "conj": "conj", "sort": "sort", "take_at": "take",
    "put_at": "at[i].set", "add_at": "at[i].add",
}  # fmt: skip
N, L, X = "jax.numpy.", "jax.lax.", "jax.scipy.special."
AROUND = {  # names that take several rows, with this one in the middle
    "sort": f"torch.sort torch.Tensor.sort torch.msort {N}sort",
    "top_k": "torch.topk torch.Tensor.topk",
    "max": "torch.max", "min": "torch.min",
    "cummax": "torch.cummax torch.Tensor.cummax", "cummin": "torch.cummin torch.Tensor.cummin",
    "argmax": f"{L}argmax", "argmin": f"{L}argmin",
    "attention": "jax.nn.dot_product_attention",
    "contract": f"torch.tensordot torch.inner torch.outer {N}tensordot {N}inner {N}outer "
                f"{N}vecdot {N}matvec {N}vecmat {N}linalg.matmul {L}dot",
    "take_at": "torch.index_select torch.Tensor.index_select torch.nn.functional.embedding",
    "take_along": "torch.take_along_dim torch.Tensor.take_along_dim",
    "where": f"torch.masked_fill torch.Tensor.masked_fill {N}select {L}select "
             f"{L}select_n",
    "norm": f"torch.norm torch.linalg.norm {N}linalg.norm",
    "power": f"{N}pow", "remainder": f"{N}mod", "round": f"{N}around {N}rint",
    "bitwise_not": f"{N}invert {N}bitwise_invert torch.logical_not {N}logical_not",
    "bitwise_and": f"torch.logical_and {N}logical_and",
    "bitwise_or": f"torch.logical_or {N}logical_or",
    "not_equal": f"torch.isnan {N}isnan",
    "concat": f"torch.vstack torch.hstack {N}vstack {N}hstack {N}column_stack {N}append "
              f"{L}concatenate",
    "split": f"torch.tensor_split {N}split {N}array_split",
    "permute": f"torch.movedim torch.moveaxis {N}moveaxis {N}matrix_transpose",
    "flip": f"torch.fliplr torch.flipud {N}fliplr {N}flipud {L}rev",
    "reshape": f"{L}reshape {L}squeeze {L}collapse {N}atleast_1d",
    "broadcast": f"{L}broadcast {L}expand_dims torch.tile {N}tile",
    "softmax": f"{X}softmax", "log_softmax": f"{X}log_softmax", "sigmoid": f"{X}expit",
    "arange": f"{L}iota {N}linspace torch.linspace",
    "cumsum": f"{L}cumsum", "cumprod": f"{L}cumprod",
    "mean": f"{N}average torch.nanmean {N}nanmean", "sum": f"torch.nansum {N}nansum",
    "conv": f"torch.nn.functional.conv1d {N}convolve",
}  # fmt: skip


class Difference(NamedTuple):
    torch: str  # arguments, as in the signature
    jax: str
    words: str = ""


D = Difference
REDUCE = D("dim=None, keepdim=False", "axis=None, keepdims=False")
DIFFERENCES = {
    "sum": (REDUCE,), "any": (REDUCE,), "all": (REDUCE,), "mean": (
        REDUCE, D("", "", "`torch.mean` refuses integers; `jnp.mean` makes floats of them."),
    ),
    "prod": (REDUCE, D("", "", "PyTorch takes one `dim`, JAX a tuple of axes as well.")),
    "argmax": (D("dim=None, keepdim=False", "axis=None, keepdims=None"),),
    "argmin": (D("dim=None, keepdim=False", "axis=None, keepdims=None"),),
    "max": (REDUCE, D("", "", "`torch.max(x, dim)` returns values *and* indices, `jnp.max` the "
                              "values; `torch.amax` is its twin."),),
    "min": (REDUCE, D("", "", "`torch.min(x, dim)` returns values *and* indices, `jnp.min` the "
                              "values; `torch.amin` is its twin."),),
    "var": (D("correction=1", "ddof=0", "PyTorch divides by n - 1, JAX by n."),
            D("keepdim=False", "keepdims=False")),
    "std": (D("correction=1", "ddof=0", "PyTorch divides by n - 1, JAX by n."),
            D("keepdim=False", "keepdims=False")),
    "norm": (D("ord=2, dim=None, keepdim=False", "ord=2, axis=None, keepdims=False",
               "JAX takes them by name only."),),
    "logsumexp": (D("dim, keepdim=False", "axis=None, keepdims=False",
                    "PyTorch wants a dim; JAX reduces everything if none is given."),),
    "softmax": (D("dim", "axis=-1", "PyTorch wants a dim; JAX takes the last one."),),
    "log_softmax": (D("dim", "axis=-1", "PyTorch wants a dim; JAX takes the last one."),),
    "cumsum": (D("dim", "axis=None", "Without an axis JAX flattens first."),),
    "cumprod": (D("dim", "axis=None", "Without an axis JAX flattens first."),),
    "cumlogsumexp": (D("dim", "axis=0, reverse=False"),),
    "concat": (D("dim=0", "axis=0"),),
    "stack": (D("dim=0", "axis=0"),),
    "split": (D("split_size_or_sections, dim=0", "sizes, axis=0",
                "A number is the size of each piece in PyTorch and the number of pieces in "
                "`jnp.split`, where a list says where to cut."),),
    "permute": (D("dims", "axes=None", "`torch.transpose` swaps two dims, `jnp.transpose` turns "
                                       "all of them round: its twin is `jnp.swapaxes`."),),
    "flip": (D("dims", "axis=None", "Without an axis JAX flips all of them."),),
    "pad": (D("pad", "pad_width", "PyTorch counts from the last dim, in pairs of one flat tuple; "
                                  "JAX takes one pair for each dim, the first one first."),),
    "slice": (D("dim, start, length", "start_indices, limit_indices, strides=None"),),
    "astype": (D("", "", "`x.to(torch.float64)`, `x.double()`; `x.astype(jnp.float64)`, which is "
                         "float32 unless `jax_enable_x64` is on."),),
    "broadcast": (D("", "", "`x.expand(2, -1)`: -1 keeps a size, in PyTorch only."),),
    "reshape": (D("", "", "`x.view` never copies and refuses what would; `x.reshape` may."),),
    "take_at": (D("", "", "Out of range PyTorch raises an error; JAX gives NaN for `jnp.take` and "
                          "the nearest entry for `x[i]`. `torch.take` and `jnp.take` read the "
                          "flattened array."),),
    "take_along": (D("dim, index", "indices, axis", "The order is reversed."),),
    "put_at": (D("", "", "`x[i] = b` writes into PyTorch's memory; `x.at[i].set(b)` is a new "
                         "array in JAX."),),
    "add_at": (D("", "", "`x.index_add(0, i, b)`; `x.at[i].add(b)`."),),
    "sort": (D("dim=-1, descending=False, stable=False", "axis=-1, descending=False, stable=True",
               "`torch.sort` returns values *and* indices, `jnp.sort` the values."),),
    "top_k": (D("k, dim=None, largest=True, sorted=True", "k"),),
    "cummax": (D("dim", "axis=0", "`torch.cummax` returns values *and* indices."),),
    "cummin": (D("dim", "axis=0", "`torch.cummin` returns values *and* indices."),),
    "clamp": (D("min=None, max=None", "min, x, max", "`lax.clamp` has x in the middle; "
                                                     "`jnp.clip(x, min, max)` is the twin."),),
    "divide": (D("rounding_mode=None", "", "JAX has `floor_divide` for that."),),
    "where": (D("condition, input, other", "condition, x=None, y=None"),),
    "gelu": (D("approximate='none'", "approximate=True",
               "Each is the other's option: PyTorch's is exact, JAX's the tanh approximation."),),
    "softplus": (D("beta=1, threshold=20", ""),),
    "hardtanh": (D("min_val=-1.0, max_val=1.0", "", "JAX's bounds are fixed."),),
    "nan_to_num": (D("nan=0.0, posinf=None, neginf=None",
                     "copy=True, nan=0.0, posinf=None, neginf=None", "JAX's second is `copy`."),),
    "arange": (D("", "", "Of whole numbers PyTorch makes int64, JAX int32 unless "
                         "`jax_enable_x64` is on."),),
    "contract": (D("", "", "`torch.dot` takes vectors only; `jnp.dot` is `tensordot` beyond two "
                           "dims."),),
    "conv": (D("stride=1, padding=0, dilation=1, groups=1",
               "window_strides, padding, rhs_dilation=None, feature_group_count=1",
               "JAX's has no bias, wants the strides, and a pair of paddings for each dim. Both "
               "correlate: the kernel is not flipped."),),
    "attention": (D("", "", "PyTorch: (..., heads, length, size); JAX: (batch, length, heads, "
                            "size). A boolean mask is True where attention is allowed, in both."),),
    "cholesky": (D("upper=False", "upper=False, symmetrize_input=True"),),
    "triangular_solve": (D("upper, left=True, unitriangular=False",
                           "left_side=False, lower=False, unit_diagonal=False",
                           "PyTorch solves from the left unless told otherwise, lax from the "
                           "right."),),
    "svd": (D("full_matrices=True", "full_matrices=True, compute_uv=True"),),
    "fft": (D("n=None, dim=-1, norm=None", "n=None, axis=-1, norm=None"),),
    "rfft": (D("n=None, dim=-1, norm=None", "n=None, axis=-1, norm=None"),),
    "irfft": (D("n=None, dim=-1, norm=None", "n=None, axis=-1, norm=None"),),
    "cross_entropy": (D("", "", "Takes logits, not probabilities, and class numbers or "
                                "probabilities; gives the mean. JAX itself has no losses; optax's "
                                "give one number for each example."),),
    "linear": (D("", "", "In JAX write `x @ w.T + b`; most JAX libraries keep w as (in, out)."),),
    "layer_norm": (D("normalized_shape, weight=None, bias=None, eps=1e-05", "",
                     "PyTorch takes the *sizes* of the last dims, not their places."),),
    "kl_div": (D("", "", "PyTorch takes the logarithm of the first argument and divides by the "
                         "number of entries unless told `reduction='batchmean'`."),),
}  # fmt: skip


def table(row):
    """`(form, PyTorch, JAX)`: functions, methods, operators, and the arguments that differ."""
    methods = [s.removeprefix("torch.Tensor.") for s in row.torch if s.startswith("torch.Tensor.")]
    methods = [f"x.{m}" for m in methods if not m.startswith("__")]
    functions = [s for s in row.torch if not s.startswith("torch.Tensor.")]
    jax = [f"x.{m}" for m in JAX_METHODS.get(row.name, "").split()]
    operator = OPERATORS.get(row.name, "")
    rows = [
        ("function", functions, [_short(s) for s in row.jax]),
        ("method", methods, jax),
        ("operator", [operator], [operator]),
        ("built on it", *_around(row)),
        *(("arguments", [d.torch], [d.jax]) for d in DIFFERENCES.get(row.name, ())),
    ]
    return tuple((form, _code(a), _code(b)) for form, a, b in rows if any(a) or any(b))


def _around(row):
    names = [n for n in AROUND.get(row.name, "").split() if n not in row.torch + row.jax]
    torch = [n for n in names if n.startswith("torch.")]
    kept = [n for n in torch if ".Tensor." not in n or n.replace(".Tensor.", ".") not in torch]
    return kept, [_short(n) for n in names if n.startswith("jax.")]


def _short(spelling):
    return spelling.replace("jax.numpy.", "jnp.")


def _code(words):
    return ", ".join(f"`{w}`" for w in words if w)


def differences(row):
    """The sentences on what bites."""
    return " ".join(d.words for d in DIFFERENCES.get(row.name, ()) if d.words)
