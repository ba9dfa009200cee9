"""Straight lines of text: fresh names, shared subexpressions, comments, and no dead lines."""

import keyword
import re
from collections import Counter

from .expr import Expr

WIDTH = 100
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def words_in(text):
    """The variables that a piece of Python reads (and some words that are none)."""
    return set(_WORD.findall(text))


class Names:
    """Identifiers that nobody has yet."""

    def __init__(self, taken=()):
        self.taken = {*taken, *keyword.kwlist}

    def new(self, wanted):
        name, n = wanted, 1
        while name in self.taken:
            n += 1
            name = f"{wanted}{n}" if not wanted[-1].isdigit() else f"{wanted}_{n}"
        self.taken.add(name)
        return name


class Line:
    """`name = expression`, or `name += expression`, and what it says about it."""

    where = None  # the `(file, line)` of the user's that it comes from

    def __init__(self, name, value, comment="", adds=False):
        self.name, self.value, self.comment, self.adds = name, value, comment, adds

    @property
    def text(self):
        value = self.value.text() if isinstance(self.value, Expr) else str(self.value)
        return f"{self.name} {'+=' if self.adds else '='} {value}"

    def reads(self):
        return names_in(self.value) | ({self.name} if self.adds else set())


def names_in(x):
    """The variables that an expression reads."""
    if not isinstance(x, Expr):
        return set()
    if x.alias or x.is_name:
        return words_in(x.alias or x.pieces[0])
    return set().union(*(names_in(part) for part in x.parts()))


def shared(roots):
    """The subexpressions that occur more than once below the roots, innermost first."""
    count, order = Counter(), []

    def visit(x):
        count[id(x)] += 1
        if count[id(x)] == 1:
            for part in x.parts():
                visit(part)
            order.append(x)

    for root in roots:
        if isinstance(root, Expr):
            visit(root)
    return [x for x in order if count[id(x)] > 1 and not x.is_name and not x.alias]


def alive(lines, wanted):
    """The lines that `wanted` names depend on."""
    wanted, kept = set(wanted), []
    for line in reversed(lines):
        if line.name in wanted:
            wanted |= line.reads()
            kept.append(line)
    return kept[::-1]


def printed(lines, indent="    "):
    """The lines under each other, their comments in one column."""
    texts = [indent + line.text for line in lines]
    short = [len(t) for t, line in zip(texts, lines, strict=True) if line.comment and len(t) < 60]
    column = max(short, default=0) + 2
    found = []
    for text, line in zip(texts, lines, strict=True):
        comment = f"{text:{column}}# {line.comment}" if line.comment else text
        found.append(comment if len(comment) <= WIDTH else comment[: WIDTH - 3] + "...")
        if len(text) > WIDTH - 10 or (len(comment) > WIDTH and len(text) > 80):
            found[-1] = text
    return found
