"""Mixed mode: whole Jacobians by vertex elimination on the tape.

The tape gives the graph of local Jacobians (`graph`). Where they have entries tells how many
multiplications each order of elimination takes (`orders`); the chosen order is then carried out on
the numbers.
"""

from typing import NamedTuple

from ..errors import AutodiffError
from ..linearize import LinearTape
from ..trace import as_argnums, trace
from . import orders
from .blocks import Unfit, dense
from .complex_numbers import differentiable
from .graph import build, refuse_complex, with_values
from .walks import _flows

MODES = ("forward", "reverse", "mixed")
MANY = 400  # vertices: beyond that no order but forward and reverse is tried


class Elimination(NamedTuple):
    """The orders in which the tape's vertices can be eliminated, and what each costs.

    `cost` and `order` have an entry for each of MODES; an order lists places on `tape`.
    """

    cost: dict
    order: dict
    tape: object

    @property
    def best(self):
        """The mode with the fewest multiplications; of equals the first."""
        return min(MODES, key=lambda mode: self.cost[mode])

    def __repr__(self):
        width = max(15, *(len(f"{c:,}") for c in self.cost.values()))
        lines = [f"{mode:9}{self.cost[mode]:>{width},}   {self._ops(mode)}" for mode in MODES]
        return "\n".join([f"{'order':9}{'multiplications':>{width}}   first to last", *lines])

    def _ops(self, mode):
        nodes = [self.tape.nodes[v] for v in self.order[mode]]
        names = ", ".join(f"%{node.index} {node.op}" for node in nodes[:6])
        return names + (f", and {len(nodes) - 6} more" if len(nodes) > 6 else "")


def elimination(f, *args, argnums=0, every=False):
    """How many multiplications the Jacobian of `f` at `args` takes, by the order of elimination.

    The tape's nodes are eliminated one after the other: forward, in reverse, or in the cheapest
    order that is found. Nobody multiplies by an entry that is always 0, 1 or -1, so those are not
    counted; with `every=True` the ones are, as the textbooks do.

    >>> import torch
    >>> def hourglass(x):
    ...     wide = torch.ones(9, 9)
    ...     return wide @ (wide[:, :1] @ torch.sin(wide[:1] @ (wide @ x)))
    >>> elimination(hourglass, torch.ones(9)).cost
    {'forward': 900, 'reverse': 900, 'mixed': 252}
    """
    chosen = as_argnums(f, args, argnums)
    tape = linear_tape(f, args, {}, chosen)
    return counted(f, tape, differentiable(f, tape, tape.output), every)


def counted(f, tape, ys, every=False):
    """What each order costs on this tape."""
    try:
        graph, _ = build(tape, ends_of(tape, ys))
        refuse_complex(tape, graph)
        return planned(tape, graph, every)
    except Unfit as e:
        raise unfit(f, e) from None


def linear_tape(f, args, kwargs, chosen):
    """The tape of one run; on JAX with the trips of its loops, if they are known."""
    return trace(
        lambda verbs: LinearTape(verbs, keep_all=verbs.name == "jax"), f, args, kwargs, chosen
    )


def ends_of(tape, ys):
    """The nodes of the outputs `ys`; None where no derivative arrives."""
    pairs = zip(ys, tape.outputs, strict=False)  # an aux comes after them
    return [node if node is not None and _flows(tape, y) else None for y, node in pairs]


def planned(tape, graph, every=False):
    found = {"forward": orders.forward(graph, every), "reverse": orders.reverse(graph, every)}
    few = len(graph.interior) <= MANY
    found["mixed"] = orders.mixed(graph, found, every) if few else min(found.values())
    cost, order = ({mode: pair[k] for mode, pair in found.items()} for k in (0, 1))
    return Elimination(cost, order, tape)


def eliminated(tape, ys, mode, known):
    """For each output the Jacobian's blocks, one per input; None where no derivative flows.

    `known` remembers the order for tapes that look the same: any order is right for any of them.
    """
    ends = ends_of(tape, ys)
    graph, sources = build(tape, ends)
    refuse_complex(tape, graph)
    order = _order(tape, graph, mode, known)
    graph = with_values(graph, sources, tape, ends)
    for v in order:
        graph.eliminate(v)
    pairs = zip(ys, graph.outputs, strict=True)
    return [_rows(tape, graph, y, v) if _flows(tape, y) else None for y, v in pairs]


def _order(tape, graph, mode, known):
    if mode in ("forward", "reverse"):
        return graph.interior[:: 1 if mode == "forward" else -1]
    looks = tuple(
        (node.op, tuple(node.shape), *[p.index for p in node.parents]) for node in tape.nodes
    )
    key = mode, looks
    if key not in known:
        plan = planned(tape, graph)
        known[key] = plan.order[plan.best if mode == "auto" else mode]
    return known[key]


def _rows(tape, graph, y, v):
    edges, like = graph.into.get(v, {}), tape.leaves[0]
    return [
        dense(tape.xp, edges.get(x.index), (*y.shape, *x.shape), y.dtype, like) for x in tape.inputs
    ]


def unfit(f, e):
    return AutodiffError(
        f"the local Jacobians of {getattr(f, '__name__', 'the function')} cannot be multiplied: "
        f"{e}; use mode='auto', 'forward' or 'reverse', which walk the tape instead"
    )
