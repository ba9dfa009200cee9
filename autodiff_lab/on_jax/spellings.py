"""JAX's spellings, lowered to rows: what each lax primitive means in the table's words.

A jaxpr has few primitives, so this page is short. Each signature takes an equation and returns the
row, the row's inputs (positions among the operands, or a `Constant`), and its parameters.
"""

from typing import NamedTuple

from ..source import is_library
from ..table.row import CACHES, ROWS
from . import indexing, layers

# Equations that hold a jaxpr: it is entered.
CALLS = frozenset("jit pjit closed_call core_call".split())


class Constant(NamedTuple):
    value: object


def lower(eqn):
    """`(row, inputs, params)` of an equation, or None if the table has no row for it."""
    name = eqn.primitive.name
    if name == "custom_jvp_call":
        return _by_name(eqn)
    if name in SIGNATURES:
        return SIGNATURES[name](eqn)
    row = _row_of(name)
    if row is None or row.kind == "composite":
        return None
    return row, range(len(eqn.invars)), {}


_PRIMS: dict = {}
CACHES.append(_PRIMS)


def _row_of(primitive):
    if not _PRIMS:
        _PRIMS.update((prim, row) for row in ROWS.values() for prim in row.prims)
    return _PRIMS.get(primitive)


def _by_name(eqn):
    """A custom_jvp function is honoured if the table states its derivative under its own name."""
    row = ROWS.get(custom_name(eqn))
    if row is None or row.kind != "pointwise" or len(eqn.invars) != row.arity:
        return None
    return row, range(row.arity), {}


def custom_name(eqn):
    """The name of a function with a custom rule.

    It stands in the debug info of the function's body ("relu at .../functions.py:71"). A function
    that is not JAX's own may have any name, so it gets its file in front.
    """
    body = eqn.params.get("call_jaxpr", eqn.params.get("fun_jaxpr"))
    info = getattr(getattr(body, "jaxpr", body), "debug_info", None)
    name, _, place = str(getattr(info, "func_src_info", "")).partition(" at ")
    return name if is_library(place) else f"{name or 'a function'} ({place or 'source unknown'})"


def _shapes(eqn):
    return [v.aval.shape for v in eqn.invars], eqn.outvars[0].aval.shape


# ----- shapes -----
def _broadcast_in_dim(eqn):
    params = {"shape": eqn.params["shape"], "dims": eqn.params["broadcast_dimensions"]}
    return ROWS["broadcast"], (0,), params


def _reshape(eqn):
    (old, *_), new = _shapes(eqn)
    if eqn.primitive.name == "reshape" and eqn.params.get("dimensions") is not None:
        return None
    return ROWS["reshape"], (0,), {"shape": new, "old": old}


def _transpose(eqn):
    return ROWS["permute"], (0,), {"axes": eqn.params["permutation"]}


def _rev(eqn):
    return ROWS["flip"], (0,), {"axis": tuple(eqn.params["dimensions"])}


def _slice(eqn):
    p = eqn.params
    step = p["strides"] or (1,) * len(p["start_indices"])
    params = {"start": p["start_indices"], "stop": p["limit_indices"], "step": step}
    return ROWS["slice"], (0,), params


def _pad(eqn):
    low, high, gaps = list(zip(*eqn.params["padding_config"], strict=True)) or [(), (), ()]
    if min(low + high, default=0) < 0:
        return None
    return ROWS["pad"], (0, 1), {"low": low, "high": high, "gaps": gaps}


def _concatenate(eqn):
    return ROWS["concat"], range(len(eqn.invars)), {"axis": eqn.params["dimension"]}


def _split(eqn):
    return ROWS["split"], (0,), {"axis": eqn.params["axis"], "sizes": tuple(eqn.params["sizes"])}


def _stack(eqn):
    return ROWS["stack"], range(len(eqn.invars)), {"axis": eqn.params["axis"]}


def _iota(eqn):
    p = eqn.params
    return ROWS["arange"], (), {"shape": p["shape"], "axis": p["dimension"], "dtype": p["dtype"]}


def _convert(eqn):
    return ROWS["astype"], (0,), {"dtype": eqn.params["new_dtype"]}


# ----- bits -----
def _shift_right_logical(eqn):
    """Of unsigned numbers `>>` is this one."""
    return (ROWS["right_shift"], (0, 1), {}) if eqn.invars[0].aval.dtype.kind == "u" else None


def _bitcast(eqn):
    new = eqn.params["new_dtype"]
    same_size = eqn.invars[0].aval.dtype.itemsize == new.itemsize
    return (ROWS["bitcast"], (0,), {"dtype": new}) if same_size else None


# ----- choose, reduce, contract -----
def _select_n(eqn):
    if len(eqn.invars) != 3 or eqn.invars[0].aval.dtype != bool:
        return None
    return ROWS["where"], (0, 2, 1), {}  # select_n lists the false case first


def _reduction(row):
    def signature(eqn):
        return ROWS[row], (0,), {"axis": tuple(eqn.params["axes"]), "keepdims": False}

    return signature


def _running(row):
    def signature(eqn):
        return ROWS[row], (0,), {"axis": eqn.params["axis"], "reverse": eqn.params["reverse"]}

    return signature


def _place(row):
    def signature(eqn):
        (axis,) = eqn.params["axes"]
        return ROWS[row], (0,), {"axis": axis}

    return signature


def _dot_general(eqn):
    (a, b), _ = _shapes(eqn)
    p, spec = eqn.params, subscripts(len(a), len(b), eqn.params["dimension_numbers"])
    params = {"spec": spec, "precision": p["precision"], "dtype": p["preferred_element_type"]}
    return ROWS["contract"], (0, 1), params


def subscripts(m, n, dimension_numbers):
    """lax's dimension numbers as an einsum string: batch axes first, then those of a, then of b."""
    (sum_a, sum_b), (batch_a, batch_b) = dimension_numbers
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    a = [next(letters) for _ in range(m)]
    b = [None] * n
    for i, j in [*zip(batch_a, batch_b, strict=True), *zip(sum_a, sum_b, strict=True)]:
        b[j] = a[i]
    b = [next(letters) if i is None else i for i in b]
    batch = [a[i] for i in batch_a]
    left = [c for i, c in enumerate(a) if i not in batch_a and i not in sum_a]
    right = [c for j, c in enumerate(b) if j not in batch_b and j not in sum_b]
    return f"{''.join(a)},{''.join(b)}->{''.join(batch + left + right)}"


def _integer_pow(eqn):
    """x ** 3 has its exponent among the parameters; in the table it is the second input."""
    return ROWS["power"], (0, Constant(eqn.params["y"])), {}


def _round(eqn):
    """lax rounds halves away from zero unless it is told to go to the even neighbour."""
    to_even = int(eqn.params["rounding_method"]) == 1
    return ROWS["round" if to_even else "round_away"], (0,), {}


def _div(eqn):
    """lax divides integers without remainder; that is another row."""
    whole = eqn.outvars[0].aval.dtype.kind in "iu"
    return ROWS["trunc_divide" if whole else "divide"], (0, 1), {}


def _clamp(eqn):
    return ROWS["clamp"], (1, 0, 2), {}  # lax lists the lower bound first


# ----- sorting: many outputs -----
def _sort(eqn):
    params = {"axis": eqn.params["dimension"], "num_keys": eqn.params["num_keys"]}
    return ROWS["sort"], range(len(eqn.invars)), params


def _top_k(eqn):
    axis = eqn.params.get("axis", len(eqn.invars[0].aval.shape) - 1)
    return ROWS["top_k"], (0,), {"k": eqn.params["k"], "axis": axis}


# ----- indexing -----
def _gather(eqn):
    return ROWS["gather"], (0, 1), {"how": indexing.of_gather(eqn.params)}


def _scatter(row):
    def signature(eqn):
        return ROWS[row], (0, 1, 2), {"how": indexing.of_scatter(eqn.params)}

    return signature


def _dynamic_slice(eqn):
    size = tuple(eqn.params["slice_sizes"])
    return ROWS["dynamic_slice"], range(len(eqn.invars)), {"size": size}


SIGNATURES = {
    "gather": _gather,
    "sort": _sort,
    "top_k": _top_k,
    "scatter-add": _scatter("scatter_add"),
    "scatter": _scatter("scatter"),
    "dynamic_slice": _dynamic_slice,
    "clamp": _clamp,
    "reduce_prod": _reduction("prod"),
    "reduce_or": _reduction("any"),
    "reduce_and": _reduction("all"),
    "argmax": _place("argmax"),
    "argmin": _place("argmin"),
    "cumsum": _running("cumsum"),
    "cumprod": _running("cumprod"),
    "cummax": _running("cummax"),
    "cummin": _running("cummin"),
    "cumlogsumexp": _running("cumlogsumexp"),
    "round": _round,
    "div": _div,
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "rev": _rev,
    "slice": _slice,
    "pad": _pad,
    "concatenate": _concatenate,
    "split": _split,
    "stack": _stack,
    "iota": _iota,
    "convert_element_type": _convert,
    "shift_right_logical": _shift_right_logical,
    "bitcast_convert_type": _bitcast,
    "select_n": _select_n,
    "reduce_sum": _reduction("sum"),
    "reduce_max": _reduction("max"),
    "reduce_min": _reduction("min"),
    "dot_general": _dot_general,
    "integer_pow": _integer_pow,
    **layers.SIGNATURES,
}


def no_row(eqn, place):
    name = eqn.primitive.name
    return (
        f"no row for JAX's {name} ({place}); write it with operations that have one, or add it: "
        f"ad.row({name!r}, lambda xp, x: xp.{name}(x), d=lambda xp, y, x: <its derivative>)"
    )
