"""The places of masking_lab where something protects an example, and how each is knocked out."""

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
SELECTS = ("where", "select")  # of a test and two values
PASSING = {  # calls that change what is dead: knocked out, the argument of this number remains
    "refill": 1, "_sanitise": 2, "row": 0, "stop_gradient": 0, "led": 0, "leads": 0, "clip": 0,
    "_both": 0, "or_nan": 0, "_cast": 1, "_demoted": 1, "certain": None, "going_on": 2,
}  # fmt: skip
CHECKS = ("check", "check_all", "refuse_shared", "_refuse_moves", "settled")


class Mutant(NamedTuple):
    """`source` is what the file would be; `change` tells it in words."""

    file: str
    line: int
    change: str
    source: str

    def __str__(self):
        return f"{self.file}:{self.line}  {self.change}"


def files(root=ROOT):
    """Where masks are made and used: not the passes over a function's text."""
    folder = root / "masking_lab"
    left_out = {"errors.py", "autobatch.py", "loop.py",
                "canonical.py", "liveness.py", "rewrite.py",
                "sharing.py", "pointing.py", "objects.py", "meeting.py"}  # fmt: skip
    said = {folder / "rules/__init__.py"}  # no other package has code of its own
    return [
        p
        for p in sorted(folder.rglob("*.py"))
        if p in said or p.name not in {"__init__.py", *left_out}
    ]


def mutants(path, root=ROOT):
    """All mutants of one file."""
    text = path.read_text()
    name = str(path.relative_to(root))
    tree = ast.parse(text)
    asked = {id(n) for c in ast.walk(tree) if isinstance(c, ast.Compare) for n in ast.walk(c)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) in asked:
            continue  # `row.identity is None` is a question
        for new in knocked_out(node):
            change = f"{ast.unparse(node)}  ->  {new}"
            yield Mutant(name, node.lineno, change, replaced(text, node, new))


def knocked_out(node):
    """What an expression becomes, in each way to knock it out."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield from (ast.unparse(node.left), ast.unparse(node.right))
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
    wider = {ast.Lt: "<=", ast.Gt: ">="}[type(node.ops[0])]
    yield f"{ast.unparse(node.left)} {wider} {ast.unparse(node.comparators[0])}"


def _call(node):
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    args = [ast.unparse(a) for a in node.args]
    if name in SELECTS and len(args) == 3:
        yield from args[1:]
    elif name in CHECKS:
        yield "None" if name != "settled" else ast.unparse(node.func.value)
    elif name in PASSING and PASSING[name] is None:
        yield ast.unparse(node.func.value)
    elif name in PASSING and len(args) > PASSING[name]:
        yield args[PASSING[name]]


def replaced(text, node, new):
    """The text with the node's own characters replaced."""
    lines = text.splitlines(keepends=True)
    start = _place(lines, node.lineno, node.col_offset)
    end = _place(lines, node.end_lineno, node.end_col_offset)
    return f"{text[:start]}({new}){text[end:]}"


def _place(lines, line, column):
    before = lines[line - 1].encode()[:column].decode()
    return sum(map(len, lines[: line - 1])) + len(before)
