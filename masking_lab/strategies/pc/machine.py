"""The machine: each example has a program counter and a stack, and all examples share the code.

At each turn one block is chosen, and run once for all examples that are at it. Examples that are
at the same line go on together, however deep in a recursion each of them is (Radul, Patton,
Maclaurin, Hoffman and Saurous 2020).

The counters and the stacks are NumPy's and live on the host; what they hold are numbers of values
(see `log`), never the values themselves.
"""

import inspect
import sys

import numpy as np

from autodiff_lab.reading import MISSING

from ...errors import MaskError
from ...lane import Lane
from ...lifting import calls, lending, limits
from ...lifting.changes import changeable
from . import flow
from .frames import Frames
from .graph import code_of
from .jumps import Branch, Call, Go
from .log import Differ, Log
from .sites import Kind, needs_frames, users
from .turn import Function, Turn
from .whiles import trips
from .whole import Whole

DONE = -1
LAST = 3  # of the levels of a turn
DEEP = 10  # times as deep as Python's own stack


class Machine:
    """`choose(counters)` gives the number of the block that runs next; `watch` sees each turn."""

    def __init__(self, verbs, like, count, choose, watch):
        self.log, self.choose, self.watch = Log(verbs, like), choose, watch
        self.pc, self.frame = np.full(count, DONE), np.full(count, DONE)
        self.results, self.depth = np.full(count, -1), np.zeros(count, int)
        self.blocks, self.numbers, self.tables = [], {}, {}
        self.levels, self.refused, self.seen_outside = {}, {}, {}
        self.cell = calls.straight_cells(like) or calls.made
        self.trips, self.is_bounded = {}, limits.max_trips() is not None

    def run(self, f, args, kwargs):
        """What `f` returns, for all examples; they are left in the last `Turn`."""
        turn = Turn(self, None, np.arange(len(self.pc)))
        self._push(turn, turn.group, DONE, code_of(f), None, args, kwargs)()
        while (active := np.flatnonzero(self.pc != DONE)).size:
            number = self.choose(self.pc[active])
            self.step(self.blocks[number], active[self.pc[active] == number])
        self.check_outside()

    # ----- one turn -----
    def step(self, block, group, level=0):
        """Run a block for a group; what is refused is tried more carefully (see `turn`)."""
        level = max(level, self.levels.get(block, 0))
        if level == LAST and len(group) > 1:
            return self._parts(block, group, np.arange(len(group)), level)
        turn, depths = Turn(self, block, group, level), self.depth[group]
        try:
            turn.run()
        except Differ as found:
            turn.take_back()
            return self._parts(block, group, found.labels, level)
        except Exception as error:
            turn.take_back()
            self.check_outside()
            if level == LAST or isinstance(error, (NotHere, TooDeep, limits.Endless)):
                raise
            self.step(block, group, level + 1)
            self.levels[block] = max(self.levels.get(block, 0), level + 1)
            self.refused.setdefault(block, error)
        else:
            self.watch(self, block, group, depths)

    def _parts(self, block, group, labels, level):
        for label in dict.fromkeys(labels.tolist()):
            self.step(block, group[labels == label], level)

    # ----- frames -----
    def frames(self, graph):
        if graph not in self.tables:
            self.tables[graph] = Frames(graph.own)
            for block in graph.blocks:
                self.numbers[block] = len(self.blocks)
                self.blocks.append(block)
        return self.tables[graph]

    def around(self, graph, rows, hops):
        """The blocks and the frames of a function so many further out."""
        for _ in range(hops):
            rows, graph = self.frames(graph).links["outer"][rows], graph.outer
        return graph, rows

    def home(self, graph, rows, name):
        """The same of the function that a name belongs to."""
        return self.around(graph, rows, graph.home(name))

    # ----- where each example goes; what is given back writes it down -----
    def follow(self, turn, block, asked):
        jump, group = block.jump, turn.group
        if type(jump) is Go:
            return self._ways(block, (group, jump.to))
        if type(jump) is Branch:
            test = flow.asked(asked[0])
            if not isinstance(test, Lane):
                return self._ways(block, (group, jump.yes if test else jump.no))
            yes = test.host if type(test) is Whole else np.asarray(decided(test.data))
            return self._ways(block, (group[yes], jump.yes), (group[~yes], jump.no))
        if type(jump) is Call:
            return self._call(turn, group, block, *asked)
        numbers = turn.put(asked[0])
        return lambda: self._return(block.graph, group, numbers)

    def _ways(self, source, *ways):
        """Where each of some groups goes."""

        def go():
            for group, target in ways:
                if self.is_bounded:
                    self._count(source, target, group)
                self._go(group, target)

        return go

    def _count(self, source, target, group):
        """The trips of `while` loops, in each frame; there may be too many."""
        for loop, anew, begins in trips(source.graph.whiles, source, target):
            counts = self.trips.setdefault((loop.head, loop.first), {})
            frames = self.frame[group].tolist()
            if anew:
                counts.update(dict.fromkeys(frames, 0))
            if begins:
                most = max([counts[n] for n in frames], default=0)
                here = [i for i, n in zip(group.tolist(), frames, strict=True) if counts[n] == most]
                limits.check(most, here, loop.place)
                counts.update({n: counts[n] + 1 for n in frames})

    def _go(self, group, block):
        self.pc[group] = self.numbers[block]

    def _call(self, turn, group, block, f, args, kwargs):
        back = self.numbers[block]
        loans, at = block.jump.loans, f"line {block.line}: `{block.text}`"
        if isinstance(f, Function):
            first, rows = f.things[0], np.asarray([t.frame for t in f.things])
            lending.refuse(first.code.name, first.code.signature, first.code.written, args, kwargs,
                           loans, at=at)  # fmt: skip
            return self._push(turn, group, back, first.code, (first.graph, rows), args, kwargs,
                              turn.defaults(f))  # fmt: skip
        own = users(f)
        if own is not None and needs_frames(own[0]):
            args, kwargs, code = (*own[1], *args), {**own[2], **kwargs}, code_of(own[0])
            lending.refuse(code.name, code.signature, code.written, args, kwargs, loans,
                           len(own[1]), at)  # fmt: skip
            return self._push(turn, group, back, code, None, args, kwargs)
        numbers = turn.put(calls.call(f, args, kwargs))
        lending.check(calls.callee(f), args, kwargs, lambda: loans)
        return lambda: self._answer(group, self.frame[group], block, numbers)

    def _push(self, turn, group, back, code, outer, args, kwargs, defaults=None):
        """A new frame for each example of the group, with the arguments in it."""
        given = code.bind(args, kwargs, defaults or {}).arguments
        numbers = {n: turn.put(x) for n, x in given.items()}

        def peek(name):
            if name in given:
                return shown(turn, given[name])
            if name in code.own or outer is None:
                return MISSING
            return shown(turn, turn.variable(*self.home(*outer, name), name))

        graph = code.graph(peek)
        self._check_depth(group, code)

        def push():
            frames = self.frames(graph)
            new = frames.new(len(group))
            frames.links["caller"][new], frames.links["back"][new] = self.frame[group], back
            if outer is not None:
                frames.links["outer"][new] = outer[1]
            for name, own in numbers.items():
                frames.values[name][new] = own
            self.frame[group] = new
            self.depth[group] += 1
            self._go(group, graph.first)

        return push

    def _check_depth(self, group, code):
        """No stack of Python's ends a recursion here; one without end must not fill the memory."""
        most = DEEP * sys.getrecursionlimit()
        if (deep := self.depth[group] >= most).any():
            raise TooDeep(
                f"calls of {code.name} stand {most} deep on examples {group[deep].tolist()}; mend "
                "what ends the recursion, or raise sys.setrecursionlimit"
            )

    def _return(self, graph, group, numbers):
        links, rows = self.frames(graph).links, self.frame[group]
        back, caller = links["back"][rows], links["caller"][rows]
        self.depth[group] -= 1
        for number in np.unique(back):
            here = back == number
            if number == DONE:
                self.results[group[here]], self.pc[group[here]] = numbers[here], DONE
            else:
                self._answer(group[here], caller[here], self.blocks[number], numbers[here])

    def _answer(self, group, rows, block, numbers):
        """A call has an answer: its block's frame takes it and goes on."""
        self.frames(block.graph).values[block.jump.target][rows] = numbers
        self.frame[group] = rows
        self._go(group, block.jump.to)

    # ----- what outlives the run -----
    def outside(self, x):
        """Something that was there before the run: nobody may change it."""
        if id(x) not in self.seen_outside:
            self.seen_outside[id(x)] = x, held(x)

    def check_outside(self):
        for x, before in self.seen_outside.values():
            if not same_things(before, held(x)):
                raise MaskError(
                    f"a {type(x).__name__} that outlives the call is changed in it: each example "
                    "would change it in its turn, a batch only once; return the value instead"
                )


class NotHere(MaskError):
    """The strategy does not apply."""


class TooDeep(MaskError, RecursionError):
    """A recursion has no end, as far as anybody knows."""


def decided(data):
    """Each example's own truth value: the host chooses what runs next."""
    try:
        return data.tolist()
    except Exception:  # inside a gradient an array is more than its numbers
        pass
    try:
        return [bool(data[i]) for i in range(data.shape[0])]
    except Exception:
        raise NotHere(
            "strategy='pc' does not apply: its program counters live on the host, where nobody "
            "knows which way an example goes while JAX is tracing (jax.jit, vmap, ad.grad); use "
            "jax.grad without jit, or strategy='masked'"
        ) from None


def shown(turn, x):
    """What a name means to all examples, or its class, if its calls can be told from it."""
    if isinstance(x, (Function, Lane, list, dict)):
        return MISSING
    if turn.is_own(x):
        return Kind(type(x))
    return x if callable(x) or inspect.ismodule(x) or changeable(x) else MISSING


def held(x):
    return list(x) if isinstance(x, list) else dict(x if isinstance(x, dict) else vars(x))


def same_things(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
    return list(a) == list(b) and all(a[k] is b[k] for k in a)
