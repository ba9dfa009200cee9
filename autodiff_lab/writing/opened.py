"""The operations of a tape one by one, composite ones opened, with the learner's names for them."""

import ast
import functools
import keyword

from ..tape import Tape
from ..trace import trace


class Step:
    """One line of the value: an operation, what goes in, and the names of what comes out."""

    def __init__(self, node, row, xs, params, nodes, where, code):
        self.node, self.row, self.xs, self.params, self.nodes = node, row, xs, params, nodes
        self.where, self.code = where, code


def steps_of(tape, where=None, code=None):
    """The operations of a tape, composite ones opened."""
    for node in tape.nodes:
        if node.row is None or (node.group is not None and node.part != 0):
            continue
        place, line = where or node.where, code or node.code
        if node.row.kind == "composite":
            yield from _opened(tape, node, place, line)
        else:
            nodes = node.group or [node]
            row, params = node.row.means or (node.row, node.params)
            yield Step(node, row, node.parents, params, nodes, place, line)


def _opened(tape, node, where, code):
    """The steps of a composite row's body, which reads the node's parents and ends in the node."""
    arrays = [p for p in node.parents if hasattr(p.value, "shape")]
    given = [p.value for p in node.parents]

    def body(*some):
        some = iter(some)
        xs = [next(some) if hasattr(v, "shape") else v for v in given]
        return node.row.fn(tape.xp, *xs, **node.params)

    inner = trace(lambda xp: Tape(xp, keep_all=True), body, [p.value for p in arrays])
    same = dict(zip(inner.inputs, arrays, strict=True))
    same.update(zip(inner.outputs, node.group or [node], strict=True))
    for step in steps_of(inner, where, code):
        step.xs = [same.get(p, p) for p in step.xs]
        step.nodes = [same.get(n, n) for n in step.nodes]
        step.node = step.nodes[0]
        yield step


# ----- the learner's own names -----
def hints(steps, tape):
    """For each step the variable that its line assigns, if it is the last of its line."""
    found = []
    for i, step in enumerate(steps):
        last = i + 1 == len(steps) or steps[i + 1].where != step.where
        out = step.nodes[0] in tape.outputs
        found.append((target(step.code) if last else None) or ("out" if out else None))
    return found


@functools.lru_cache(4096)
def target(code):
    """The name that a line of source assigns, or None."""
    try:
        (statement,) = ast.parse(code).body
    except (SyntaxError, ValueError):
        return None
    goal = statement.targets[0] if isinstance(statement, ast.Assign) else None
    goal = statement.target if isinstance(statement, (ast.AugAssign, ast.AnnAssign)) else goal
    name = goal.id if isinstance(goal, ast.Name) else None
    return None if name is None or keyword.iskeyword(name) else name
