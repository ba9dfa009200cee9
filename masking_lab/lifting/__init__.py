"""Control-flow lifting: code for one example becomes code for a batch.

Python takes one branch; examples of one batch take different ones. Lifting rewrites a function's
text so that every decision is a call of `flow`, which sees what it is asked about: for plain Python
values it does what Python does, for batched ones it does both and keeps what belongs.

    sugar       `:=` and `match` become assignments and `if`
    canonical   early exits become flags, writes into parts become assignments
    liveness    what does a block hand on?
    sharing     who else sees a write into an array? pointing and objects: which arrays a name may
                stand for; meeting: what calls do; lending: what was written into by a call
    rewrite     blocks become functions, decisions calls
    flow        what the calls mean; batched, leader and select for lanes
    items       lists with a length of each example's own; stacking, blocks; sequences to go through
    shrinking   branches and loops for those only who take them: some, log, laid_out, joining
    spelled     JAX's own loops, where they are given functions that read lanes
    straight    a cell that a loop calls as a straight line; cells, watch, outside
    staged      what becomes of a branch and of `while` under `jax.jit`; scan of `for`
"""

import ast

from autodiff_lab.reading import read

from ..errors import MaskError
from .calls import callee, code_of, is_lifted, lift
from .rewrite import rewrite

DECISIONS = frozenset(
    "if_ while_ for_ assert_ and_ or_ not_ choose chain listed nested put data".split()
)


def lifted_source(f):
    """The text that runs instead of `f` inside `autobatch`, to be read."""
    text = read(f, MaskError)
    return ast.unparse(rewrite(text))


def decides(f):
    """Does lifted code ask `flow` anything? If not, it can be traced as it is."""
    return bool(DECISIONS & _names(code_of(f)))


def _names(code):
    if code is None:
        return frozenset()
    inner = [_names(c) for c in code.co_consts if hasattr(c, "co_names")]
    return frozenset(code.co_names).union(*inner)


__all__ = ["callee", "decides", "is_lifted", "lift", "lifted_source"]
