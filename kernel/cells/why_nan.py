"""`%why_nan`: the first operation that made a NaN, with its inputs and its line.

The NaN that is seen is mostly not the one that was made: everything downstream is NaN too. On the
tape the nodes stand in the order in which they ran; the first whose output holds a NaN that none of
its inputs holds has made it. On the way back the same holds for the adjoints, last node first.
"""

import ast
import builtins
import types
from dataclasses import dataclass

from ..plots.drawing import Drawing
from ..plots.scene import Scene, width_of
from ..tape_view.names import labels
from ..values import number, numpy_of, short
from .running import names_read, parsed, refuse

MOST_INPUTS = 6
RESULT = "_why_nan_result"


@dataclass(frozen=True, repr=False)
class Why(Drawing):
    """What `%why_nan` found; displays itself, and is true if there is no NaN."""

    told: str
    parts: tuple = ()  # (what, value at the place, the whole in short)
    made: str = ""  # the operation
    line: str = ""
    title: str = "Why NaN"

    def __bool__(self):
        return not self.made

    @property
    def alt(self):
        return self.told

    said = alt

    def data(self):
        return {"kind": "why_nan", "told": self.told, "parts": [list(p) for p in self.parts]}

    def rows(self):
        return ["", "there", "the whole of it"], [list(p) for p in self.parts]

    def scene(self):
        return _scene(self)


def why_nan(ip, line, cell=None):
    source = cell if cell is not None else line.strip() or _last_cell(ip)
    tree, file = parsed(ip, source, below=int(cell is not None))
    if not tree.body:
        refuse("%why_nan has nothing to run: the cell is empty")
    tape = _given_tape(ip, tree, file)
    if tape is None:
        tape = _recorded(ip, tree, file)
    return explained(tape)


# ----- from source to a tape -----
def _last_cell(ip):
    """The cell before, up to its last expression or assignment."""
    done = [text for text in ip.user_ns.get("In", []) if text.strip()]
    own = [text for text in done if "why_nan" not in text]
    if not own:
        refuse("%why_nan takes an expression, as in %why_nan loss(x); no cell has run before")
    return own[-1]


def _given_tape(ip, tree, file):
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
        value = tree.body[0].value
        if isinstance(value, ast.Name):
            found = ip.user_ns.get(value.id)
            return found if hasattr(found, "nodes") and hasattr(found, "outputs") else None
    return None


def _recorded(ip, tree, file):
    """Run the source on a tape, whose inputs are the arrays that it reads."""
    import autodiff_lab as ad

    names = dict(ip.user_ns)
    read = sorted(names_read(tree))
    arrays = {n: names[n] for n in read if n in names and _holds(names[n])}
    tree = _returning(tree)
    if not arrays:
        unknown = [n for n in read if n not in names and not hasattr(builtins, n)]
        more = f" ({', '.join(unknown)}: not defined)" if unknown else ""
        refuse("%why_nan follows arrays of torch or jax, and the expression reads none by name"
               + more)  # fmt: skip

    def program(**given):
        names.update(given)
        exec(ip.compile(tree, file, "exec"), names)
        return names.pop(RESULT, None)

    frameworks = {_framework(x) for x in arrays.values()}
    if len(frameworks) > 1:
        refuse("%why_nan follows one framework at a time, and the expression reads arrays of both")
    try:
        return ad.record(program, **arrays)
    except ad.AutodiffError as error:  # one sentence already
        refuse(str(error))


def _returning(tree):
    """The same cell; its last value, or what its last assignment sets, goes to a name of ours."""
    *body, last = tree.body
    target = [ast.Name(RESULT, ast.Store())]
    if isinstance(last, ast.Expr):
        last = ast.copy_location(ast.Assign(target, last.value), last)
    elif isinstance(last, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        names = last.targets if isinstance(last, ast.Assign) else [last.target]
        kept = ast.parse(ast.unparse(names[0]), mode="eval").body
        body, last = [*body, last], ast.copy_location(ast.Assign(target, kept), last)
    return ast.fix_missing_locations(ast.Module([*body, last], type_ignores=[]))


def _holds(value):
    """Are there arrays in it?"""
    return not isinstance(value, (types.ModuleType, types.FunctionType, type)) and bool(
        _framework(value)
    )


def _framework(value):
    from autodiff_lab import trees, xp

    try:
        return xp.framework(trees.leaves(value))
    except Exception:  # arrays of both, or something that is no tree
        return None


# ----- from a tape to the answer -----
def explained(tape):
    """The first NaN on a tape, forward; then, if there is one number to differentiate, backward."""
    told, nodes = Reader(tape), [n for n in tape.nodes if n.value is not None]
    bad = [n for n in nodes if _has_nan(n.value)]
    if bad:
        return told.forward(bad[0], len(bad), len(nodes))
    backward = _walk_back(tape)
    adjoints = [n for n in reversed(tape.nodes) if n.adjoint is not None] if backward else []
    worst = [n for n in adjoints if _has_nan(n.adjoint)]
    if worst:
        return told.backward(worst[0], len(worst), len(adjoints))
    return told.nothing(nodes, adjoints)


def _walk_back(tape):
    """Adjoints, where they are there or can be computed."""
    if any(n.adjoint is not None for n in tape.nodes):
        return True
    outputs = [n for n in tape.outputs if n is not None and n.active]
    if len(outputs) != 1 or tuple(outputs[0].shape) != ():
        return False
    try:
        tape.backward()
    except Exception:  # a row without a derivative: then there is no adjoint to be NaN
        return False
    return True


class Reader:
    """Tells of a tape's nodes in words, by the names that the learner gave them."""

    def __init__(self, tape):
        self.nodes, self.names = tape.nodes, labels(tape)

    def name(self, node):
        if node.index is not None:
            return self.names[node.index]
        return node.name or ("the number" if tuple(node.shape) == () else "a constant")

    def call(self, node):
        inputs = [short(p.value) if p.index is None else self.name(p) for p in node.parents]
        return f"{self.name(node)} = {node.op}({', '.join(inputs)})" if inputs else self.name(node)

    def readers(self, node):
        return [n for n in self.nodes if node in n.parents and n.adjoint is not None]

    def forward(self, node, count, total):
        if not node.parents:
            parts = [(self.name(node), "nan", short(node.value))]
            told = f"The input {self.name(node)} holds NaN when it comes in"
            return _why(told, node, parts, count, total, "values")
        place = _first_nan(node.value)
        inputs = [self._part(p, place, node) for p in node.parents[:MOST_INPUTS]]
        there = ", ".join(f"{name} is {entry}" for name, entry, _ in inputs if entry)
        told = f"The first NaN is made by {self.call(node)}"
        told += f": at {list(place)} {there}" if place and there else f": {there}" if there else ""
        infinite = next((n for n in self.nodes if _is_infinite(n.value)), None)
        if infinite is not None and any(_is_infinite(p.value) for p in node.parents):
            told += f"; the first infinity is made by {self.call(infinite)}"
        parts = [*inputs, (self.name(node), "nan", short(node.value))]
        return _why(told, node, parts, count, total, "values")

    def backward(self, node, count, total):
        """The adjoint of a node is summed by its readers: the NaN comes from one of them."""
        reader = next(reversed(self.readers(node)), node)
        place, name = _first_nan(node.adjoint), self.name(node)
        incoming = _at(reader.adjoint, place, node)
        told = (
            f"No value is NaN, but the adjoint of {name} is: the first is made by the derivative "
            f"of {self.call(reader)}, where {name} is {_at(node.value, place, node)}"
        )
        told += f" and the adjoint that comes in is {incoming}" if incoming else ""
        infinite = next((n for n in reversed(self.nodes) if _is_infinite(n.adjoint)), None)
        if _is_infinite(reader.adjoint) and (makers := self.readers(infinite)):
            told += f"; the first infinite one is made by {self.call(makers[-1])}"
        parts = [(f"adjoint of {self.name(reader)}", incoming, short(reader.adjoint)),
                 *(self._part(p, place, node) for p in reader.parents),
                 (f"adjoint of {name}", "nan", short(node.adjoint))]  # fmt: skip
        return _why(told, reader, parts, count, total, "adjoints")

    def _part(self, node, place, where):
        whole = "" if node.value is None else short(node.value)
        return self.name(node), _at(node.value, place, where), whole

    def nothing(self, nodes, adjoints):
        more = f" and {len(adjoints)} adjoints" if adjoints else ""
        told = f"No NaN: {len(nodes)} values{more} looked at"
        bad = next((n for n in nodes if _is_infinite(n.value)), None)
        if bad is None:
            return Why(f"{told}, all finite.")
        line = f", line {bad.line}: {bad.code}" if bad.line else ""
        return Why(f"{told}; but {self.call(bad)} is infinite{line}, "
                   "and infinities soon make NaN.")  # fmt: skip


def _why(told, node, parts, count, total, what):
    line = f"line {node.line}: {node.code}" if node.line else ""
    told += f"; {line}" if line else ""
    return Why(f"{told}. {count} of {total} {what} hold NaN.", tuple(parts), node.op, line)


def _is_infinite(value):
    import numpy as np

    array = None if value is None else numpy_of(value)
    return array is not None and array.dtype.kind in "fc" and bool(np.isinf(array).any())


def _has_nan(value):
    import numpy as np

    array = numpy_of(value)
    return array is not None and array.dtype.kind in "fc" and bool(np.isnan(array).any())


def _first_nan(value):
    import numpy as np

    return tuple(int(i) for i in np.argwhere(np.isnan(numpy_of(value)))[0])


def _at(value, place, node):
    """The entry of an input that lies where the NaN is, if the shapes tell."""
    array = numpy_of(value)
    if array is None or array.dtype.kind not in "biufc":
        return ""
    if array.shape == tuple(node.shape):
        return number(array[place].item())
    if array.size == 1:
        return number(array.reshape(-1)[0].item())
    try:
        import numpy as np

        return number(np.broadcast_to(array, tuple(node.shape))[place].item())
    except ValueError:  # another shape: the whole has to tell
        return ""


# ----- the picture: what went in, and the operation that made it -----
def _scene(why):
    if not why.parts:
        drawn = Scene(150, 36)
        drawn.text(10, 23, "no NaN", "c2", style="font-weight:700")
        return drawn
    *inputs, out = why.parts
    wide = 26 + max(width_of(f"{name} = {there}") for name, there, _ in why.parts)
    height = 20 + max(1, len(inputs)) * 32
    code = why.line and f"line {why.line.removeprefix('line ')}"
    width = max(2 * wide + 190, width_of(code) + 20)
    drawn, middle = Scene(width, height + 26), height / 2
    for k, (name, there, whole) in enumerate(inputs):
        y = 12 + k * 32
        drawn.rect(10, y, wide, 24, "value", k, stroke="#767676", rx=4)
        drawn.text(18, y + 16, f"{name} = {there or whole}")
        drawn.line([(10 + wide, y + 12), (wide + 70, middle)], "faint", 1.5)
    drawn.text(wide + 120, middle - 8, why.made, "ink", "middle", style="font-weight:700")
    drawn.line([(wide + 70, middle), (wide + 168, middle)], "bad", 2)
    drawn.rect(wide + 170, middle - 12, wide, 24, "card", len(inputs), rx=4)
    drawn.frame(wide + 170, middle - 12, wide, 24, "bad", rx=4, **{"stroke-width": 2})
    drawn.text(wide + 178, middle + 4, f"{out[0]} = {out[1]}", "bad")
    drawn.text(10, height + 16, code, "faint")
    return drawn
