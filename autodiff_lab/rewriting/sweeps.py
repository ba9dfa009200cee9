"""The two sweeps of a function in small steps: forward as it was, and back with every adjoint.

What the way back reads and the way forward overwrites is kept: a value that is assigned once is
still there; one that is assigned again goes onto a stack of its own just before, and comes back
when the assignment is undone (Tapenade: Hascoet and Pascual 2013; Tangent prints the same). Only
what some backward line reads is kept: the "to be recorded" analysis.
"""

from dataclasses import dataclass

from .saves import Saves
from .steps import Branch, Loop, Step, assigned, contributed, words_in


@dataclass
class Line:
    """A line of the reverse sweep: `target = value`, or `+=` if it `adds`.

    `alias`: the value may be somebody else's memory. `owner` is the name whose entry is added to.
    """

    target: str
    value: str
    adds: bool = False
    alias: bool = False
    owner: str = ""
    note: str = ""
    shared: bool = False


@dataclass
class Restore:
    """Here a step's old value comes back, if any line reads it."""

    step: Step


@dataclass
class Nest:
    """A branch or a loop of the reverse sweep."""

    heads: list
    blocks: list
    item: object


class Sweeps:
    def __init__(self, small, wrt, framework):
        self.small, self.wrt, self.framework = small, wrt, framework
        self.active, self.names = small.active, small.names
        self.saves = Saves(small)
        steps = list(self.saves.steps())
        self.entries = {a.place.name for s in steps for a in s.adds if a.place.index is not None}
        self.read_by_entry = set(self.entries)
        self.entries |= small.whole
        self.helpers = set()
        defined = {small.result} if small.result in self.active else set()
        self.seeded = set(defined)
        self.back = self._block(small.block, defined)
        self.defined = defined
        self._private(self.back, {f"b{n}" for n in self.seeded})

    # ----- going back -----
    def _block(self, block, defined):
        found = []
        for item in reversed(block):
            if isinstance(item, Branch):
                found += self._branch(item, defined)
            elif isinstance(item, Loop):
                found += self._loop(item, defined)
            else:
                found += self._step(item, defined)
        return found

    def _branch(self, item, defined):
        outside = {
            n for n in contributed([item])
            if not any(self.saves.is_local(n, arm) for arm in (item.body, item.orelse))
        }  # fmt: skip
        found = self._zeros(outside, defined, item)
        arms, ends = [], []
        for arm in (item.body, item.orelse):
            ends.append(set(defined))
            arms.append(self._block(arm, ends[-1]))
        for arm, end, other in zip(arms, ends, ends[::-1], strict=True):
            arm += [self._zero(n) for n in sorted((other & defined) - end)]
        defined &= ends[0] | ends[1]
        return [*found, Nest([f"if {item.test}:", "else:"], arms, item)]

    def _loop(self, item, defined):
        outside = {n for n in contributed([item]) if not self.saves.is_local(n, item.body)}
        found = self._zeros(outside, defined, item)
        end = set(defined)
        inside = self._block(item.body, end)
        inside += [self._zero(n) for n in sorted(defined - end)]
        return [*found, Nest([f"for {item.back}:"], [inside], item)]

    def _zeros(self, names, defined, item):
        """Cotangents that a branch or a loop adds to exist before it."""
        if not self._needed(item, defined):
            return []
        found = [self._zero(n) for n in sorted(names - defined)]
        defined |= names
        return found

    def _needed(self, item, defined):
        """Does anything arrive in here at all?"""
        return bool(defined & assigned([item]))

    def _zero(self, name):
        if name in self.entries or name in self.wrt:
            self.helpers.add("zeros_like")
            return Line(f"b{name}", f"zeros_like({name})")
        return Line(f"b{name}", "0.0")

    def _step(self, step, defined):
        """The adjoint of one step: its operands' shares, then its own old cotangent."""
        name = step.target
        if name is None or name not in self.active or name not in defined:
            return [Restore(step)] if name else []
        lines, own = [], []
        if step.together:
            lines, own = self._together(step, defined)
        else:
            for add in step.adds:
                if add.place.name == name and add.place.index is None:
                    own.append(add.text)
                else:
                    lines += self._arrive(add, defined)
        lines += self._own(step, own, defined)
        if lines:
            lines[0].note = step.line
        restore = [Restore(step)]
        return [*lines, *restore] if step.reads_result else [*restore, *lines]

    def _own(self, step, own, defined):
        """What the target's cotangent is before the step: its share, or nothing."""
        name = step.target
        if own:
            value = " + ".join(own)
            return [] if value == f"b{name}" else [Line(f"b{name}", value)]
        if any(a.place.name == name for a in step.adds):
            return []
        defined.discard(name)  # zero, until something arrives
        return []

    def _together(self, step, defined):
        """`bx, bw = pull_matmul(by, x, w)`: shares that come out of one call."""
        names, later, own = [], [], []
        places = [a.place for a in step.adds]
        for add in step.adds:
            place, fresh = add.place, add.place.name not in defined
            direct = place.name == step.target or (fresh and place.name not in self.read_by_entry)
            if place.index is None and direct and f"b{place.name}" not in names:
                names.append(f"b{place.name}")
                defined.add(place.name)
                continue
            if len(places) == 1 and place.name != step.target:
                return self._arrive(_with(add, step.together), defined), own
            held = self.names.new(f"d{place.name}")
            names.append(held)
            later += [(add, held)]
        lines = [Line(", ".join(names), step.together, alias=True)]
        for add, held in later:
            if add.place.name == step.target and add.place.index is None:
                lines.append(Line(f"b{step.target}", held, alias=True))
            else:
                lines += self._arrive(_with(add, held), defined)
        return lines, own

    def _arrive(self, add, defined):
        """A share is added to what has arrived, or is the first."""
        name, found = add.place.name, []
        target = f"b{name}"
        if name not in defined:
            defined.add(name)
            if name not in self.read_by_entry:
                return [Line(target, add.text, alias=add.alias)]
            found.append(self._zero(name))
        if add.place.index is not None:
            return [*found, self._entry(add, target)]
        return [*found, Line(target, add.text, adds=True, alias=add.alias)]

    def _entry(self, add, target):
        return Line(f"{target}[{add.place.index}]", add.text, True, add.alias, owner=target)

    # ----- which cotangents nobody else holds: only into those is written -----
    def _private(self, items, lent):
        """Mark the lines that must not write; `lent` are the cotangents that others may hold."""
        for item in items:
            if isinstance(item, Nest):
                ends = [set(lent) for _ in item.blocks]
                for block, end in zip(item.blocks, ends, strict=True):
                    self._private(block, end)
                    if isinstance(item.item, Loop):
                        self._private(block, end)
                lent |= set().union(*ends)
            elif isinstance(item, Line):
                self._lend(item, lent)
        return lent

    def _lend(self, line, lent):
        targets = {line.owner} if line.owner else set(line.target.split(", "))
        if line.adds and targets & lent:
            line.shared = True
        if line.alias:
            lent |= {w for w in words_in(line.value) if w.startswith("b")}
        if line.alias and not line.adds:
            lent |= targets
        elif not line.adds or line.shared:
            lent -= targets

    def written(self, line):
        """A line as text: `+=` where that writes into nobody else's memory."""
        if not line.adds:
            return f"{line.target} = {line.value}"
        if line.owner:
            return self._written_entry(line)
        target = line.target
        if target[1:] in self.entries:
            self.helpers.add("add")
            return f"{target} = add({target}, {line.value})"
        if self.framework == "jax" or not line.shared:
            return f"{target} += {line.value}"
        return f"{target} = {target} + {line.value}"

    def _written_entry(self, line):
        target = line.owner
        index = line.target[len(target) + 1 : -1]
        private = not line.shared
        a_tree = line.value[1:] in self.entries or index.startswith(("'", '"'))
        if self.framework == "torch" and private and not a_tree:
            return f"{line.target} += {line.value}"
        helper = "add_at" if private else "added_at"
        if ":" in index or "," in index or "..." in index:
            index = f"at[{index}]"
            self.helpers.add("at")
        self.helpers.add(helper)
        return f"{target} = {helper}({target}, {index}, {line.value})"


def _with(add, text):
    return type(add)(add.place, text, True)


def lines_in(items):
    for item in items:
        if isinstance(item, Line):
            yield item
        elif isinstance(item, Nest):
            for block in item.blocks:
                yield from lines_in(block)
