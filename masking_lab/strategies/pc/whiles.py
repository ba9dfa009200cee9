"""The trips of `while` loops, told by the way that an example takes from block to block."""

from typing import Any, NamedTuple


class While(NamedTuple):
    """A loop that may have no end: the blocks at which it and a trip of it begin, those of its test
    (none of `while True`), those of its body."""

    place: str
    head: Any
    first: Any
    tests: set
    body: set


def trips(loops, source, target):
    """`(loop, does it begin anew, does a trip begin)` for one way from block to block.

    `loops` has the inner ones first; who goes back to a head that two share stays in the inner one.
    """
    for loop in loops:
        inside = source in loop.tests or source in loop.body
        begins = target is loop.first and source in loop.tests
        if begins or (target is loop.head and not (inside and loop.tests)):
            yield loop, not inside, begins or not loop.tests
        if inside and target is loop.head:
            return
