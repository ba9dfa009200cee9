"""Run a sea as it is, without a schedule: control walks, data is asked for.

One node of control is "now". At a region all phis take their new values at once, by the edge on
which control came, and everything that was computed from the old ones is forgotten. Any other node
is computed when somebody asks for its value, and remembered. The values are whatever comes in:
torch tensors, JAX arrays, Python numbers, boxes of a tape.
"""

import inspect

from ..errors import AutodiffError
from .verbs import is_traced, is_written_by_adding


def run(sea, args, walked=None):
    """`walked` is filled with what control came to, for `follow`."""
    values = dict(zip(sea.parameters, args, strict=True))
    return walk(sea, values, sea.start, walked=walked)


def walk(sea, values, here, until=None, walked=None):
    """Go on from a block: to the value that is returned, or to the new phis of a region `until`."""
    came, plan = None, sea.plan
    while True:
        if came is not None and here in plan.phis:
            new = _arriving(plan, here, came, values)
            if here is until:
                return new
            take(plan, here, new, values)
        if walked is not None:
            walked.append((here, dict(values)))
        if until is not None and not stays(sea.schedule, here, until):
            raise sea.refusal(here, TRACED_EXIT)
        came, here = here, plan.next[here]
        if here.kind == "if":
            test = value_of(here.data[0], values, plan)
            if is_traced(test):
                from . import traced

                answer, here = traced.decide(sea, here, test, values, until)
                if here is None:
                    return answer
                came = None  # the phis there have their values
            else:
                here = plan.branches[here][0 if test else 1]
        elif here.kind == "return":
            return value_of(here.data[0], values, plan)


def stays(schedule, block, until):
    """Is a walk to the region `until` still on its way there?"""
    if until.kind == "loop":
        return block in schedule.loops[until]
    return schedule.dominates(schedule.dominator[until], block) and (
        schedule.ends.get(block) is None or schedule.ends[block].kind != "return"
    )


TRACED_EXIT = (
    "this way out depends on a value that jax.jit has not computed yet, and leaves a loop or a "
    "branch in the middle; let the branches meet, or call the sea outside jit"
)


def _arriving(plan, region, came, values):
    """The values that the phis of a region get, all from the old ones."""
    way = plan.ways[region][came]
    return [value_of(phi.data[way], values, plan) for phi in plan.phis[region]]


def take(plan, region, new, values):
    """The phis take their values, and what rested on the old ones is forgotten."""
    for node in plan.forget[region]:
        values.pop(node, None)
    values.update(zip(plan.phis[region], new, strict=True))


def value_of(node, values, plan):
    """The value of a data node; what it needs first is computed first, without recursion."""
    todo = [node]
    while todo:
        top = todo[-1]
        if top in values:
            todo.pop()
            continue
        waits = [x for x in top.data if x not in values]
        if waits:
            todo += waits[::-1]
        else:
            values[top] = compute(top, [values[x] for x in top.data])
    return values[node]


def compute(node, xs):
    if node.kind in ("op", "call"):
        return node.op.fn(*xs)
    if node.kind == "const":
        return node.value
    if node.kind == "undefined":
        return None
    raise AutodiffError(f"{node!r} is asked for its value before control came to it")


class Plan:
    """What the walk looks up: made once for a sea."""

    def __init__(self, nodes):
        self.next, self.branches, self.phis, self.ways, self.forget = {}, {}, {}, {}, {}
        for node in nodes:
            if node.kind in ("if", "return"):
                self.next[node.block] = node
            elif node.kind in ("region", "loop"):
                self.next.update(dict.fromkeys(node.control, node))
                self.ways[node] = {c: i for i, c in enumerate(node.control)}
                self.phis[node] = [u for u in node.users if u.kind == "phi"]
                self.forget[node] = _behind(self.phis[node])
            if node.kind == "if":
                both = {u.kind: u for u in node.users}
                self.branches[node] = both["true"], both["false"]


def _behind(phis):
    """Everything whose value rests on these phis, but for other phis: those change when entered."""
    found, todo = set(), list(phis)
    while todo:
        for user in todo.pop().users:
            if not user.is_control and user.kind != "phi" and user not in found:
                found.add(user)
                todo.append(user)
    return found


def bind(sea, args, kwargs):
    """The values of the parameters by name, in order; defaults are the function's own."""
    signature = inspect.signature(sea.original)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def check_not_written(value, refusal):
    if is_written_by_adding(value):
        raise refusal
