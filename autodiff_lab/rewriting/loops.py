"""Branches and loops: what the way back needs to know of them is put into variables.

A condition that would be answered otherwise on the way back is kept; a loop that can be left early,
or whose end is not known, counts its trips; a loop over arrays counts their entries.
"""

import ast

from . import meaning
from .exits import can_break
from .scan import entry, is_call, quoted
from .steps import Branch, Loop, words_in


class Control:
    """The part of `Small` that reads `if`, `while` and `for`."""

    def _If(self, node):
        test = self.test(node.test)
        self.steps.append(Branch(test, self._block(node.body), self._block(node.orelse)))

    def test(self, node):
        """The condition, or a variable that keeps its answer for the way back."""
        text = ast.unparse(node)
        fixed = all(self.counts.get(n, 0) <= 1 for n in words_in(text) & self.local)
        if fixed and not any(isinstance(n, (ast.Call, ast.Subscript)) for n in ast.walk(node)):
            return text
        name = self.fresh("yes")
        self._plain(name, text)
        return name

    def _While(self, node):
        trips = self.fresh("trips")
        body = self._block(node.body)
        head = f"while {ast.unparse(node.test)}:"
        self.steps.append(Loop(head, f"_ in range({trips})", [], body, trips))

    def _For(self, node):
        head, targets, first = self._steps_of(node)
        trips = self.fresh("trips") if can_break(node.body) else None
        for name in targets:
            self.local.add(name)
        outer, self.steps = self.steps, []
        for target, value in first:
            self._assign(target, value)
        start, self.steps = self.steps, outer
        body = [*start, *self._block(node.body)]
        left, over = head
        back = (
            f"{left} in reversed({over})" if not trips else f"{left} in reversed({over}[:{trips}])"
        )
        self.steps.append(Loop(f"for {left} in {over}:", back, targets, body, trips))

    def _steps_of(self, node):
        """`(target text, iterable text), loop names, first assignments of the body`."""
        target, over = node.target, node.iter
        if is_call(over, "range"):
            return self._counted(target, over)
        if self.carries(over) or self._parts_carry(over):
            return self._over_entries(target, over)
        text = ast.unparse(over)
        if not (isinstance(over, ast.Name) and self.counts.get(over.id, 0) <= 1):
            items = self.fresh("items")
            self._plain(items, f"list({text})")
            text = items
        names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
        if any(self.counts.get(n, 0) > 1 for n in names):
            hidden = self.fresh("item")
            value = quoted(hidden, node)
            return (hidden, text), [hidden], [(target, value)]
        return (ast.unparse(target).strip("()"), text), names, []

    def _counted(self, target, over):
        text = ast.unparse(over)
        changes = any(self.counts.get(n, 0) > 1 for n in words_in(text) & self.local)
        if changes or not meaning.answers_again(self.text, over, self.local):
            items = self.fresh("items")
            self._plain(items, text)
            text = items
        if self.counts.get(target.id, 0) > 1:
            hidden = self.fresh(target.id)
            self.scalars.add(hidden)
            return (hidden, text), [hidden], [(target, quoted(hidden, target))]
        self.scalars.add(target.id)
        return (target.id, text), [target.id], []

    def _parts_carry(self, over):
        return isinstance(over, ast.Call) and any(self.carries(a) for a in over.args)

    def _over_entries(self, target, over):
        """A loop over arrays or lists that carry a derivative counts their entries."""
        if is_call(over, "enumerate") and len(over.args) == 1:
            counter, target = target.elts
            over, hidden = over.args[0], counter.id
            if self.counts.get(hidden, 0) > 1:
                raise self.text.refusal(counter, "a loop's counter is assigned again; rename one")
        else:
            hidden = self.fresh("k")
        zipped = is_call(over, "zip")
        if not zipped and not is_call(over, "reversed"):
            meaning.check_no_iterator(self.text, over, self.local)
        parts = over.args if zipped else [over]
        if is_call(over, "reversed") and len(over.args) == 1:
            held = self._held(over.args[0])
            self.scalars.add(hidden)
            last = entry(held, hidden)
            last.slice = quoted(f"-1 - {hidden}", over)
            return (hidden, f"range(len({ast.unparse(held)}))"), [hidden], [(target, last)]
        held = [self._held(p) for p in parts]
        lengths = [f"len({ast.unparse(h)})" for h in held]
        length = lengths[0] if len(lengths) == 1 else f"min({', '.join(lengths)})"
        values = [entry(h, hidden) for h in held]
        value = ast.Tuple(values, ast.Load()) if zipped else values[0]
        ast.copy_location(value, over)
        self.scalars.add(hidden)
        return (hidden, f"range({length})"), [hidden], [(target, value)]
