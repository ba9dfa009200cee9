"""Reverse mode on a sea: a new sea that runs forward, then back along the way that was taken.

Every block is undone by a block of its own, in the opposite order (Innes, "Don't Unroll Adjoint:
Differentiating SSA-Form Programs", 2018). What the way back has to know is pushed on the trail: at
each region by which edge control came, and of a block that may run often or not at all, the values
that its rows want to see again. The trail is no effect but a value like any other, threaded from
push to push by the same phis as the user's variables. So a push that meets its pop disappears by a
peephole, and a function without loops has no trail at all.

A loop is undone by a loop. A way that leaves it in the middle (`break`, `return`) is undone up to
the loop's head by a copy of its own, so that the undoing loop has one entry, as Python wants it.
"""

from . import meanings
from .activity import Activity
from .adjoints import SEED, Adjoints
from .nodes import Graph
from .peepholes import simplify
from .shapes import shapes_of
from .ssa import Variables, before
from .verbs import NOTHING

TRAIL = "trail"
PUSH = meanings.verb("push", lambda trail, x: (trail, x), "(_0, _1)")
TOP = meanings.verb("top", lambda trail: trail[1], "_0[1]", False)
REST = meanings.verb("rest", lambda trail: trail[0], "_0[0]", False)


class Reverse(Adjoints):
    """`stop` and `parameters` are those of the new sea."""

    def __init__(self, sea, argnums, seeded):
        self.sea, self.schedule = sea, sea.schedule
        self.graph = Graph(simplify)
        self.graph.tree = sea.text.tree
        self.single = isinstance(argnums, int)
        argnums = (argnums,) if self.single else argnums
        self.chosen = [sea.parameters[i] for i in argnums]
        self.activity = Activity(sea, self.chosen, self.refuse)
        self.active, self.shapes = self.activity.active, shapes_of(self.schedule)
        self.variables = Variables(self.graph, None)
        self.new = {}
        self.last = self._last()
        self.nothing = self.graph.const(NOTHING, "nothing")
        self.variables.write(TRAIL, self.graph.start, self.graph.const(None, "empty trail"))
        self.parameters = [self._copy_of(p) for p in sea.parameters]
        self.block = self._forward()
        value = self.variables.read("value", self.block)
        if seeded:
            seed = self.graph.add("param", name="g")
            self.parameters.append(seed)
        else:
            seed = self.graph.op(SEED, value, block=self.block)
        self._backward(seed)
        self.stop = self._return(value)

    def refuse(self, node, why):
        return self.sea.refusal(node, why)

    def _return(self, value):
        tuples = [self._pair(value, self._gradients())]
        last = self.graph.add("return", data=tuples, control=[self.block])
        return self.graph.add("stop", control=[last])

    # ----- forward: a copy that leaves a trail -----
    def _forward(self):
        """Copy block by block; gives the block where all returns have met."""
        ends, s = [], self.schedule
        for block in s.blocks:
            self.block = self._copy_of_block(block)
            self._copy_nodes(block)
            end = s.ends.get(block)
            if end is not None and end.kind == "return":
                self.variables.write("value", self.block, self.new[end.data[0]])
                self._push(self.graph.const(len(ends)))
                ends.append(self.block)
        for region, phis in self._phis():
            new = self.new[region]
            if region.kind == "loop":
                self._close(region, new)
            for phi in phis:
                self.new[phi] = self.graph.fill(self.new[phi], [self.new[x] for x in phi.data])
        return self._joined(ends)

    def _joined(self, blocks):
        return blocks[0] if len(blocks) == 1 else self.graph.add("region", control=blocks)

    def _phis(self):
        for block in self.schedule.blocks:
            if block.kind in ("region", "loop"):
                yield block, [n for n in self.schedule.at[block] if n.kind == "phi"]

    def _copy_of_block(self, block):
        if block.kind == "start":
            new = self.graph.start
        elif block.kind in ("true", "false"):
            new = self.graph.add(block.kind, control=[self.new[block.control[0]]])
        else:
            ways = block.control[:1] if block.kind == "loop" else block.control
            new = self.graph.add(block.kind, control=[self.new[c] for c in ways], tree=block.tree)
            if block.kind == "loop":
                self.variables.unsealed(new)
        self.new[block] = new
        return new

    def _close(self, region, new):
        for way in region.control[1:]:
            new.control.append(self.new[way])
            self.new[way].users.append(new)
        self.variables.seal(new)

    def _copy_nodes(self, block):
        for node in self.schedule.at[block]:
            if node not in self.new:
                self.new[node] = self._copy_of(node)
        for x in self._saved(block):
            self._push(self.new[x])
        end, region = self.schedule.ends.get(block), self.schedule.jumps.get(block)
        if region is not None and not self._is_quiet(region):
            self._push(self.graph.const(region.control.index(block)))
        if end is not None and end.kind == "if":
            test = self.new[end.data[0]]
            self.new[end] = self.graph.add("if", data=[test], control=[self.block], tree=end.tree)

    def _copy_of(self, node):
        more = dict(value=node.value, name=node.name, tree=node.tree)
        if node.kind == "phi":
            return self.graph.phi(self.new[node.control[0]], node.name)
        if node.kind == "param":
            self.new[node] = found = self.graph.add("param", **more)
            self.variables.write(node.name, self.graph.start, found)
            return found
        data, control = ([self.new[x] for x in edges] for edges in (node.data, node.control))
        return self.graph.make(node.kind, node.op, data, control, **more)

    # ----- the trail -----
    def _push(self, x):
        trail = self.variables.read(TRAIL, self.block)
        self.variables.write(TRAIL, self.block, _named(self.graph.op(PUSH, trail, x), TRAIL))

    def _top(self):
        return self.graph.op(TOP, self.variables.read(TRAIL, self.block), block=self.block)

    def _drop(self):
        trail = self.variables.read(TRAIL, self.block)
        rest = self.graph.op(REST, trail, block=self.block)
        self.variables.write(TRAIL, self.block, _named(rest, TRAIL))

    def _pop(self, name):
        top = self._top()
        self._drop()
        return _named(top, name)

    def _saved(self, block):
        """What the undoing of a block wants to see again and could not find any more."""
        wanted = {}
        for node in self.schedule.at[block]:
            if node in self.active and node.kind in ("op", "call"):
                wanted.update(dict.fromkeys(self.activity.wanted_by(node, self.shapes)))
        return [x for x in wanted if not self._is_steady(x)]

    def _is_steady(self, x):
        """Computed once, and before every end: it is still there on the way back."""
        if x.kind in ("const", "param", "undefined"):
            return True
        home = self.schedule.of[x]
        return self.schedule.inside[home] == 0 and self.schedule.dominates(home, self.last)

    def _last(self):
        """The last block that control passes on its way to whichever `return`."""
        s, found = self.schedule, None
        for block in [b for b in s.blocks if b in s.ends and s.ends[b].kind == "return"]:
            found = block if found is None else s._meet(s.dominator, found, block)
        return found

    def _is_quiet(self, region):
        """Nothing between a region and its dominator has a derivative: there is nothing to undo."""
        s = self.schedule
        if region.kind == "loop":
            return not any(self._is_busy(b) for b in s.loops[region])
        if any(n in self.active for n in s.at[region] if n.kind == "phi"):
            return False
        between, todo = set(), [before(region, c) for c in region.control]
        while todo:
            block = todo.pop()
            if block is not s.dominator[region] and block not in between:
                between.add(block)
                todo += [before(block, c) for c in block.control]
        return not any(self._is_busy(b) for b in between)

    def _is_busy(self, block):
        return any(n in self.active for n in self.schedule.at[block])

    # ----- backward -----
    def _backward(self, seed):
        s = self.schedule
        for node in s.sea.nodes:
            if node in self.active:
                self.variables.write(self.adjoint(node), self.block, self.nothing)
        ends = [b for b in s.blocks if b in s.ends and s.ends[b].kind == "return"]

        def undo(way):
            self._arrive(s.ends[ends[way]].data[0], seed)
            self._undo(ends[way], self.last)

        self._choose(len(ends), undo)
        self._undo(self.last, None)

    def _undo(self, block, until):
        """Undo a block and what came before it, up to `until`, which dominates it."""
        s = self.schedule
        while block is not until:
            if block.kind == "loop" and not self._is_quiet(block):
                self._undo_loop(block)
            else:
                self._undo_nodes(block)
            if block.kind == "start":
                return
            if block.kind == "region" and not self._is_quiet(block):
                self._undo_region(block)
            block = before(block) if block.kind != "region" else s.dominator[block]

    def _undo_region(self, region):
        def undo(way):
            self._undo_phis(region, way)
            self._undo(before(region, region.control[way]), self.schedule.dominator[region])

        self._choose(len(region.control), undo)

    def _undo_loop(self, loop):
        """A trip back for every trip: the trail says when the first one has been undone."""
        new = self.graph.add("loop", control=[self.block], tree=loop.tree)
        self.variables.unsealed(new)
        self.block = new
        for block in self.schedule.loops[loop] - {loop}:
            for node in self.schedule.at[block]:
                if node in self.active:  # used up when a trip ends
                    self.variables.write(self.adjoint(node), new, self.nothing)
        self._undo_nodes(loop)
        again, out = self._fork(self._top())
        self.block = again
        self._drop()
        self._undo_phis(loop, 1)
        self._undo(before(loop, loop.control[1]), loop)
        new.control.append(self.block)
        self.block.users.append(new)
        self.variables.seal(new)
        self.block = out
        self._drop()
        self._undo_phis(loop, 0)

    def _fork(self, test):
        fork = self.graph.add("if", data=[test], control=[self.block])
        return self.graph.add("true", control=[fork]), self.graph.add("false", control=[fork])

    def _choose(self, ways, undo):
        """Pop by which of several ways control had come, and go back by that one."""
        way, ends = self._pop("way"), []
        for i in reversed(range(ways)):
            if i > 0:
                is_it = way if ways == 2 else self._is_equal(way, i)
                here, rest = self._fork(is_it)
                self.block = here
            undo(i)
            ends.append(self.block)
            if i > 0:
                self.block = rest
        self.block = self._joined(ends[::-1])

    def _undo_phis(self, region, way):
        """A phi was one of its values: that value gets its cotangent. All at once, as forward."""
        phis = [n for n in self.schedule.at[region] if n.kind == "phi" and n in self.active]
        found = [(phi.data[way], self._take(phi)) for phi in phis]
        for x, g in found:
            self._arrive(x, g)

    def _undo_nodes(self, block):
        values = {}
        for x in reversed(self._saved(block)):
            values[x] = self._pop(x.name)
        for node in reversed(self.schedule.at[block]):
            if node in self.active and node.kind in ("op", "call"):
                g = self._take(node)
                if g is not self.nothing:
                    for x, c in self.contributions(node, g, values):
                        self._arrive(x, c)

    # ----- adjoints are variables -----
    def adjoint(self, node):
        return f"d{(node.name or 't').split(' ')[0]} {node.index}"

    def _take(self, node):
        g = self.variables.read(self.adjoint(node), self.block)
        self.variables.write(self.adjoint(node), self.block, self.nothing)
        return g

    def _arrive(self, x, c):
        if x in self.active:
            before = self.variables.read(self.adjoint(x), self.block)
            self.variables.write(self.adjoint(x), self.block, self.sum(x, before, c))


def _named(node, name):
    """A name to be printed, for what has none."""
    if node.kind == "op" and name:
        node.name = node.name or name
    return node
