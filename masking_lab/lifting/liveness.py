"""Which names does a branch or a loop have to hand on?

After `canonical` a function has no exits from the middle, so both questions are one pass each:

    live       backwards: which names will still be read (Kennedy 1971; Appel, ch. 10)
    assigned   forwards: which names certainly have a value

A name that a branch writes and nobody reads afterwards stays inside the branch.
"""

import ast

from autodiff_lab.reading import names


def blocks(s):
    """The blocks of a branch, a loop or a `with`; what a `def` holds runs later."""
    if isinstance(s, ast.FunctionDef):
        return []
    return [part for part in (getattr(s, "body", []), getattr(s, "orelse", [])) if part]


def statements(block):
    """All statements, but for those of functions inside."""
    for s in block:
        yield s
        for part in blocks(s):
            yield from statements(part)


def live(block, after):
    """The names read in the block or after it, before they are written.

    Sets `s.after` of each statement, of those with blocks `s.into`, what the blocks read, and of
    loops `s.head`, what one trip may read of the one before.
    """
    for s in reversed(block):
        s.after = set(after)
        after = _live_before(s, set(after))
    return after


def _live_before(s, after):
    if isinstance(s, ast.If):
        s.into = live(s.body, after) | live(s.orelse, after)
        return s.into | set(names.used(s.test))
    if isinstance(s, (ast.For, ast.While)):
        return _live_in_loop(s, after)
    if isinstance(s, ast.With):
        before = live(s.body, after)
        return before - set(names.bound(*s.items)) | set(names.used(*s.items))
    return (after - set(names.bound(s))) | set(names.used(s))


def _live_in_loop(s, after):
    """What one trip hands to the next is found by going round until nothing is added."""
    own = set(names.bound(s.target)) if isinstance(s, ast.For) else set()
    asked = set(names.used(s.test)) if isinstance(s, ast.While) else set()
    s.head = after | asked | set(s.stops)
    while True:
        s.into = asked | (live(s.body, s.head) - own)
        if s.into <= s.head:
            break
        s.head |= s.into
    return s.head | (set(names.used(s.iter)) if isinstance(s, ast.For) else set())


def assigned(block, known, doubtful):
    """The names with a value after the block; adds to `doubtful` those handed on without one."""
    known = set(known)
    for s in block:
        if isinstance(s, ast.If):
            _doubt(s, known, doubtful, s.after)
            then = assigned(s.body, known, doubtful)
            known |= then & assigned(s.orelse, known, doubtful)
        elif isinstance(s, (ast.For, ast.While)):
            _doubt(s, known, doubtful, s.head)
            own = names.bound(s.target) if isinstance(s, ast.For) else []
            doubtful |= set(own) & s.after - known  # the loop may make no trip
            assigned(s.body, known | set(own), doubtful)
        elif isinstance(s, ast.With):
            known = assigned(s.body, known | set(names.bound(*s.items)), doubtful)
        else:
            known |= set(names.bound(s))
    return known


def _doubt(s, known, doubtful, wanted):
    carried = set(names.bound(*s.body, *s.orelse)) & wanted
    doubtful |= (carried | s.into) - known
