"""The places of masking_lab where something protects an example, and how each is knocked out."""

import ast
import copy
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
SELECTS = ("where", "select")  # of a test and two values
PASSING = {  # calls that change what is dead: knocked out, the arguments of these numbers remain
    "refill": [1], "row": [0], "stop_gradient": [0], "led": [0], "leads": [0], "clip": [0],
    "_both": [0, 1], "or_nan": [0], "settled": [1], "going_on": [2],
}  # fmt: skip
METHODS = {"clip": 2, "certain": 0}  # of the array itself, up to as many arguments; it remains
CHECKS = ("check", "check_all", "refuse_shared", "_refuse_moves")
COUNTS = r"^len\(|\.ndim|\brank\b|\.shape\[[^]]*\]$|\bMANY\b"  # words of a comparison of counts
SCOPES = (ast.FunctionDef, ast.ClassDef, ast.Lambda)


class Mutant(NamedTuple):
    """`change` tells it in words, `number` is the place's among those that `places` gives.

    `place` names it in a way that stays when other parts of the file move.
    """

    file: str
    scope: str
    line: int
    change: str
    number: int
    new: str
    place: str

    def __str__(self):
        return f"{self.file}:{self.line}  {self.change}"

    @property
    def key(self):
        """The same after other parts of the file have moved."""
        return f"{self.file}  {self.scope}  {self.change}"


def files(root=ROOT):
    """Where masks are made and used: not the passes over a function's text, nor what measures."""
    folder = root / "masking_lab"
    left_out = {"errors.py", "autobatch.py", "loop.py", "padding_waste.py", "profiling.py",
                "canonical.py", "liveness.py", "rewrite.py",
                "sharing.py", "pointing.py", "objects.py", "meeting.py"}  # fmt: skip
    said = {folder / "rules/__init__.py"}  # no other package has code of its own
    return [
        p
        for p in sorted(folder.rglob("*.py"))
        if p in said or p.name not in {"__init__.py", *left_out}
        if p.parent.name not in ("models", "leaderboard")
    ]


def places(tree):
    """Each expression that can be knocked out, with the function around it and what it becomes.

    What is outside of functions makes tables, not masks.
    """
    asked = {
        id(n)
        for c in ast.walk(tree)
        if isinstance(c, ast.Compare)
        for n in ast.walk(c)
        if isinstance(n, ast.Attribute)
    }
    asked |= {id(c.args[0]) for c in ast.walk(tree) if _is_clamp(c)}
    for scope, node in _scoped(tree, ""):
        if isinstance(node, (ast.Attribute, ast.Compare)) and id(node) in asked:
            continue  # `row.identity is None` is a question
        if scope and (ways := list(knocked_out(node))):
            yield scope, node, ways


def _is_clamp(node):
    """`where(a > b, b, a)`: one off, it chooses between two that are equal."""
    if not isinstance(node, ast.Call) or len(node.args) != 3:
        return False
    test, *values = node.args
    return isinstance(test, ast.Compare) and ast.unparse(test.comparators[0]) in map(
        ast.unparse, values
    )


def _scoped(node, scope):
    for child in ast.iter_child_nodes(node):
        name = getattr(child, "name", "lambda")
        inner = f"{scope}.{name}".lstrip(".") if isinstance(child, SCOPES) else scope
        yield inner, child
        yield from _scoped(child, inner)


def mutants(path, root=ROOT):
    """All mutants of one file."""
    file, serial = str(path.relative_to(root)), Counter()
    for number, (scope, node, ways) in enumerate(places(ast.parse(path.read_text()))):
        for new in ways:
            change = f"{ast.unparse(node)}  ->  {new}"
            serial[scope, change] += 1
            again = f"  ({serial[scope, change]})" if serial[scope, change] > 1 else ""
            place = f"{file}  {scope}  {ast.unparse(node)}"
            yield Mutant(file, scope, node.lineno, change + again, number, new, place)


def knocked_out(node):
    """What an expression becomes, in each way to knock it out."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        sides = node.left, node.right
        if not any(isinstance(x, (ast.Dict, ast.Constant)) for x in sides):  # dicts, annotations
            yield from map(ast.unparse, sides)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield ast.unparse(node.operand)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Lt, ast.Gt)):
        yield from _off_by_one(node)
    elif isinstance(node, ast.Attribute) and node.attr in ("identity", "safe"):
        if isinstance(node.ctx, ast.Load) and ast.unparse(node.value) == "row":
            yield "0.123" if node.attr == "identity" else "float('nan')"
    elif isinstance(node, ast.Call):
        yield from _call(node)


def _off_by_one(node):
    """Of entries, lengths and places; how many dims or arguments there are masks nothing."""
    if any(re.search(COUNTS, ast.unparse(x)) for x in (node.left, *node.comparators)):
        return
    wider = {ast.Lt: "<=", ast.Gt: ">="}[type(node.ops[0])]
    rest = zip(node.ops[1:], node.comparators[1:], strict=True)
    signs = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
    tail = "".join(f" {signs.get(type(op), '==')} {ast.unparse(x)}" for op, x in rest)
    yield f"{ast.unparse(node.left)} {wider} {ast.unparse(node.comparators[0])}{tail}"


def _call(node):
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    args = [ast.unparse(a) for a in node.args]
    if name in SELECTS and len(args) == 3:
        yield from args[1:]
    elif name in CHECKS:
        yield "None"
    elif len(args) <= METHODS.get(name, -1):
        yield ast.unparse(node.func.value)
    else:
        yield from (args[i] for i in PASSING.get(name, ()) if len(args) > i)


def replaced(tree, mutant):
    """A copy of the tree with the mutant in it.

    What was there stays, where it never runs: so the function reads the same names, and can be put
    in the place of the other.
    """
    tree = copy.deepcopy(tree)
    node = next(n for i, (_, n, _) in enumerate(places(tree)) if i == mutant.number)
    new = ast.parse(mutant.new, mode="eval").body
    for part in ast.walk(new):
        ast.copy_location(part, node)
    put = ast.IfExp(test=ast.Constant(True), body=new, orelse=node)
    return ast.fix_missing_locations(_Put(node, put).visit(tree))


class _Put(ast.NodeTransformer):
    def __init__(self, node, new):
        self.node = node
        self.new = ast.copy_location(new, node)

    def visit(self, node):
        return self.new if node is self.node else self.generic_visit(node)
