"""The torch front end: run the function on boxed values and write down what happens.

Control flow is ordinary Python: the tape sees the branch that was taken. Nothing is patched, and
nothing can stay patched: a box (`box`) reports what is done to it. What it reports comes in
two vocabularies, PyTorch's functions and below them the dispatcher's (`aten`), and both are lowered
to rows by the same names.

Boxes of two tapes may meet (`grad(grad(f))`). The tape with the highest level, the innermost,
records first; the values inside its boxes may be boxes of the next.
"""

import functools
import operator
import weakref

import torch

from .. import source, trees
from ..errors import AutodiffError
from ..tape import NUMBER, closed_tape
from . import functions
from .box import QUICK, Box
from .inplace import COPIED_VIEWS, in_place, is_in_place, memory, stand_in
from .inside import as_outside, decompose, enter, is_by_name, spelled
from .quick import fast, learn
from .spellings import QUERIES, Unspelled, lower, spoken


def run(tape, call, leaves, names, boxed):
    """Fill `tape` with what `call` does to the leaves that are `boxed`.

    Torch's own graph is never built: tensors are detached as they come in. What runs under the
    user's `torch.no_grad()` is recorded, and no derivative flows through it.
    """
    tape.quick = tape.lean and not tape.keep_all and _writes_are_counted(leaves)
    tape.boxes = [] if tape.keep_all else None
    with torch.enable_grad():
        given = [
            _given(tape, tape.xp.detached(leaf), name) if b else leaf
            for leaf, name, b in zip(leaves, names, boxed, strict=True)
        ]
        try:
            found, _, rebuild = trees.flatten(call(given))
            found = functions.settled_leaves(found)
        finally:
            tape.closed, tape.quick = True, False
    mine = [type(x) is Box and x.tape is tape for x in found]
    if not all(mine):
        _refuse_batches(tape, found)
    values = [x.value if m else x for x, m in zip(found, mine, strict=True)]
    nodes = [x.node if m and x.node.index is not None else None
             for x, m in zip(found, mine, strict=True)]  # fmt: skip
    return tape.finish(values, rebuild, nodes)


def _refuse_batches(tape, found):
    """A value that stands for all examples of a batch, with our box inside: nobody would see it."""
    for x in found:
        inside = None if isinstance(x, torch.Tensor) else getattr(x, "data", None)
        if type(inside) is Box and inside.tape is tape:
            raise AutodiffError(
                f"a derivative was asked for inside autobatch ({source.here()}), and on torch the "
                "tape does not see a batch's values; differentiate outside: ad.jacrev(lambda w: "
                "ml.autobatch(f)(b, w).data) has one row per example; or autobatch(..., 'loop')"
            )


def _writes_are_counted(leaves):
    """Of inference tensors PyTorch keeps no versions; the long way can do without."""
    return not torch.is_inference_mode_enabled() and not any(
        [type(x) is not Box and isinstance(x, torch.Tensor) and x.is_inference() for x in leaves]
    )


def _given(tape, leaf, name):
    if type(leaf) is not Box and getattr(leaf, "layout", torch.strided) is not torch.strided:
        raise AutodiffError(
            f"argument {name} has layout {leaf.layout}, and only dense tensors are recorded; pass "
            "its values as a tensor, or to_dense()"
        )
    node = tape.input(leaf, name)
    return Box.of(leaf, node, tape) if node.active or tape.keep_all else leaf


# ----- one call on boxed values: compute the value, add the node, box the result -----
def record(func, args, kwargs):
    """A function of PyTorch, a method, an operator or a property."""
    if not torch.is_grad_enabled() and (inside := functions.running()) is not None:
        return inside.compute(func, args, kwargs)
    y = _lowered(func, args, kwargs, lambda tape: enter(func, args, kwargs))
    if func not in QUICK:
        learn(func)
    return y


def record_inside(op, args, kwargs):
    """An operation of the dispatcher, met inside a function that has no row of its own."""
    if not torch.is_grad_enabled() and (inside := functions.running()) is not None:
        return inside.compute(op, args, kwargs)
    with torch._C._EnableTorchFunction(), as_outside():  # off, so that the function runs as it is
        rewritten = spelled(op)
        if rewritten is not None:
            return rewritten(*args, **kwargs)

        def otherwise(tape):
            return decompose(functools.partial(_unbox, tape), op, args, kwargs)

        if is_by_name(op):
            return _lowered(op, args, kwargs, otherwise)
        return otherwise(_innermost(args, kwargs))


Box.record, Box.record_inside = record, record_inside


def _lowered(func, args, kwargs, otherwise):
    tape = _innermost(args, kwargs)
    if tape is None:
        return func(*args, **kwargs)
    if type(tape) is functions.Met:
        return tape.after(func, args, kwargs)
    if tape.closed:
        raise closed_tape()
    name = spoken(func)
    if func.__name__ in ENGINE:
        raise AutodiffError(_of_the_engine(name))
    if name in QUERIES:
        return _query(tape, func, args, kwargs)
    if is_in_place(func, name, kwargs):
        return in_place(tape, func, name, args, kwargs)
    try:
        lowered = lower(func, args, kwargs)
        if lowered is not None and lowered.rewritten is not None:
            return _remember(lowered.rewritten(), func, name, args)
    except Unspelled as e:  # its row does not know these arguments: PyTorch's definition may
        return _or_else(e, otherwise, tape)
    if lowered is None:
        return otherwise(tape)
    return _apply(tape, lowered.row, lowered.xs, lowered.params, func, args, kwargs)


def _or_else(refusal, otherwise, tape):
    try:
        return otherwise(tape)
    except AutodiffError:
        raise refusal from None


def _remember(y, func, name, args):
    """Of a view `x[index]` the box remembers x: what is written here is written there."""
    if type(y) is Box and args and type(args[0]) is Box and y is not args[0]:
        if func is operator.getitem and memory(y.plain()) == memory(args[0].plain()):
            y.base = args  # but x[mask] is a copy
        elif name in COPIED_VIEWS and not hasattr(func, "__code__"):
            stand_in(y.plain(), args[0].plain())
    return y


def _apply(tape, row, xs, params, func, args, kwargs):
    if tape.closed:
        if type(tape) is functions.Met:
            return tape.after(func, args, kwargs)
        raise closed_tape()
    if tape.met is not None:
        return tape.met(row, func, args, kwargs)
    values, parents, look = [], [], tape.keep_all
    for x in xs:
        if type(x) is Box and x.tape is tape:
            values.append(x.value)
            parents.append(x.node)
        else:
            value = _unbox(tape, x)
            values.append(value)
            parents.append(tape.constant(value) if look or hasattr(x, "shape") else NUMBER)
    if row.fast and tape.lean and not look and torch.is_grad_enabled():
        node, y = fast(tape, row, parents, values, params)
        if node is not None:
            return _boxed(tape, y, node)
    if row.kind == "composite" and not look:
        return row.fn(tape.xp, *xs, **params)
    y = func(*(values if xs is args else _unbox(tape, args)), **_unbox(tape, kwargs))
    if type(y) is torch.Tensor and any([y is x for x in values]):  # x.contiguous() may be x
        return next(x for x, v in zip(xs, values, strict=True) if v is y)
    where, scope = source.locate(__file__) if look else (None, ())
    frozen = not torch.is_grad_enabled()
    if row.outputs != 1:
        nodes = tape.add_many(row, tuple(parents), values, params, y, scope, where, frozen)
        return _rebuilt(y, [_boxed(tape, v, node) for v, node in zip(y, nodes, strict=True)])
    node = tape.add(row, tuple(parents), values, params, y, scope, where, frozen)
    return _boxed(tape, y, node)


def _boxed(tape, y, node):
    """Where no derivative flows and nobody looks, the value itself goes on, at full speed."""
    if not node.active and not tape.keep_all:
        return y
    box = Box.of(y, node, tape)
    if tape.boxes is not None:
        tape.boxes.append(weakref.ref(box))
    return box


def _rebuilt(ys, boxes):
    """A tuple like the one PyTorch gave: a `torch.return_types.sort` has names."""
    return type(ys)(boxes)


# ----- what asks PyTorch's own engine, which never runs here -----
ENGINE = frozenset(
    "backward grad register_hook register_post_accumulate_grad_hook retain_grad".split()
)


def _of_the_engine(name):
    return (
        f"{name} at {source.here()} asks PyTorch's own engine about a recorded tensor, and that "
        "never runs; nest ad.grad or ad.vjp for a gradient, write ad.custom_rule for a hook"
    )


# ----- answers that are no tensors -----
def _query(tape, func, args, kwargs):
    box = next(x for x in args if type(x) is Box)
    answer = func(*_unbox(tape, args), **_unbox(tape, kwargs))
    return tape.concrete(box.node, answer) if func.__name__ in ("item", "tolist") else answer


# ----- boxes in containers -----
def _innermost(args, kwargs):
    found = None
    for x in (*args, *kwargs.values()) if kwargs else args:
        kind = type(x)
        if kind is Box:
            if found is None or x.tape.level > found.level:
                found = x.tape
        elif kind is list or kind is tuple:
            inner = _innermost(x, {})
            if inner is not None and (found is None or inner.level > found.level):
                found = inner
    return found


def _unbox(tape, x):
    kind = type(x)
    if kind is Box:
        return x.value if x.tape is tape else x
    if kind is list or kind is tuple:
        return kind([_unbox(tape, item) for item in x])
    if kind is dict:
        return {k: _unbox(tape, v) for k, v in x.items()} if x else x
    if kind is float or kind is int:
        return x
    if kind.__module__ == "numpy" and x.shape == ():  # np.log(2) is a number
        return x.item()
    return tape.xp.detached(x)
