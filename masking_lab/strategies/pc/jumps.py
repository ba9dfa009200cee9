"""A block: a straight piece of code, and the jump at its end."""

import ast
from typing import Any, NamedTuple


class Go(NamedTuple):
    to: Any


class Branch(NamedTuple):
    test: ast.expr
    yes: Any
    no: Any


class Call(NamedTuple):
    f: ast.expr
    args: ast.expr
    kwargs: ast.expr
    target: str
    to: Any
    loans: dict | None


class Return(NamedTuple):
    value: ast.expr


class Block:
    """`body` runs, then `jump` tells where to go. The machine adds what it knows (`graph`)."""

    number = run = None

    def __init__(self):
        self.body, self.jump, self.line, self.text = [], None, None, ""

    @property
    def asked(self):
        """The expressions that the jump asks for."""
        return [x for x in self.jump if isinstance(x, ast.expr)]


def skipped(block):
    """The block, or the one behind it if nothing happens in it."""
    seen = set()
    while not block.body and type(block.jump) is Go and block not in seen:
        seen.add(block)
        block = block.jump.to
    return block
