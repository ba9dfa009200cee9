"""Give every floating node a place: Click's global code motion (PLDI 1995).

Early: the first block where all inputs are known. Late: the last block that comes before every use.
Between the two, up the tree of dominators, the best place is the one in the fewest loops, and the
later of two that are equal. That is all of loop-invariant code motion. (Dominators: Cooper, Harvey,
Kennedy, "A Simple, Fast Dominance Algorithm", 2001.)
"""

from .ssa import before


def postorder(roots, leads_to):
    """Depth first: each one after all that it leads to, but for the ways that lead back."""
    done, seen, todo = [], set(), [(x, False) for x in reversed(roots)]
    while todo:
        x, left = todo.pop()
        if left:
            done.append(x)
        elif x not in seen:
            seen.add(x)
            todo.append((x, True))
            todo += [(y, False) for y in reversed(leads_to(x))]
    return done


class Schedule:
    """`blocks` in order, `at[block]` its nodes in order, `of[node]` the block of a node."""

    def __init__(self, sea, motion=True):
        self.sea, self.motion = sea, motion
        self.ends = {n.block: n for n in sea.nodes if n.kind in ("if", "return")}
        self.jumps = {c: n for n in sea.nodes if n.kind in ("region", "loop") for c in n.control}
        self.blocks = postorder([sea.start], lambda b: self.after(b)[::-1])[::-1]
        self.rank = {b: i for i, b in enumerate(self.blocks)}
        self.dominator = self._dominators()
        self.depth = {}
        for b in self.blocks:
            self.depth[b] = 0 if b is sea.start else self.depth[self.dominator[b]] + 1
        self.loops = {b: self._members(b) for b in self.blocks if b.kind == "loop"}
        self.inside = {b: sum(b in m for m in self.loops.values()) for b in self.blocks}
        self.of = self._places()
        self.at = self._lists()

    # ----- control -----
    def after(self, block):
        """The blocks that control can go to from here."""
        end = self.ends.get(block)
        if end is not None:
            branches = [u for u in end.users if u.kind in ("true", "false")]
            return sorted(branches, key=lambda b: b.kind == "false")
        return [self.jumps[block]] if block in self.jumps else []

    def _dominators(self):
        found, changed = {self.blocks[0]: self.blocks[0]}, True
        while changed:
            changed = False
            for block in self.blocks[1:]:
                ways = [before(block, c) for c in block.control]
                ways = [b for b in ways if b in found]
                best = ways[0]
                for b in ways[1:]:
                    best = self._meet(found, best, b)
                if found.get(block) is not best:
                    found[block], changed = best, True
        return found

    def _meet(self, dominator, a, b):
        while a is not b:
            if self.rank[a] > self.rank[b]:
                a = dominator[a]
            else:
                b = dominator[b]
        return a

    def dominates(self, a, b):
        while self.depth[b] > self.depth[a]:
            b = self.dominator[b]
        return a is b

    def _members(self, loop):
        """The blocks of a loop: those from which control comes back without leaving it."""
        found, todo = {loop}, [before(loop, c) for c in loop.control[1:]]
        while todo:
            block = todo.pop()
            if block not in found:
                found.add(block)
                todo += [before(block, c) for c in block.control]
        return found

    # ----- places -----
    def _places(self):
        nodes = [n for n in self.sea.nodes if not n.is_control]
        pinned = {n: n.block or self.sea.start for n in nodes if n.block or n.kind == "param"}
        early = self._early(nodes, pinned)
        place = dict(pinned)
        for node in self._users_first(nodes):
            if node in place:
                continue
            late = None
            for user in node.users:
                for block in self._uses(node, user, place):
                    late = block if late is None else self._meet(self.dominator, late, block)
            place[node] = self._best(early[node], late)
        return place

    def _early(self, nodes, pinned):
        early = dict(pinned)
        for node in _inputs_first(nodes):
            if node not in early:
                blocks = [early[x] for x in node.data]
                early[node] = max(blocks, key=self.depth.get, default=self.sea.start)
        return early

    def _uses(self, node, user, place):
        """Where a user wants the node: a phi wants it at the end of the way that brings it."""
        if user.kind == "phi":
            ways = zip(user.control[0].control, user.data, strict=True)
            return [before(user, c) for c, x in ways if x is node]
        return [user.block if user.is_control else place[user]]

    def _best(self, early, late):
        best, block = late, late
        while self.motion and block is not early:
            block = self.dominator[block]
            if self.inside[block] < self.inside[best]:
                best = block
        return best

    def _users_first(self, nodes):
        return reversed(_inputs_first(nodes))

    def _lists(self):
        lists = {b: [] for b in self.blocks}
        for node in _inputs_first([n for n in self.sea.nodes if not n.is_control]):
            lists[self.of[node]].append(node)
        return lists


def _inputs_first(nodes):
    """Data nodes, each after its inputs; a phi waits for nobody."""
    done, order = set(), []
    for node in nodes:
        todo = [node]
        while todo:
            top = todo[-1]
            waits = [] if top.kind == "phi" else [x for x in top.data if x not in done]
            if top in done or not waits:
                todo.pop()
                if top not in done:
                    done.add(top)
                    order.append(top)
            else:
                todo += waits[::-1]
    return order
