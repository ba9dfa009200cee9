"""`ad.row`: the door through which an operation comes into the table.

It reads what is stated, calls the constructor of that kind (`table.row`), and says in one sentence
what is missing or does not fit.
"""

import inspect
import sys

from .errors import AutodiffError
from .table import find
from .table import row as table_row

ADDED: dict = {}  # PyTorch's spellings of rows that came through this door


def row(name, fn, d=None, *, transpose=None, jvp=None, vjp=None, kind=None, **rest):
    """Add the operation `name` to the table, or replace the row of that name; returns the row.

    `fn(xp, *xs, **params)` says what it computes; `xp` is `torch` or `jax.numpy` with a few more
    verbs. What else is stated decides the kind. Pointwise, one partial `d` per input:

        ad.row("exp2", lambda xp, x: xp.exp2(x), d=lambda xp, y, x: y * 0.6931471805599453)

    Linear, with its `transpose`; bilinear, with a pair of them, one per input:

        ad.row("mirror", lambda xp, x: xp.flip(x, (0,)),
               transpose=lambda xp, g, x: (xp.flip(g, (0,)),))

    General, with `jvp` and `vjp`:

        ad.row("cube", lambda xp, x: x ** 3, jvp=lambda xp, dx, y, x: 3 * x ** 2 * dx,
               vjp=lambda xp, g, y, x: (3 * x ** 2 * g,))

    And two kinds that state nothing, so they are named: `kind="composite"`, made of other rows by
    `fn`, and `kind="constant"`, without a derivative.

        ad.row("swish", lambda xp, x: x * xp.sigmoid(x), kind="composite")

    `torch="sinc torch.special.sinc"` and `jax="sinc"` are the frameworks' spellings, where they
    differ from `name`; `-` says that there is none. All fields of `ad.table.Row` may follow
    (`example`, `domain`, `kinks`, ...).
    """
    stated = _stated(name, d, transpose, jvp, vjp, kind)
    arity = rest.pop("arity", None) or _arity(name, fn)
    _check_d(name, d, arity)
    _check_spellings(name, rest)
    added = _ADD[stated](name, fn, arity, d, transpose, (jvp, vjp), rest)
    frame = sys._getframe(1)
    added.file, added.line = frame.f_code.co_filename, frame.f_lineno
    ADDED.update((spelling.rsplit(".", 1)[-1], added) for spelling in added.torch)
    return added


def _stated(name, d, transpose, jvp, vjp, kind):
    """The kind of row that these statements describe."""
    if (jvp is None) != (vjp is None):
        raise AutodiffError(
            f"row {name!r} states {'vjp' if jvp is None else 'jvp'}= alone; a general row states "
            "both jvp= and vjp= (ad.custom_rule derives the other one)"
        )
    given = {"pointwise": d, "linear": transpose, "general": jvp}
    found = [k for k, v in given.items() if v is not None]
    if isinstance(transpose, tuple):
        found = ["bilinear" if k == "linear" else k for k in found]
    if kind is not None:
        if kind not in ("composite", "constant") or found:
            raise AutodiffError(
                f"row {name!r} was given kind={kind!r}{' and a derivative' if found else ''}; "
                "kind= is 'composite' or 'constant', and these state no derivative"
            )
        return kind
    if len(found) != 1:
        raise AutodiffError(
            f"row {name!r} states {' and '.join(found) or 'no derivative'}; state one of d=, "
            "transpose=, or jvp= with vjp=, or say kind='composite' or kind='constant'"
        )
    return found[0]


def _positional(f):
    """How many positional parameters; None if any number."""
    kinds = inspect.Parameter
    try:
        found = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # written in C
        return None
    if any(p.kind == kinds.VAR_POSITIONAL for p in found):
        return None
    plain = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in plain and p.default is kinds.empty for p in found)


def _arity(name, fn):
    if not callable(fn):
        raise AutodiffError(
            f"row {name!r} needs fn, a function of xp and the inputs, not a {type(fn).__name__}; "
            f"for example fn=lambda xp, x: xp.{name}(x)"
        )
    count = _positional(fn)
    if count is not None and count < 1:
        raise AutodiffError(
            f"the fn of row {name!r} takes nothing; its first parameter is xp, then come the inputs"
        )
    return None if count is None else count - 1


def _check_d(name, d, arity):
    if d is None or arity is None:
        return
    given = d if isinstance(d, tuple) else (d,)
    if len(given) != arity:
        raise AutodiffError(
            f"row {name!r} has {arity} inputs and {len(given)} partial(s); give d= one function "
            "per input"
        )
    for i, partial in enumerate(given):
        if callable(partial) and _positional(partial) not in (None, arity + 2):
            raise AutodiffError(
                f"partial {i} of row {name!r} takes {_positional(partial)} parameters instead of "
                f"{arity + 2}; it is called as d(xp, y, {', '.join(['x'] * arity)})"
            )


def _check_spellings(name, rest):
    for framework, prefix in (("torch", "torch."), ("jax", "jax.numpy.")):
        for word in (rest.get(framework) or name).split():
            other = find(word if "." in word else prefix + word)
            if other is not None and other.name != name:
                raise AutodiffError(
                    f"row {name!r} claims {prefix}{word}, which is the row {other.name!r} already; "
                    f"replace that row, or say {framework}='-'"
                )


_ADD = {
    "pointwise": lambda name, fn, n, d, t, both, rest: table_row.pointwise(name, fn, d, n, **rest),
    "linear": lambda name, fn, n, d, t, both, rest: table_row.linear(
        name, fn, t, **{"arity": n} | rest
    ),
    "bilinear": lambda name, fn, n, d, t, both, rest: table_row.bilinear(name, fn, t, **rest),
    "general": lambda name, fn, n, d, t, both, rest: table_row.general(
        name, fn, *both, **{"arity": n} | rest
    ),
    "composite": lambda name, fn, n, d, t, both, rest: table_row.composite(
        name, fn, **{"arity": n} | rest
    ),
    "constant": lambda name, fn, n, d, t, both, rest: table_row.constant(name, fn, n, **rest),
}
