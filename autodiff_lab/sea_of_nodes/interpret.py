"""Run a sea as it is, without a schedule: control walks, data is asked for.

One node of control is "now". At a region all phis take their new values at once, by the edge on
which control came, and everything that was computed from the old ones is forgotten. Any other node
is computed when somebody asks for its value, and remembered. The values are whatever comes in:
torch tensors, JAX arrays, Python numbers, boxes of a tape.
"""

import inspect

from ..errors import AutodiffError


def run(sea, args, walked=None):
    """`walked` is filled with what control came to, for `follow`."""
    values, came, here = dict(zip(sea.parameters, args, strict=True)), None, sea.start
    plan = sea.plan
    while True:
        if here in plan.phis:
            _enter(plan, here, came, values)
        if walked is not None:
            walked.append((here, dict(values)))
        came, here = here, plan.next[here]
        if here.kind == "if":
            test = value_of(here.data[0], values, plan)
            here = plan.branches[here][0 if _decided(sea, here, test) else 1]
        elif here.kind == "return":
            return value_of(here.data[0], values, plan)


def _decided(sea, node, test):
    try:
        return bool(test)
    except Exception as e:
        if "Tracer" not in type(e).__name__ and "Tracer" not in str(e):
            raise
        raise sea.refusal(node, "this branch depends on a value that jax.jit has not computed yet; "
                          "call the sea outside jit, or lift it with lax.cond") from e  # fmt: skip


def _enter(plan, region, came, values):
    way = plan.ways[region][came]
    new = [(phi, value_of(phi.data[way], values, plan)) for phi in plan.phis[region]]
    for node in plan.forget[region]:
        values.pop(node, None)
    values.update(new)


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
    """`x += 1` makes a new number or JAX array, but writes into a tensor or a list."""
    if type(value) is list or (hasattr(value, "shape") and hasattr(value, "add_")):
        raise refusal
