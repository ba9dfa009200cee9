"""Which names does a branch or a loop have to hand on?

After `canonical` a function has no exits from the middle, so both questions are one pass each:

    live       backwards: which names will still be read (Kennedy 1971; Appel, ch. 10)
    assigned   forwards: which names certainly have a value
    shared_writes   which writes into an array would be seen under another name

A name that a branch writes and nobody reads afterwards stays inside the branch.
"""

import ast

from autodiff_lab.reading import names


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


def shared_writes(block, is_fresh, aliases=None, loops=()):
    """`(statement, name, held)` for each write into what somebody else may be looking at.

    Lifted code writes into a copy (`x = flow.put(x, i, v)`). Another name for the array or for a
    part of it, or a loop over it, would not see the write as it does in Python; `held` is a name
    that may stand for something that was put into it. `is_fresh(func)` says of a call that its
    result is nobody else's.
    """
    aliases = _aliases(block, is_fresh) if aliases is None else aliases
    for s in block:
        written = _written(s)
        if written is not None:
            same, held = ([repr(y) for y in a.get(written, ()) if y in s.after] for a in aliases)
            same += ["the loop over it"] * (written in loops)
            if same or held:
                yield s, same[0] if same else None, (same + held)[0]
        inside = (*loops, *_gone_through(s)) if isinstance(s, ast.For) else loops
        for part in ("body", "orelse"):
            if not isinstance(s, ast.FunctionDef):
                yield from shared_writes(getattr(s, part, []), is_fresh, aliases, inside)


def _written(s):
    """The name x of `x = flow.put(x, ...)`, of `x += ...`, or of `x.a += ...`."""
    if not isinstance(s, ast.Assign):
        return None
    if hasattr(s, "augmented"):
        return s.targets[0].id
    call = innermost(s.value)
    if call is not None and (_is(call, "flow.put") or hasattr(call.args[2], "in_place")):
        return s.targets[0].id
    return None


def innermost(value):
    """The call that changes a part: of `x.a[i] = v`, flow.put(x.a, i, v) inside a flow.set."""
    call = None
    while _is(value, "flow.put") or _is(value, "flow.set"):
        call, value = value, value.args[2]
    return call


def _is(value, name):
    return isinstance(value, ast.Call) and ast.unparse(value.func) == name


def _aliases(block, is_fresh):
    """For each name, those that may stand for it or a part of it; and those that were put in."""
    found, held = {}, {}
    for s in ast.walk(ast.Module(block, [])):
        if not isinstance(s, ast.Assign) or hasattr(s, "augmented") or hasattr(s, "final"):
            continue
        call = innermost(s.value)
        if call is not None:
            _be_aliases(held, s.targets[0].id, _roots(call.args[2], is_fresh))
        else:
            for target, value in _pairs(s.targets, s.value):
                for name in names.bound(target):
                    _be_aliases(found, name, _roots(value, is_fresh))
    return found, held


def _be_aliases(found, name, roots):
    for root in set(roots) - {name}:
        found.setdefault(root, []).append(name)
        found.setdefault(name, []).append(root)


def _pairs(targets, value):
    """`a, b = c, d` binds a to c and b to d."""
    for target in targets:
        parts = [getattr(x, "elts", None) for x in (target, value)]
        starred = any(isinstance(x, ast.Starred) for part in parts for x in part or ())
        if None in parts or starred or len(parts[0]) != len(parts[1]):
            yield target, value
            continue
        for one, own in zip(*parts, strict=True):
            yield from _pairs([one], own)


VIEWS = frozenset(
    "view reshape transpose permute squeeze unsqueeze expand flatten detach select narrow chunk "
    "split unbind contiguous view_as expand_as swapaxes movedim diagonal unfold".split()
)


def _roots(value, is_fresh):
    """The names that a value may be, or be a part of: `x`, `x[i]`, `x.T`, `x if c else y`."""
    if isinstance(value, ast.Name):
        yield value.id
        return
    if isinstance(value, (ast.Subscript, ast.Attribute)):
        parts = [value.value]
    elif isinstance(value, ast.IfExp):
        parts = [value.body, value.orelse]
    elif isinstance(value, ast.BoolOp):
        parts = value.values
    elif isinstance(value, (ast.Tuple, ast.List)):
        parts = value.elts
    elif isinstance(value, ast.Dict):
        parts = value.values
    elif (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and (value.func.attr in VIEWS)
    ):
        parts = [value.func.value]
    elif isinstance(value, ast.Call) and not is_fresh(value.func):
        parts = [*value.args, *[k.value for k in value.keywords]]
    else:
        parts = []
    for part in parts:
        yield from _roots(part, is_fresh)


def _gone_through(s):
    """The names whose entries a `for` hands out: not those it only asks for their length."""
    parts = [s.iter]
    if isinstance(s.iter, ast.Call):
        name = ast.unparse(s.iter.func)
        parts = s.iter.args if name in ("enumerate", "zip", "reversed") else []
    return [name for part in parts for name in _roots(part, lambda func: True)]
