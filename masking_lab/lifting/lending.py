"""A call lends its arguments. Did it write into one that somebody else still looks at?

Which parameters a function writes into, and who looks at an argument after a call, is known from
the texts (`sharing`). Which function a call meets is known when it has run: then the two are put
together. Few functions write into their parameters; where there are none nothing is asked.
"""

import ast
import functools
import inspect
from itertools import islice

from autodiff_lab import source, trees, xp

from ..batches.batching import NUMBERS
from ..errors import MaskError
from ..lane import Lane
from ..once import Remembered
from .objects import ANY
from .sharing import Loan

WRITERS = Remembered()  # code: {parameter: its `Write`}
_loans = Remembered()  # code: {where a call stands: its loans}
_UNSEEN = Loan(*["what its caller has"] * 3)


def remember(code, tree):
    """What the texts of lifted functions say, by their code: of the function and those inside."""
    defs = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    written = {(n.name, n.lineno): n.written for n in defs if getattr(n, "written", None)}
    found = [n for n in ast.walk(tree) if getattr(n, "loans", None)]
    _remember(code, written, {_place(n): n.loans for n in found})


def _remember(code, written, loans):
    if loans:
        _loans.add(code, loans)
    own = written.get((code.co_name, code.co_firstlineno))
    if own:
        WRITERS.add(code, own)
    for inner in code.co_consts:
        if inspect.iscode(inner):
            _remember(inner, written, loans)


def _place(n):
    return n.lineno, n.end_lineno, n.col_offset, n.end_col_offset


def check(f, args, kwargs, loans):
    """`f`, which is lifted, was called; `loans()` are those of the call."""
    f, args, kwargs, belongs = _opened(f, args, kwargs)
    written = WRITERS.get(getattr(f, "__code__", None))
    if written:  # the loans are looked for only then
        refuse(f.__name__, inspect.signature(f), written, args, kwargs, loans(), belongs)


def loans_at(frame):
    """The loans of the call that lifted code is at."""
    position = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    return _loans.get(frame.f_code, {}).get(position)


def _opened(f, args, kwargs):
    """The plain function, all its arguments, and how many of them do not stand in the call."""
    belongs = 0
    while inspect.ismethod(f) or isinstance(f, functools.partial):
        if inspect.ismethod(f):
            f, args, belongs = f.__func__, (f.__self__, *args), belongs + 1
        else:
            args, kwargs = (*f.args, *args), {**f.keywords, **kwargs}
            f, belongs = f.func, belongs + len(f.args)
    return f, args, kwargs, belongs


def _of_arguments(loans, args, kwargs, belongs):
    """The loan of each argument; the first `belongs` came before the dot, or with a `partial`."""
    if loans is None or len([k for k in loans if type(k) is int]) != len(args) - belongs:
        return [_UNSEEN] * len(args), dict.fromkeys(kwargs, _UNSEEN)
    first = loans.get(None, _UNSEEN) if belongs == 1 else _UNSEEN
    lent = [first] * belongs + [loans[k] for k in range(len(args) - belongs)]
    return lent, {k: loans.get(k, _UNSEEN) for k in kwargs}


def refuse(name, signature, written, args, kwargs, loans, belongs=0, at=None):
    """Refuses a write into a parameter that would be seen where the argument came from."""
    if not written:
        return
    loans, by_name = _of_arguments(loans, args, kwargs, belongs)
    values = signature.bind(*args, **kwargs).arguments
    loans = signature.bind(*loans, **by_name).arguments
    for p, write in written.items():
        if p in values and (other := _who(values[p], _loan(loans[p]), write)):
            raise MaskError(
                f"{name}, called at {at or source.here()}, writes into its {p!r}: the write would "
                f"be seen through {other}, but inside autobatch it goes into a copy; compute a new "
                f"value and return it: {p} = {p} + 1"
            )


def _loan(x):
    """The loan of a parameter; of all that `*args` or `**kwargs` take together."""
    if isinstance(x, Loan):
        return x
    every = list(x.values() if isinstance(x, dict) else x)
    return next((y for y in every if any(y)), Loan(None, None, None))


def _who(value, loan, write):
    """Who would see the write. A list or an object of the user's is really written into."""
    if all(_is_number(value, path) for path in write.paths):
        return None  # `self.count += 1`
    arrays = [x for x in trees.leaves(value) if _is_written_on(x)]
    if _is_written_on(value):
        return loan.own or loan.other
    if write.how == "whole" or not (arrays or hasattr(value, "__dict__")):
        return None
    return loan.inside or (loan.own or loan.other if write.how == "part" else None)


def _is_number(value, path):
    """Do attributes lead to a number, or to an array of JAX's? Nobody can write into these."""
    for name in path:
        if not isinstance(name, str) or name == ANY or not hasattr(value, name):
            return False
        value = getattr(value, name)
    is_array = isinstance(value, Lane) or xp.framework_of(value)
    return not _is_written_on(value) if is_array else isinstance(value, NUMBERS)


def _is_written_on(x):
    """Is it an array of PyTorch's, or a stand-in for one?"""
    if isinstance(x, Lane):
        return not x.weak and xp.of(x.data).name == "torch"
    recorder = getattr(x, "recorder", None)  # of one that is computed later
    return (recorder.verbs.name if recorder else xp.framework_of(x)) == "torch"
