"""What public functions do to shapes, found by trying: nothing is computed.

Every dim that goes in has a prime size of its own, so that the sizes that come out say where they
come from: 5 and 7 went in, 35 came out, so the result has A*B entries. `jax.eval_shape` and
PyTorch's meta device follow the shapes alone. The idea is Hoogle's, of searching by type.
"""

import functools
import inspect
import itertools
import os
import re
import warnings

from autodiff_lab.table import find

from .harvest import locate
from .homes import side
from .signatures import Signature, canonical, matches

PRIMES = {"A": 5, "B": 7, "C": 11, "D": 13, "E": 17}
HOMES = {  # and in how many parts each is tried
    "jax.numpy": 5, "torch": 3, "jax.lax": 2, "jax.scipy.special": 1, "jax.nn": 1,
    "jax.numpy.linalg": 1, "jax.scipy.linalg": 1, "jax.numpy.fft": 1, "jax.ops": 1,
    "torch.nn.functional": 1, "torch.linalg": 1, "torch.special": 1, "torch.fft": 1,
}  # fmt: skip
ELEMENTWISE = {  # enough for what is known to be
    1: ("A", "AB", "ABC"),
    2: ("A,A", "AB,AB", "AB,B", "A1,1B", "ABC,ABC"),
    3: ("A,A,A", "AB,AB,AB", "ABC,ABC,ABC"),
}
NO_ARRAYS = re.compile(
    r"^((axis|dim)\w?|axes|dims|source|destination|out|n|mode|dtype|k|ord|method|precision)$"
)
CASES = {  # how many arrays: their shapes
    1: ("A", "AB", "ABC", "AA", "ABB", "A1", "1AB", "ABCD"),
    2: (
        "A,A", "A,B", "AB,AB", "AB,BC", "AB,B", "AB,A", "A,AB", "AB,CB", "AB,AC", "ABC,ABC",
        "ABC,ACD", "ABC,CD", "ABC,DC", "ABC,ADC", "ABC,C", "ABC,AB", "AA,A", "AA,AB", "AAB,AAC",
        "ABB,ABC", "ABB,AB", "AB,CD", "ABCD,ABDE", "ABCD,ABED", "A1,1B", "AB,CDB", "ABC,A", "AB,C",
        "AB,CD",
    ),
    3: (
        "A,A,A", "AB,AB,AB", "ABC,ABC,ABC", "AB,AC,CB", "ABC,ABD,ADC", "ABC,DC,D", "AB,CB,C",
        "ABC,ADC,ADE", "ABCD,AECD,AECD", "ABCD,ABED,ABED", "AB,B,B", "AB,AC,DBC", "A,AB,B",
        "AB,A,A", "ABC,C,C", "A,B,C", "AB,BC,CD",
    ),
}  # fmt: skip
EXTRAS = ("", "{axis}=0", "{axis}=1", "{axis}=-1", "{axis}=(0, 1)")
LISTED = ("", "{axis}=1", "{axis}=-1")
TWO_AXES = ("", "0, 1", "1, 2", "0, -1")
KINDS = ("fff", "ffi", "bff")  # floats everywhere; else an index last, or a condition first
LIST_CASES = ("A,A", "AB,AB", "AB,AC", "AB,CB", "ABC,ABD", "ABC,ADC", "ABC,ABC")
MOVING = re.compile(r"transpose|swap|move|flatten|diagonal|permute")
LISTS = re.compile(r"cat$|concatenate|stack|block")
SKIPPED = re.compile(
    r"_$|^_|_copy$|_like$|^(set_|get_|is_|fused|quantize|fake_|cudnn|miopen|mkldnn|native_|fbgemm|"
    r"sym_|broadcast_shapes|promote|result_type|can_cast|choose_|rnn_|lstm|gru|compile|save|load|"
    r"vmap|cond$|while_loop|custom_|xla|segment_reduce|empty|resize|optimization_barrier|from|print|"
    r"apply_|indices|issubdtype|isdtype|array_|iterable|piecewise|vectorize|linspace|logspace)"
)


def probe(unit):
    """[(signature, dotted name, call)] of a unit: a home, which part of it, of how many."""
    home, part, parts = unit
    os.environ["JAX_TRACEBACK_FILTERING"] = "off"  # most calls are refused; let that be cheap
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            (str(signature), f"{home}.{leaf}", call)
            for leaf, f in list(_functions(home))[part::parts]
            for signature, call in _typed(home, leaf, f)
        ]


def units():
    """The work, cut so that two processes finish together."""
    return [(h, part, n) for h, n in HOMES.items() for part in range(n) if locate(h) is not None]


def _functions(home):
    place = locate(home)
    for leaf in sorted(vars(place) if place else ()):
        f = getattr(place, leaf, None)
        usable = callable(f) and not inspect.isclass(f) and not SKIPPED.search(leaf)
        if usable and not inspect.ismodule(f) and _is_home(f, home):
            yield leaf, f


def _is_home(f, home):
    root = str(getattr(f, "__module__", "") or "").partition(".")[0]
    return root in (home.partition(".")[0], "", "builtins", "jaxlib")


def _typed(home, leaf, f):
    """All (signature, call) of a function: for each signature the first call that has it."""
    run = (_run_torch if side(home) == "torch" else _run_jax)(f)
    axis, counts = _reads(f)
    known: dict = {}
    if LISTS.search(leaf):
        for case, extra in itertools.product(LIST_CASES, LISTED):
            _try(run, _split(case), extra.format(axis=axis or "axis"), True, known)
        return known.items()
    extras = TWO_AXES if MOVING.search(leaf) else EXTRAS if axis else ("",)
    for kinds in KINDS:
        for case in _cases(f, home, counts):
            for extra in extras if "," not in case else ("",):
                _try(run, _split(case), extra.format(axis=axis), False, known, kinds)
        if known:
            break
    return _widest(known)


def _widest(known):
    """Without what follows from a more general signature of the same call."""
    return [
        (signature, call)
        for signature, call in known.items()
        if not any(call == c and matches(s, signature) == "special" for s, c in known.items())
    ]


def _cases(f, home, counts):
    row = find(f)
    short = home.endswith(".special") or row is not None and row.kind == "pointwise"
    return [case for n in counts for case in (ELEMENTWISE if short else CASES)[n]]


def _split(case):
    return tuple(map(tuple, case.split(",")))


def _reads(f):
    """The name of the function's axis parameter, or "", and how many arrays it may want."""
    try:
        params = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a builtin of PyTorch's: its documentation opens with them
        return ("dim" if re.search(r"\bdim\b", getattr(f, "__doc__", "") or "") else ""), (1, 2, 3)
    names = {p.name for p in params}
    axis = next((n for n in ("dim", "axis", "dims", "axes") if n in names), "")
    arrays = [p for p in params if p.kind in (0, 1) and not NO_ARRAYS.match(p.name)]
    least = max(1, min(3, sum(p.default is p.empty for p in arrays)))
    open_end = any(p.kind == p.VAR_POSITIONAL for p in params)
    most = 3 if open_end else max(least, min(3, len(arrays)))
    return axis, tuple(range(least, most + 1))


def _try(run, shapes, extra, listed, known, kinds="fff"):
    sizes = [tuple(PRIMES.get(d, 1) for d in shape) for shape in shapes]
    made = run(sizes, kinds[-len(sizes) :], extra, listed)
    used = {d for shape in shapes for d in shape}
    outputs = made and _read_back(made, used, len(shapes) if listed else 1)
    if outputs:
        names = ["x"] if len(sizes) == 1 else list("abc")[: len(sizes)]
        arrays = f"[{', '.join(names)}]" if listed else ", ".join(names)
        inputs = tuple(tuple(1 if d == "1" else d for d in shape) for shape in shapes)
        call = ", ".join(part for part in (arrays, extra) if part)
        known.setdefault(canonical(Signature(inputs, tuple(outputs))), call)


def _read_back(made, used, count):
    """Sizes as dims again, or None if some size comes from nowhere."""
    outputs = [tuple(_dim(n, used, count) for n in shape) for shape in made]
    return None if any(d is None for shape in outputs for d in shape) else outputs


def _dim(n, used, count):
    """A size as a dim: a number where it is 1 or the length of the list that went in."""
    if n < min(PRIMES.values()):
        return n if n in (1, count) else None
    primes = {p: d for d, p in PRIMES.items() if d in used}
    if n in primes:
        return primes[n]
    for k in (2, 3, 4):
        for chosen in itertools.combinations_with_replacement(sorted(primes), k):
            product = 1
            for p in chosen:
                product *= p
            if product == n:
                return "*".join(primes[p] for p in chosen)
            if k == 2 and sum(chosen) == n:
                return "+".join(primes[p] for p in chosen)
    return None


# ----- the frameworks -----
def _run_torch(f):
    import torch

    dtypes = {"f": torch.float32, "i": torch.int64, "b": torch.bool}

    def run(sizes, kinds, extra, listed):
        given = zip(sizes, kinds, strict=False)
        try:
            xs = [torch.empty(s, dtype=dtypes[k], device="meta") for s, k in given]
            return _shapes(_called(f, xs, extra, listed), torch.Tensor)
        except Exception:
            return None

    return run


def _run_jax(f):
    import jax

    dtypes = {"f": "float32", "i": "int32", "b": "bool"}

    def run(sizes, kinds, extra, listed):
        xs = [jax.ShapeDtypeStruct(s, dtypes[k]) for s, k in zip(sizes, kinds, strict=False)]
        try:
            made = jax.eval_shape(lambda *xs: _called(f, list(xs), extra, listed), *xs)
            return _shapes(made, jax.ShapeDtypeStruct)
        except Exception:
            return None

    return run


def _called(f, xs, extra, listed):
    args, kwargs = _parsed(extra)
    return f(xs, *args, **kwargs) if listed else f(*xs, *args, **kwargs)


@functools.cache
def _parsed(extra):
    return eval(f"(lambda *a, **k: (a, k))({extra})")  # EXTRAS: words of our own


def _shapes(made, kind):
    """The shapes of a result of one to three arrays, or None."""
    parts = [made] if isinstance(made, kind) else list(made) if isinstance(made, tuple) else []
    good = 0 < len(parts) <= 3 and all(isinstance(p, kind) for p in parts)
    return [tuple(p.shape) for p in parts] if good else None
