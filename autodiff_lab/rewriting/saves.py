"""Which values have to be kept for the way back, and where each of them comes from.

A name is *local* to a block if it lives and dies there: all its uses are in the block and the first
of them assigns it. A local name that is assigned once in its block is kept after it is assigned.
Any other name that is assigned again is kept just before.
"""

from .steps import Branch, Loop, Step, steps_in, words_in


class Saves:
    def __init__(self, small):
        self.small, self.block = small, small.block
        self.depth, self.had, self.bound, self.home = {}, {}, {}, {}
        self._homes(small.block, set())
        self._walk(small.block, 0, set(small.text.parameters), set(small.text.parameters))

    def steps(self):
        return steps_in(self.block)

    # ----- where a name lives -----
    def _homes(self, block, outside):
        """Find the innermost block that holds every use of a name."""
        used = [(_used(item), item) for item in block]
        for _, item in used:
            elsewhere = outside.union(*(names for names, other in used if other is not item))
            if isinstance(item, Loop):
                self._homes(item.body, elsewhere | _heads(item))
            elif isinstance(item, Branch):
                self._homes(item.body, elsewhere.union(*map(_used, item.orelse)))
                self._homes(item.orelse, elsewhere.union(*map(_used, item.body)))
        inside = set().union(*(names for names, _ in used))
        for name in inside - outside - set(self.small.text.parameters):
            if name not in self.home and _first_assigns(block, name):
                self.home[name] = block

    def is_local(self, name, block):
        home = self.home.get(name)
        if home is None:
            return False
        return home is block or any(home is b for b in _below(block))

    def is_once(self, name):
        """Assigned once each time its block runs, so that nothing is overwritten while needed."""
        home = self.home.get(name)
        return home is not None and _count(home, name) == 1

    # ----- what was there before -----
    def _walk(self, block, depth, maybe, surely):
        for item in block:
            if isinstance(item, Step):
                for name in item.assigned():
                    key = id(item), name
                    self.depth[key], self.had[key] = depth, name in maybe
                    self.bound[key] = name in surely
                    maybe.add(name)
                    surely.add(name)
            elif isinstance(item, Branch):
                ends = []
                start = set(maybe)
                for arm in (item.body, item.orelse):
                    before, sure = set(start), set(surely)
                    self._walk(arm, depth, before, sure)
                    maybe |= before
                    ends.append(sure)
                surely |= ends[0] & ends[1]
            else:
                inside = {n for s in steps_in(item.body) for n in s.assigned()}
                maybe |= inside
                self._walk(item.body, depth + 1, maybe, {*surely, *item.targets})
                maybe |= {*item.targets, *([item.trips] * bool(item.trips))}

    def kept_before(self, step, name):
        """Must the old value be kept before this assignment?"""
        return self.had[id(step), name] and not self.is_once(name)


def _blocks(item):
    return [item.body, item.orelse] if isinstance(item, Branch) else [item.body]


def _below(block):
    for item in block:
        if not isinstance(item, Step):
            for inner in _blocks(item):
                yield inner
                yield from _below(inner)


def _heads(item):
    return words_in(item.head) | words_in(item.back)


def _used(item):
    """The names that an item assigns or reads, on either way."""
    if isinstance(item, Step):
        found = words_in(item.text) | set(item.assigned())
        for add in item.adds:
            found |= words_in(add.text) | words_in(add.place.text)
        return found | words_in(item.together or "")
    if isinstance(item, Branch):
        return words_in(item.test).union(*(_used(i) for i in [*item.body, *item.orelse]))
    trips = {item.trips} if item.trips else set()
    return _heads(item).union(trips, item.targets, *(_used(i) for i in item.body))


def _first_assigns(block, name):
    """Is the first use of the name in the block an assignment, whatever way is taken?"""
    first = next((item for item in block if name in _used(item)), None)
    return first is not None and _assigns(first, name)


def _assigns(item, name):
    if isinstance(item, Step):
        return name in item.assigned() and name not in words_in(item.text)
    if isinstance(item, Branch):
        if name in words_in(item.test):
            return False
        return all(_first_assigns(arm, name) for arm in (item.body, item.orelse))
    return False


def _count(block, name):
    total = 0
    for item in block:
        if isinstance(item, Step):
            total += name in item.assigned()
        elif isinstance(item, Branch):
            total += max(_count(item.body, name), _count(item.orelse, name))
        else:
            total += 2 * _count(item.body, name) + 2 * (name in item.targets)
    return total
