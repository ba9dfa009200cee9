"""Which values become variables of the scheduled Python, and which of them share a name.

A value that is read once, in the block where it is computed, is written where it is read. Of the
others, a phi and what flows into it share a name if they come from the same variable of the user
and are never alive at the same time: so `i = phi(0, i + 1)` is written `i = i + 1`.
"""

import keyword
from collections import defaultdict

from .ssa import before


class Names:
    """`of[node]` is the name of each node that is a variable; others are written in place."""

    def __init__(self, schedule, taken):
        self.schedule, self.taken = schedule, set(taken)
        self.inline = self._inlined()
        self.moves = {b: self._moves(b) for b in schedule.blocks}
        self.clashes = self._clashes()
        self.classes = {v: [v] for v in self._variables()}
        self._share()
        self.of = self._names()

    def is_variable(self, node):
        return node.kind in ("param", "phi") or (
            node.kind in ("op", "call") and node not in self.inline
        )

    def _variables(self):
        params = self.schedule.sea.parameters
        return [*params, *(n for n in self.schedule.sea.nodes
                           if self.is_variable(n) and n.kind != "param")]  # fmt: skip

    # ----- what is written where it is read -----
    def _inlined(self):
        s, found = self.schedule, set()
        for node in s.sea.nodes:
            if node.kind in ("op", "call") and len(node.users) == 1:
                (user,) = node.users
                if sum(x is node for x in user.data) == 1 and self._at_home(node, user):
                    found.add(node)
        return found

    def _at_home(self, node, user):
        if user.kind == "phi":
            ways = zip(user.control[0].control, user.data, strict=True)
            (home,) = [before(user, c) for c, x in ways if x is node]
            return home is self.schedule.of[node] and base(user) in (base(node), "t")
        home = user.block if user.is_control else self.schedule.of[user]
        return home is self.schedule.of[node] and node.name is None

    def reads(self, node):
        """The variables that writing this node's expression reads."""
        found, todo = set(), list(node.data) if self.is_variable(node) else [node]
        while todo:
            x = todo.pop()
            if self.is_variable(x):
                found.add(x)
            else:
                todo += x.data
        return found

    def _moves(self, block):
        """What the phis behind a block take from here."""
        region = self.schedule.jumps.get(block)
        if region is None:
            return []
        way = region.control.index(block)
        phis = sorted((u for u in region.users if u.kind == "phi"), key=lambda p: p.index)
        return [(p, p.data[way]) for p in phis if p.data[way].kind != "undefined"]

    # ----- which are alive together -----
    def _clashes(self):
        s, live_in, clashes, changed = self.schedule, defaultdict(set), defaultdict(set), True
        while changed:
            changed = False
            for block in reversed(s.blocks):
                live = self._walk(block, live_in, None)
                if live != live_in[block]:
                    live_in[block], changed = live, True
        for block in s.blocks:
            self._walk(block, live_in, clashes)
        return clashes

    def _walk(self, block, live_in, clashes):
        """Backwards through a block; gives what is alive at its beginning."""
        s = self.schedule
        live = set().union(*(live_in[b] for b in s.after(block)))
        for _, x in self.moves[block]:
            live |= self.reads_of(x)
        end = s.ends.get(block)
        for x in end.data if end else ():
            live |= self.reads_of(x)
        phis = [n for n in s.at[block] if n.kind == "phi"]
        for node in reversed(s.at[block]):
            if self.is_variable(node) and node.kind in ("op", "call"):
                live.discard(node)
                _note(clashes, node, live)
                live |= self.reads(node)
        for phi in phis:
            _note(clashes, phi, live | set(phis))
        if block is s.sea.start:
            for p in s.sea.parameters:
                _note(clashes, p, live | set(s.sea.parameters))
        return live - set(phis)

    def reads_of(self, x):
        return {x} if self.is_variable(x) else self.reads(x)

    # ----- sharing -----
    def _share(self):
        """First what a phi chooses from, then what is made from a value of the same name."""
        for phi in [v for v in self.classes if v.kind == "phi"]:
            for x in phi.data:
                if x in self.classes and base(x) in (base(phi), "t"):
                    self._join(phi, x)
        for node in [v for v in self.classes if v.kind != "param" and base(v) != "t"]:
            for source in node.data if node.kind == "phi" else [node]:
                for x in sorted(self.reads(source), key=lambda x: x.index):
                    if base(x) == base(node):
                        self._join(node, x)

    def _join(self, a, b):
        mine, theirs = self.classes[a], self.classes[b]
        if mine is theirs or any(y in self.clashes[x] for x in mine for y in theirs):
            return
        if any(x.kind == "param" for x in mine) and any(x.kind == "param" for x in theirs):
            return
        mine += theirs
        for x in theirs:
            self.classes[x] = mine

    def _names(self):
        names = {}
        for p in self.schedule.sea.parameters:
            self.taken.add(p.name)
            names.update(dict.fromkeys(self.classes[p], p.name))
        for v in self.classes:
            if v not in names:
                known = [base(x) for x in self.classes[v] if base(x) != "t"]
                names.update(dict.fromkeys(self.classes[v], self._free(known[0] if known else "t")))
        return names

    def _free(self, name):
        found, count = name, 0
        while found in self.taken or keyword.iskeyword(found):
            count += 1
            found = f"{name}_{count}"
        self.taken.add(found)
        return found


def _note(clashes, node, live):
    if clashes is not None:
        for other in live - {node}:
            clashes[node].add(other)
            clashes[other].add(node)


def base(node):
    """The user's name for a value; "t" if there is none."""
    return (node.name or "t").split(" ")[0]
