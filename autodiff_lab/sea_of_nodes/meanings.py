"""What a call or an operator in the text means: an `Op`, with the row of the table it refers to.

A name means what it means to the function now. What may stand in a sea has no effect: it neither
writes, prints, draws random numbers nor asks the clock, or it could not float. So the list is of
what is known to be pure, and everything else is refused.
"""

import ast
import builtins
import functools
import math
import operator
import re
import sys

from ..table.row import CACHES, ROWS
from . import verbs
from .nodes import Op

BINARY = {
    ast.Add: ("+", "add", operator.add, True),
    ast.Sub: ("-", "subtract", operator.sub, True),
    ast.Mult: ("*", "multiply", operator.mul, True),
    ast.MatMult: ("@", "contract", operator.matmul, True),
    ast.Div: ("/", "divide", operator.truediv, False),
    ast.FloorDiv: ("//", "floor_divide", operator.floordiv, False),
    ast.Mod: ("%", "remainder", operator.mod, False),
    ast.Pow: ("**", "power", operator.pow, False),
    ast.BitAnd: ("&", "bitwise_and", operator.and_, True),
    ast.BitOr: ("|", "bitwise_or", operator.or_, True),
    ast.BitXor: ("^", None, operator.xor, True),
    ast.LShift: ("<<", None, operator.lshift, False),
    ast.RShift: (">>", None, operator.rshift, False),
}
COMPARE = {
    ast.Lt: ("<", "less", operator.lt),
    ast.LtE: ("<=", "less_equal", operator.le),
    ast.Gt: (">", "greater", operator.gt),
    ast.GtE: (">=", "greater_equal", operator.ge),
    ast.Eq: ("==", "equal", operator.eq),
    ast.NotEq: ("!=", "not_equal", operator.ne),
    ast.Is: ("is", None, operator.is_),
    ast.IsNot: ("is not", None, operator.is_not),
    ast.In: ("in", None, lambda a, b: a in b),
    ast.NotIn: ("not in", None, lambda a, b: a not in b),
}
UNARY = {
    ast.USub: ("-", "negative", operator.neg),
    ast.UAdd: ("+", None, operator.pos),
    ast.Invert: ("~", "bitwise_not", operator.invert),
    ast.Not: ("not", None, verbs.negation),
}
_SAME = (
    "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp expm1 exp2 log log2 "
    "log10 log1p sqrt cbrt hypot floor ceil trunc erf erfc lgamma copysign fmod"
).split()
_ROWS_OF_MATH = {"pow": "power", "fabs": "abs", **{name: name for name in _SAME}}
_BUILTINS = frozenset(
    "abs pow len int float bool complex round sum divmod tuple list min max sorted any all range "
    "isinstance".split()
)
_MAKERS = frozenset(
    "zeros ones full eye linspace tensor asarray array as_tensor arange zeros_like ones_like "
    "full_like empty_like meshgrid is_tensor numel is_floating_point finfo iinfo size".split()
)
_METHODS = frozenset("item tolist dim size numel astype get keys values items index count".split())
# Functions whose answer has no derivative, or is none of a number.
FLAT = frozenset("len int bool round isinstance range any all floor ceil trunc index item is "
                 "tolist dim size numel".split())  # fmt: skip


# Rows that cannot fail on arrays whose shapes fit; a Cholesky factor may not exist.
TOTAL = frozenset("pointwise constant linear bilinear composite".split())


# ----- operators -----
@functools.cache
def binary(kind):
    sign, row, fn, total = BINARY[kind]
    return Op(sign, fn, ROWS.get(row), f"_0 {sign} _1", total, plain=sign != "@")


@functools.cache
def comparison(kind):
    sign, row, fn = COMPARE[kind]
    type = bool if sign in ("is", "is not", "in", "not in") else None
    return Op(sign, fn, ROWS.get(row), f"_0 {sign} _1", sign not in ("in", "not in"), True, type)


@functools.cache
def unary(kind):
    sign, row, fn = UNARY[kind]
    type, space = (bool, " ") if sign == "not" else (None, "")
    return Op(sign, fn, ROWS.get(row), f"{sign}{space}_0", sign != "not", sign != "+", type)


def unary_minus():
    return unary(ast.USub)


def named(sign):
    """The operator with this sign: what the rows' own derivatives are written with."""
    for kinds, make in ((BINARY, binary), (COMPARE, comparison), (UNARY, unary)):
        for kind, (known, *_) in kinds.items():
            if known == sign:
                return make(kind)
    raise KeyError(sign)


@functools.cache
def verb(name, fn, form, total=True, type=None, row=None):
    """An operation of the sea's own: see `verbs`."""
    return Op(name, fn, row, form, total, plain=row is not None, type=type)


# ----- calls -----
@functools.cache
def function(func, spelled, count, words):
    """A known pure function with `count` arguments, the last of them by the keywords `words`."""
    row = row_of(func)
    plain = row is not None and row.kind in ("pointwise", "constant") and not words
    total = row is not None and row.kind in TOTAL and func not in _of_python()
    known = {len: int, isinstance: bool}.get(func) if func in _of_python() else None
    called = functools.partial(_with_words, func, words) if words else func
    plain = plain and count == row.arity
    spelled = re.sub(r"^xp\b", "xp_", spelled)  # in the text, xp are the sea's own verbs
    return Op(_short(spelled), called, row, called_as(spelled, count, words), total, plain, known)


@functools.cache
def method(name, count, words):
    """`x.name(...)`: of an array of either framework, or of a container."""
    row = _methods().get(name)
    plain = row is not None and row.kind in ("pointwise", "constant") and not words
    form = called_as(f"_0.{name}", count, words, first=1)

    def called(x, *more):
        return _with_words(getattr(x, name), words, *more)

    plain = plain and count + 1 == row.arity
    total = row is not None and row.kind in TOTAL
    return Op(f".{name}", called, row, form, total, plain)


@functools.cache
def attribute(name):
    return Op(f".{name}", operator.attrgetter(name), None, f"_0.{name}", False)


def _with_words(func, words, *values):
    if not words:
        return func(*values)
    plain = len(values) - len(words)
    return func(*values[:plain], **dict(zip(words, values[plain:], strict=True)))


def called_as(spelled, count, words, first=0):
    places = [f"_{i}" for i in range(first, first + count)]
    plain = places[: count - len(words)]
    named = [f"{w}={p}" for w, p in zip(words, places[count - len(words) :], strict=True)]
    return f"{spelled}({', '.join(plain + named)})"


def _short(spelled):
    return spelled.rsplit(".", 1)[-1]


# ----- what is known to be pure -----
def is_pure(func):
    if row_of(func) is not None or func in _of_python():
        return True
    if hasattr(func, "custom_row") or getattr(func, "is_pure", False):  # ad.custom_rule, ad.stencil
        return True
    module, name = getattr(func, "__module__", "") or "", getattr(func, "__name__", "")
    if name.endswith("_"):  # PyTorch writes in place
        return False
    if type(func).__name__ == "ufunc":  # NumPy's
        return True
    if module.split(".")[0] == "jax":
        return not any(word in name for word in ("callback", "print", "breakpoint"))
    if "torch" in sys.modules and name.startswith(("linalg_", "fft_", "special_")):
        return True
    return _belongs_to(func, module, "torch") and (name in _MAKERS or name in _lowered())


def is_pure_method(name):
    return not name.endswith("_") and (
        name in _METHODS or name in _methods() or name in _lowered() or _is_jaxs(name)
    )


def is_plain_attribute(name):
    return not name.startswith("_")


def _belongs_to(func, module, framework):
    if module.startswith(framework):
        return True
    found = sys.modules.get(framework)  # many functions in C name no module
    return found is not None and getattr(found, getattr(func, "__name__", ""), None) is func


def _is_jaxs(name):
    jax = sys.modules.get("jax")
    return jax is not None and not name.startswith("_") and hasattr(jax.Array, name)


@functools.cache
def _of_python():
    found = {getattr(builtins, name) for name in _BUILTINS}
    found |= {f for name, f in vars(math).items() if callable(f) and name[0] != "_"}
    return found | {operator.index}


def _lowered():
    if "torch" not in sys.modules:
        return frozenset()
    from ..on_torch.spellings import REWRITES, SIGNATURES

    return (SIGNATURES.keys() | REWRITES.keys()) - {"multinomial"}


def row_of(func):
    """The row that a function spells, or None."""
    loaded = tuple(name for name in ("torch", "jax") if name in sys.modules)
    if loaded not in _SPELLED:
        _SPELLED[loaded] = dict(_spellings())
    try:
        return _SPELLED[loaded].get(func)
    except TypeError:  # not hashable: no function of a library
        return None


_SPELLED: dict = {}
CACHES.append(_SPELLED)


def _spellings():
    for name, row in _ROWS_OF_MATH.items():
        if hasattr(math, name):
            yield getattr(math, name), ROWS[row]
    yield abs, ROWS["abs"]
    yield pow, ROWS["power"]
    for row in ROWS.values():
        for dotted in (*row.torch, *row.jax):
            found = _resolved(dotted)
            if callable(found):
                yield found, row


def _resolved(dotted):
    first, *rest = dotted.split(".")
    found = sys.modules.get(first)
    for name in rest:
        found = getattr(found, name, None)
    return found


@functools.cache
def _methods():
    """Methods by name, as the rows spell them."""
    prefix = "torch.Tensor."
    return {
        s.removeprefix(prefix): row for row in ROWS.values() for s in row.torch
        if s.startswith(prefix)
    }  # fmt: skip
