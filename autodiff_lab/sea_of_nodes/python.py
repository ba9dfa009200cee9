"""A schedule written as Python: blocks become statements, and control its if, while and return.

The sea came from a program with structure and keeps it, so no general solution is needed: a region
stands behind the branch whose ways it joins, and a way out of a loop is a `break` (Ramsey, "Beyond
Relooper", 2022, says how it is done for any graph that is reducible).
"""

import ast
import math

from ..reading import names
from .peepholes import is_nothing
from .variables import Names
from .verbs import XP


class Writer:
    def __init__(self, sea):
        self.sea, self.schedule, self.objects = sea, sea.schedule, {}
        tree = sea.text.tree
        local = {*sea.text.parameters, *names.bound(*tree.body)}
        taken = {*names.used(*tree.body)} - local | {"xp", "xp_", tree.name, "float"}
        self.names = Names(self.schedule, taken)

    def text(self):
        tree = self.sea.text.tree
        line = f"def {self.sea.name}({ast.unparse(tree.args)}):"
        body = self.code(self.sea.start, None, None)
        return "\n".join([line, *("    " + text for text in body)]) + "\n"

    # ----- blocks -----
    def code(self, block, follow, loop):
        """The lines from a block on, until control falls through to `follow`.

        `loop` is the innermost `Loop` around.
        """
        lines = []
        while block is not None and block is not follow:
            block, more = self._step(block, follow, loop)
            lines += more
        return lines

    def _step(self, block, follow, loop):
        """The lines of one block and of what it branches to; and the block that comes next."""
        lines, end = self.statements(block), self.schedule.ends.get(block)
        if end is None:
            after, more = self._jump(block, self.schedule.jumps[block], follow, loop)
        elif end.kind == "return":
            after, more = None, [f"return {self.say(end.data[0])}"]
        else:
            after, more = self._branch(block, end, follow, loop)
        return after, lines + more

    def statements(self, block):
        return [
            f"{self.names.of[node]} = {ast.unparse(self.expression(node))}"
            for node in self.schedule.at[block]
            if node.kind in ("op", "call") and node in self.names.of
        ]

    def _jump(self, block, region, follow, loop):
        lines = self.moves(block)
        if region is follow:
            return None, lines
        if loop and region in (loop.head, loop.after):
            return None, [*lines, "continue" if region is loop.head else "break"]
        for x in loop.outward() if loop else ():
            if region in (x.head, x.after, x.far):
                return None, [*lines, *self._far_break(loop, x, region)]
        if region.kind == "loop" and self.schedule.dominator[region] is block:
            after, more = self._loop(region, follow, loop)
            return after, lines + more
        if self.schedule.dominator[region] is block:
            return region, lines
        # A `continue` out of a nested branch: the end of the loop's body is written here once more.
        return None, lines + self.code(region, None, loop)

    def _branch(self, block, end, follow, loop):
        yes, no = self.schedule.after(block)
        behind = self._behind(block, loop)
        arms = [self._arm(b, behind or follow, loop) for b in (yes, no)]
        test = end.data[0]
        if behind is None and _leaves(arms[0]):
            return None, [f"if {self.say(test)}:", *_indented(arms[0]), *arms[1]]
        if behind is None and _leaves(arms[1]):
            return None, [f"if {self.opposite(test)}:", *_indented(arms[1]), *arms[0]]
        if not arms[0] and not arms[1]:
            return behind, []
        if not arms[0]:
            return behind, [f"if {self.opposite(test)}:", *_indented(arms[1])]
        lines = [f"if {self.say(test)}:", *_indented(arms[0])]
        if arms[1]:
            lines += _otherwise(arms[1])
        return behind, lines

    def _arm(self, block, follow, loop):
        return ["break"] if loop and block is loop.after else self.code(block, follow, loop)

    def _behind(self, block, loop):
        """The region where the two ways of a branch meet again."""
        found = [
            b for b in self.schedule.blocks
            if b.kind == "region" and self.schedule.dominator[b] is block
            and not _is_exit(b, loop)
        ]  # fmt: skip
        return found[0] if found else None

    # ----- loops -----
    def _loop(self, loop, follow, outer):
        here = Loop(loop, *self._exits(loop, outer), outer)
        lines = self._while(loop, here.after, here)
        lines = [f"{flag} = False" for flag in here.flags.values()] + lines
        behind = here.after
        for region, flag in here.flags.items():
            if region is here.far:
                rest = self.code(here.after, here.far, outer)
                lines += [f"if not {flag}:", *_indented(rest)] if rest else []
                behind = here.far
            else:
                word = "continue" if outer and region is outer.head else "break"
                lines += [f"if {flag}:", f"    {word}"]
        return behind, lines

    def _far_break(self, loop, target, region):
        """Python leaves one loop, to one place: a flag says what is left or passed over next."""
        ways = loop.outward()
        between = ways[: ways.index(target) + (region is target.far)]
        flag = next((x.flags[region] for x in between if region in x.flags), None)
        flag = flag or self.names._free("leave")
        for x in between:
            x.flags[region] = flag
        return [f"{flag} = True", "break"]

    def _while(self, loop, after, here):
        end, s = self.schedule.ends.get(loop), self.schedule
        if end is not None and end.kind == "if" and not self.statements(loop):
            yes, no = s.after(loop)
            for stays, leaves, say in ((yes, no, self.say), (no, yes, self.opposite)):
                if stays in s.loops[loop] and self._leads(leaves, after):
                    body = self.code(stays, loop, here)
                    return [f"while {say(end.data[0])}:", *_indented(body or ["pass"])]
        block, lines = self._step(loop, loop, here)
        lines += self.code(block, loop, here)
        return ["while True:", *_indented(lines or ["pass"])]

    def _leads(self, block, after):
        """Does control go straight to what is behind the loop, with nothing done on the way?"""
        if block is after:
            return True
        free = not self.statements(block) and not self.names.moves[block]
        return free and after is not None and self.schedule.jumps.get(block) is after

    def _exits(self, loop, outer):
        """The block that is written behind a loop, and the region that some ways pass it for."""
        s, inside = self.schedule, self.schedule.loops[loop]
        found = [b for b in s.blocks if b.kind == "region" and b not in inside
                 and s.dominator[b] in inside and not _is_exit(b, outer)]  # fmt: skip
        if found:
            return found[0], found[-1] if len(found) > 1 else None
        ways = [b for m in s.blocks if m in inside for b in s.after(m) if b not in inside]
        # A way that only returns is written inside; the test of the loop's own head comes first.
        ways = [b for b in ways if s.dominator[b] is loop or s.ends.get(b) is None
                or s.ends[b].kind != "return"]  # fmt: skip
        ways = [b for b in ways if not _is_exit(s.jumps.get(b), outer)]
        ways.sort(key=lambda b: (s.dominator[b] is not loop, s.rank[b]))
        return (ways[0] if ways else None), None

    # ----- phis are variables that are set on every way in -----
    def moves(self, block):
        """Set all phis at once: one by one where no one reads what another has already set."""
        of = self.names.of
        todo = [(of[p], x) for p, x in self.names.moves[block] if of.get(x) != of[p]]
        lines = []
        while todo:
            free = next((m for m in todo if not self._read_by_others(m, todo)), None)
            if free is None:
                break
            todo.remove(free)
            lines.append(f"{free[0]} = {self.say(free[1])}")
        if todo:
            left = ", ".join(name for name, _ in todo)
            lines.append(f"{left} = {', '.join(self.say(x) for _, x in todo)}")
        return lines

    def _read_by_others(self, move, todo):
        return any(
            move[0] in {self.names.of[v] for v in self.names.reads_of(x)}
            for other, x in todo if other != move[0]
        )  # fmt: skip

    # ----- expressions -----
    def say(self, node):
        return ast.unparse(self.read(node))

    def opposite(self, node):
        return ast.unparse(ast.UnaryOp(ast.Not(), self.read(node)))

    def read(self, node):
        if node in self.names.of:
            return ast.Name(self.names.of[node])
        return self.expression(node)

    def expression(self, node):
        if node.kind in ("op", "call"):
            return _Fill([self.read(x) for x in node.data]).visit(_parsed(node.op.form))
        return self._constant(node)

    def _constant(self, node):
        value = node.value
        if is_nothing(node):
            return ast.parse("xp.nothing", mode="eval").body
        if type(value) in (int, float) and math.isfinite(value):
            minus = math.copysign(1, value) < 0
            plain = ast.Constant(abs(value))
            return ast.UnaryOp(ast.USub(), plain) if minus else plain
        if type(value) is float:
            return ast.parse(f"float('{value}')", mode="eval").body
        if isinstance(value, (str, bool, type(None), type(...), bytes)):
            return ast.Constant(value)
        if node.name in self.sea.text.parameters:  # the object that a method is bound to
            return ast.Name(node.name)
        if id(value) not in self.objects:
            name = (node.name or "constant").replace(".", "_")
            self.objects[id(value)] = self.names._free(name), value
        return ast.Name(self.objects[id(value)][0])

    def extras(self):
        return {"xp": XP, "xp_": self.sea.text.value("xp"), **dict(self.objects.values())}


class Loop:
    """A loop that is being written: where `continue` and `break` lead, and the loop around it.

    `far` is a region that some ways out lead to, passing over what is written behind the loop.
    """

    def __init__(self, head, after, far, outer):
        self.head, self.after, self.far, self.outer, self.flags = head, after, far, outer, {}

    def outward(self):
        return [self, *(self.outer.outward() if self.outer else ())]


def _is_exit(region, loop):
    """Is the region behind this loop or one around it?"""
    around = loop.outward() if loop else ()
    return region is not None and any(region in (x.after, x.far) for x in around)


class _Fill(ast.NodeTransformer):
    """Put the inputs in the places `_0`, `_1`, ... of a form."""

    def __init__(self, inputs):
        self.inputs = inputs

    def visit_Name(self, node):
        number = node.id[1:] if node.id[:1] == "_" else ""
        return self.inputs[int(number)] if number.isdecimal() else node


def _parsed(form):
    return ast.parse(form, mode="eval").body


def _leaves(lines):
    return bool(lines) and lines[-1].split(" ")[0] in ("return", "break", "continue")


def _otherwise(lines):
    if lines[0].startswith("if ") and all(x.startswith((" ", "elif", "else")) for x in lines[1:]):
        return ["el" + lines[0], *lines[1:]]
    return ["else:", *_indented(lines)]


def _indented(lines):
    return ["    " + line for line in lines]
