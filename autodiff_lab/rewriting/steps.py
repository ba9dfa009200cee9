"""The small language between a function's text and its two sweeps.

A `Step` assigns one name. A `Branch` and a `Loop` hold blocks, which are lists of these three.
`adds` is a step's adjoint: the cotangent that each of its operands gets.
"""

from dataclasses import dataclass, field

from ..writing.lines import words_in


@dataclass
class Place:
    """What a cotangent belongs to: a variable, or one of its entries."""

    name: str
    index: str | None = None

    @property
    def text(self):
        return self.name if self.index is None else f"{self.name}[{self.index}]"


@dataclass
class Add:
    """One operand's share: `text` is the cotangent; `alias` if it may be the same memory."""

    place: Place
    text: str
    alias: bool = False


@dataclass
class Step:
    """`target = text`, or only `text`. `also` is a name assigned beside it: a pullback."""

    target: str | None
    text: str
    adds: list = field(default_factory=list)
    together: str | None = None  # one call that gives all the shares at once
    also: str | None = None
    reads_result: bool = False  # the adjoint reads the target's new value
    again: bool = False  # only reads an entry: done again on the way back instead of kept

    @property
    def line(self):
        if self.target is None:
            return self.text
        left = self.target if self.also is None else f"{self.target}, {self.also}"
        return f"{left} = {self.text}"

    def assigned(self):
        return [*(self.target.split(", ") if self.target else ()), *([self.also] * bool(self.also))]


@dataclass
class Branch:
    test: str
    body: list
    orelse: list


@dataclass
class Loop:
    """`head` is the forward line; `back` what the reverse sweep loops over; `trips` a counter."""

    head: str
    back: str
    targets: list
    body: list
    trips: str | None = None


def steps_in(block):
    """Every step below a block, in order."""
    for item in block:
        if isinstance(item, Step):
            yield item
        elif isinstance(item, Branch):
            yield from steps_in(item.body)
            yield from steps_in(item.orelse)
        else:
            yield from steps_in(item.body)


def contributed(block):
    """The names whose cotangents a block adds to."""
    return {add.place.name for step in steps_in(block) for add in step.adds}


def assigned(block):
    return {name for step in steps_in(block) for name in step.assigned()}


__all__ = [
    "Add",
    "Branch",
    "Loop",
    "Place",
    "Step",
    "assigned",
    "contributed",
    "steps_in",
    "words_in",
]
