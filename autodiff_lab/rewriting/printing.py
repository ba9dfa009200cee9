"""The text of a transformed function: both sweeps, with what is kept and what comes back."""

import ast

from .steps import Branch, Loop, Step, words_in
from .sweeps import Line, Nest, Restore

INDENT = "    "


class Printer:
    """One function's text. `needed` are the names that some backward line reads."""

    def __init__(self, sweeps, results):
        self.sweeps, self.small, self.saves = sweeps, sweeps.small, sweeps.saves
        self.results = results  # the cotangents that are returned
        self.stacks, self.unbound, self.copies, self.restored = {}, [], {}, []
        self.needed = set(words_in(", ".join(results)))
        self._find_needed()

    # ----- what the way back reads -----
    def _find_needed(self):
        while True:
            before = len(self.needed)
            self._read(self.sweeps.back)
            if len(self.needed) == before:
                return

    def _read(self, items):
        """Note what is read; say whether any of the items is printed."""
        printed = False
        for item in items:
            if isinstance(item, Line):
                self.needed |= words_in(item.value) | words_in(item.target)
                printed = True
            elif isinstance(item, Restore):
                printed |= bool(self._comes_back(item.step))
                if item.step.again and item.step.target in self.needed:
                    self.needed |= words_in(item.step.text)
            elif any([self._read(block) for block in item.blocks]):
                self.needed |= words_in(item.heads[0])
                printed = True
        return printed

    def _comes_back(self, step):
        return [n for n in step.assigned()
                if n in self.needed and self.saves.kept_before(step, n)]  # fmt: skip

    # ----- forward -----
    def forward(self, block, depth=0):
        lines, pad = [], INDENT * (depth + 1)
        for item in block:
            if isinstance(item, Step):
                lines += [pad + self._keep(item, n, self._loops(item)) for n in
                          self._comes_back(item)]  # fmt: skip
                lines.append(pad + item.line)
            elif isinstance(item, Branch):
                lines += self._branch(item, depth, pad)
            else:
                lines += self._loop(item, depth, pad)
            lines += [pad + f"{self._stack(n)}.append({n})" for n in self._kept_after(item, block)]
        return lines or [pad + "pass"]

    def _loops(self, step):
        return self.saves.depth[id(step), step.assigned()[0]]

    def _keep(self, step, name, loops):
        """Before `name` is assigned again."""
        key = id(step), name
        if not self.saves.bound[key] and name not in self.unbound:
            self.unbound.append(name)
        if loops:
            return f"{self._stack(name)}.append({name})"
        self.copies[key] = self.small.names.new(f"{name}_1")
        return f"{self.copies[key]} = {name}"

    def _stack(self, name):
        if name not in self.stacks:
            self.stacks[name] = self.small.names.new(f"{name}_stack")
        return self.stacks[name]

    def _kept_after(self, item, block):
        """The names that were assigned once and for this round of the loop."""
        names = {n: None for step in _steps(item) for n in step.assigned() if not step.again}
        return [n for n in names if self._is_kept_after(n, block)]

    def _is_kept_after(self, name, block):
        once = self.saves.home.get(name) is block and self.saves.is_once(name)
        return once and name in self.needed and id(block) in self.in_loops

    def _branch(self, item, depth, pad):
        if item.orelse and not item.body:
            return [f"{pad}if {negated(item.test)}:", *self.forward(item.orelse, depth + 1)]
        lines = [f"{pad}if {item.test}:", *self.forward(item.body, depth + 1)]
        if item.orelse:
            lines += [pad + "else:", *self.forward(item.orelse, depth + 1)]
        return lines

    def _loop(self, item, depth, pad):
        body = self.forward(item.body, depth + 1)
        if not item.trips or not self._is_read(item.trips):
            return [pad + item.head, *body]
        lines = [
            f"{pad}{item.trips} = 0",
            pad + item.head,
            f"{pad}{INDENT}{item.trips} += 1",
            *body,
        ]
        if id(item) in self.inner:
            lines.append(f"{pad}{self._stack(item.trips)}.append({item.trips})")
        return lines

    def _is_read(self, name):
        return name in self.needed

    # ----- back -----
    def backward(self, items, depth=0, block=None):
        lines, pad = [], INDENT * (depth + 1)
        once = [s for s in block or [] if isinstance(s, (Step, Branch))]
        for name in [n for item in once for n in self._kept_after(item, block)]:
            lines.append((f"{pad}{name} = {self._stack(name)}.pop()", ""))
            self.restored.append(name)
        for step in [s for s in once if isinstance(s, Step) and s.again]:
            if self._is_kept_after(step.target, block):
                lines.append((pad + step.line, ""))
                self.restored.append(step.target)
        for item in items:
            if isinstance(item, Line):
                lines.append((pad + self.sweeps.written(item), item.note))
            elif isinstance(item, Restore):
                lines += [(pad + self._back(item.step, n), "") for n in
                          self._comes_back(item.step)]  # fmt: skip
            else:
                lines += self._nest(item, depth, pad)
        return lines

    def _back(self, step, name):
        self.restored.append(name)
        if self._loops(step):
            return f"{name} = {self._stack(name)}.pop()"
        return f"{name} = {self.copies[id(step), name]}"

    def _nest(self, item, depth, pad):
        if isinstance(item.item, Loop):
            body = self.backward(item.blocks[0], depth + 1, item.item.body)
            if not self._read(item.blocks[0]):
                return []
            self.restored += item.item.targets
            return [(pad + self._head(item), ""), *body]
        yes, no = (
            self.backward(items, depth + 1, arm) if self._read(items) else []
            for items, arm in zip(item.blocks, (item.item.body, item.item.orelse), strict=True)
        )
        if yes:
            more = [(pad + "else:", ""), *no] if no else []
            return [(f"{pad}if {item.item.test}:", ""), *yes, *more]
        return [(f"{pad}if {negated(item.item.test)}:", ""), *no] if no else []

    def _head(self, item):
        head, trips = item.heads[0], item.item.trips
        if trips and id(item.item) in self.inner:
            head = head.replace(trips, f"{self._stack(trips)}.pop()")
        return head

    # ----- the whole -----
    def sweeps_text(self, first=()):
        """`(forward lines, backward lines)`, each line with its comment in place."""
        self.in_loops, self.inner = set(), set()
        _mark(self.small.block, False, self.in_loops, self.inner)
        forward = self.forward(self.small.block)
        back = self.backward(self.sweeps.back)
        start = [f"{INDENT}{n} = None" for n in self.unbound]
        start += [f"{INDENT}{stack} = []" for stack in self.stacks.values()]
        return [*start, *forward], aligned([*((INDENT + t, "") for t in first), *back])


def _mark(block, looped, in_loops, inner):
    """Which blocks, and which loops, run more than once?"""
    if looped:
        in_loops.add(id(block))
    for item in block:
        if isinstance(item, Loop):
            if looped:
                inner.add(id(item))
            _mark(item.body, True, in_loops, inner)
        elif isinstance(item, Branch):
            _mark(item.body, looped, in_loops, inner)
            _mark(item.orelse, looped, in_loops, inner)


def _steps(item):
    if isinstance(item, Step):
        return [item]
    blocks = [item.body, item.orelse] if isinstance(item, Branch) else []
    return [s for block in blocks for i in block for s in _steps(i)]


def negated(test):
    return f"not {test}" if test.isidentifier() else f"not ({test})"


def aligned(lines):
    """Comments in one column, as far as the lines are short."""
    lengths = [len(code) for code, note in lines if note and len(code) <= 56]
    column = max(lengths, default=0) + 2
    return [f"{f'{code}  ':{column}}# {note}" if note else code for code, note in lines]


def parameters_text(tree, skip):
    """The parameters of a def, without the object it is bound to."""
    args = tree.args
    positional = [*args.posonlyargs, *args.args]
    for a in [*positional, *args.kwonlyargs]:
        a.annotation = None
    if skip:
        (args.posonlyargs or args.args).pop(0)
    return ast.unparse(args)


__all__ = ["Nest", "Printer", "parameters_text"]
