"""What a mask does to a row, and how the row is batched, in words.

The words are not made up here: what dead entries become is asked of masking_lab's own rule, on a
stand-in for a padded array all of whose dims are ragged, and the batch axis is asked of the row.
"""

import types

from masking_lab.rules import Batched, dead_entries

from .made_of import words

RUNS = {
    "lowest": "the lowest value of the dtype",
    "highest": "the highest value of the dtype",
    "last": "what sorts behind all others",
}
VERBS = types.SimpleNamespace(limits=lambda dtype: ("lowest", "highest"))
BATCH = "B"  # stands for the number of examples
ALONG = {  # the words of masking_lab's `along`, and what they come to
    "read": "each result is read from the example's own entries, counted by its own length",
    "join": "the pieces are joined where each example ends, not where its padding does",
    "cut": "each example is cut by its own length",
    "pad": "what is added goes where each example ends",
    "reshape": "entries keep the order they have within the example, without its padding",
    "chosen": "an index counts within the example: -1 is its own last entry",
    "written": "an index counts within the example: -1 is its own last entry",
    "chosen_along": "an index counts within the example: -1 is its own last entry",
    "written_along": "an index counts within the example: -1 is its own last entry",
    "dynamic_slice": "the start is kept within the example's own length",
    "dynamic_update_slice": "the start is kept within the example's own length",
    "gather": "an index counts within the example",
    "scatter": "an index counts within the example",
    "square": "the matrix goes on with an identity where the example ends, which changes nothing",
    "whole": "it is refused, if that is one of the matrix's two",
    "run": "dead entries become {} first, and the sizes are each example's own",
}


def filled(row):
    """What dead entries of each input become before the row runs; None: they stay as they are."""
    shapes, params = _case(row)
    if row.axes is None or not shapes:
        return ()
    places, _ = row.axes([len(s) for s in shapes], **params)
    stand_ins = [types.SimpleNamespace(sizes=("own",) * len(s), ndim=len(s), dtype="dtype")
                 for s in shapes]  # fmt: skip
    pairs = zip(stand_ins, places, strict=True)
    return tuple(dead_entries.replacement(row, VERBS, x, goes)[0] for x, goes in pairs)


def _case(row):
    """Shapes and parameters the row is tried with."""
    shapes, params = row.cases[0] if row.cases else ([(3,)] * (row.arity or 0), {})
    return [(3,) if s is None else s for s in shapes], params


def mask_rule(row):
    """The sentences on what padding does."""
    if row.arity == 0:
        return "No input, so no mask: the sizes it reads are the example's own."
    if row.kind == "composite" and row.identity is None and row.along is None:
        return _composite(row)
    if row.along is not None:
        return f"Along a ragged dim {_along(row)}."
    if row.axes is None:
        return "A ragged dim is refused: it has no mask rule."
    return " ".join([_moved(row), *(_becomes(row, value) for value in _values(row))])


def _composite(row):
    if row.told is not None:
        return "It is told which entries are there, and leaves the others out."
    return "Nothing of its own: each row it is made of does its part."


def _along(row):
    code, closed = row.along.__code__, row.along.__closure__ or ()
    said = [word for _, word in words(code) if word in ALONG]
    given = [*code.co_consts, *(cell.cell_contents for cell in closed)]
    fills = [c for c in given if c in RUNS or isinstance(c, float)]
    return ALONG[said[0]].format(told(fills[0] if fills else 0.0))


def _moved(row):
    """What becomes of the mask itself."""
    if row.elementwise:
        return "Valid where every input is valid."
    if row.identity is not None:
        return "The mask follows the dims that stay."
    shapes, params = _case(row)
    places, _ = row.axes([len(s) for s in shapes], **params)
    if any(place is None for goes in places for place in goes):
        return "The mask follows the dims that stay; to merge or split a ragged one is refused."
    if row.moves:
        return "The mask stays; along a ragged dim it is refused, since it moves entries."
    return "The mask moves with the data."


def _values(row):
    return sorted({told(v) for v in filled(row) if v is not None})


def _becomes(row, value):
    if row.identity is None:
        return f"Dead entries become {value} before it runs, so that no NaN comes of them."
    return f"Dead entries become {value}, its identity, before it runs: they change nothing."


def told(value):
    return RUNS.get(value) or f"{value:g}"


# ----- batching -----
def batch_rule(row):
    """Where the batch axis goes."""
    if row.arity == 0:
        return "Made once for each example, in its own size."
    if row.elementwise:
        return "The batch axis goes in front; inputs of lower rank get axes of size 1 behind it."
    if row.batch is not None:
        return _shifted(row)
    if row.axes is not None and row.axes.__name__ == "unchanged":
        return "The batch axis goes in front; nothing else changes."
    if row.kind == "composite":
        return "Row by row: each row it is made of takes the batch axis."
    if row.along is not None:
        return "The batch axis goes in front, and every example is taken by itself."
    return "It has no batching rule of its own."


def _shifted(row):
    """The row's own rule, shown on the first case it is tested on."""
    shapes, params = _case(row)
    changed = row.batch(Batched(BATCH, (True,) * len(shapes)), **params) if shapes else None
    if changed is None:
        return "The batch axis goes in front where the parameters are shared."
    pairs = [f"`{k}={_short(v)}` becomes `{k}={_short(changed[k])}`"
             for k, v in params.items() if changed.get(k, v) != v]  # fmt: skip
    return "; ".join(["The batch axis goes in front", *pairs[:2]]) + "."


def _short(value):
    return repr(value).replace(repr(BATCH), BATCH)
