"""One turn of the machine: one block, for one group of examples.

What the block reads is gathered, what it leaves is written into the log, and only at the end are
counters, frames and things changed. So a turn that is refused can be taken back, and tried again:

    0  lists stay apart, each as long as it is
    1  lists as lifted code has them, with masks
    2  only examples whose numbers and lengths are the same, together
    3  each example alone
"""

import ast
import copy
import inspect

import numpy as np

from ...errors import MaskError
from ...lane import WATCHING, Lane
from ...lifting import calls, effects
from ...lifting import flow as lifted_flow
from ...lifting.changes import changeable, is_users_class
from ...lifting.items import Items
from ...lifting.rewrite import Rewriter
from ...lifting.undefined import Undefined
from ...setting import setting
from . import flow
from .log import Differ, Each, fields, opened
from .sites import users
from .things import Closure, Listed, Lists, Record, Views, host
from .walks import WALKS, asks_each, entries
from .whole import Whole


class Function:
    """A function that the run has made, of each example its own; code that calls it by itself, as
    `map` does, runs it for the whole group."""

    __slots__ = ("things", "turn")
    sees_lanes = True  # perhaps

    def __init__(self, turn, things):
        self.turn, self.things = turn, things

    def __call__(self, *args, **kwargs):
        return self.turn.now(self, args, kwargs)


class Turn:
    def __init__(self, machine, block, group, level=0):
        self.machine, self.log, self.block, self.group = machine, machine.log, block, group
        self.whole, self.strict, self.alone = level > 0, level > 1, len(group) == 1
        self.views, self.fresh, self.before, self.kept = Views(self), {}, {}, {}

    def run(self):
        block, machine = self.block, self.machine
        with setting(flow.turn, self), calls.answered_by(self.called, self.made), \
                setting(effects.masked, True):  # fmt: skip
            inside = [self.read(n, hops) for n, hops in block.inputs]
            found = block.graph.compiled(block)(*inside)
            outputs, asked = found[: len(block.outputs)], found[len(block.outputs) :]
            jump = machine.follow(self, block, asked)
            numbers = [self.left(x) for x in outputs]
            changes = list(self.views.changes())
        for things, new in changes:
            for thing, own in zip(things, new, strict=True):
                thing.numbers = own
        values, rows = machine.frames(block.graph).values, machine.frame[self.group]
        for n, new in zip(block.outputs, numbers, strict=True):
            values[n][rows] = new
        jump()
        self.views = None  # they look back at the turn: two that hold each other stay

    def take_back(self):
        for thing, numbers in self.before.items():
            thing.numbers[:] = numbers

    # ----- reading -----
    def read(self, name, hops):
        rows, graph = self.machine.frame[self.group], self.block.graph
        return self.variable(*self.machine.around(graph, rows, hops), name)

    def variable(self, graph, rows, name):
        numbers = self.machine.frames(graph).values[name][rows]
        missing = numbers < 0
        if missing.any():
            if not missing.all():
                raise Differ(missing)
            return Undefined(name)
        return self.get(numbers)

    def get(self, numbers):
        """The value with these numbers, one of each example."""
        numbers = np.asarray(numbers)
        found = self.log.get(numbers, self.views.of, self.strict)
        if self.alone and isinstance(found, Lane):
            found = self.plain(found) if found.weak else _unpadded(found)
            if not isinstance(found, Lane):
                return found
        self.kept[id(found)] = found, numbers
        return found

    def plain(self, x):
        """Python's own number, for an example that is alone."""
        if isinstance(x, slice):
            return slice(*map(self.plain, (x.start, x.stop, x.step)))
        return host(x.data)[0] if isinstance(x, Lane) and not x.ndim else x

    # ----- writing -----
    def put(self, x):
        """The numbers of a value, one for each example."""
        if isinstance(x, Undefined):
            x.read()
        known = self.kept.get(id(x))
        if known is not None and known[0] is x:
            return known[1]
        numbers = self.log.put(self.stored(x), len(self.group))
        self.kept[id(x)] = x, numbers
        return numbers

    def left(self, x):
        """The same for a variable, which may have no value (on some examples)."""
        if not isinstance(x, Undefined):
            return self.put(x)
        if type(x) is Undefined:
            return np.full(len(self.group), -1)
        return np.where(host(x._defined), self.put(x._value), -1)

    def stored(self, x):
        """A value as the log keeps it."""
        if isinstance(x, Lane):
            return x
        if isinstance(x, (Lists, Function)):
            return Each(x.things)
        if id(x) in self.views.known:
            return Each(self.views.known[id(x)])
        if isinstance(x, Items) or (changeable(x) and (id(x) in self.fresh or holds_own(x))):
            return Each(self.things(x))
        if changeable(x):
            self.machine.outside(x)
            return x
        if inspect.ismethod(x) and self.is_own(x.__self__):
            raise MaskError("a method of an object that each example has its own is kept; keep the "
                            "object, and call its method")  # fmt: skip
        parts = opened(x)
        return x if parts is None else parts[2]([self.stored(p) for p in parts[1]])

    def is_own(self, x):
        return id(x) in self.views.known or (changeable(x) and holds_own(x))

    def things(self, x):
        """A list, a dict or an object that the block has made, as each example's own."""
        if isinstance(x, list):
            own = [Listed(numbers) for numbers in self.listed(x)]
        else:
            held = x if isinstance(x, dict) else vars(x)
            columns = {k: self.put(v) for k, v in held.items()}
            own = [Record(x, {k: c[i] for k, c in columns.items()})
                   for i in range(len(self.group))]  # fmt: skip
        self.views.known[id(x)] = own
        self.fresh[id(x)] = x
        return own

    def listed(self, x):
        """Each example's numbers of a list's elements."""
        pairs = x.pairs() if isinstance(x, Items) else [(e, None) for e in x]
        if isinstance(x, Items) and x.blocks:
            x.spread()
            pairs = x.pairs()
        found = [[] for _ in self.group]
        for element, here in pairs:
            have = [True] * len(found) if here is None else host(here)
            for own, number, yes in zip(found, self.put(element), have, strict=True):
                if yes:
                    own.append(number)
        return found

    def lists(self, x):
        """A list, as the lists of all examples."""
        return Lists(self, self.things(x))

    def made(self, x):
        """A thing that the program has made: each example has its own."""
        x = Items(x) if type(x) is list else x  # what is made of it, `x * 3` say, is known as well
        if changeable(x):
            self.fresh[id(x)] = x
        return x

    # ----- functions -----
    def function(self, k, defaults):
        graph, frames = self.block.graph, self.machine.frame[self.group]
        code = graph.define.code_of(k)
        columns = {n: self.put(x) for n, x in defaults.items()}
        return Function(self, [Closure(code, graph, frame, {n: c[i] for n, c in columns.items()})
                               for i, frame in enumerate(frames)])  # fmt: skip

    def function_of(self, things):
        return Function(self, things)

    def defaults(self, f):
        return {n: self.get([t.defaults[n] for t in f.things]) for n in f.things[0].defaults}

    def now(self, f, args, kwargs):
        """A call of it inside a block: lifted, and run for the whole group."""
        first = f.things[0]
        self.views = self.views or Views(self)  # gone, if the turn is over: checkpoint calls again
        if first.code.made is None:
            first.code.made = lifted(first.code)
        rows, values = np.asarray([t.frame for t in f.things]), []
        for name in first.code.free:
            values.append(self.variable(*self.machine.home(first.graph, rows, name), name))
        bound = first.code.bind(args, kwargs, self.defaults(f))
        return first.code.made(*values)(*bound.args, **bound.kwargs)

    # ----- calls inside a block -----
    def called(self, f, args, kwargs):
        if isinstance(f, Function):
            return f(*args, **kwargs)
        if inspect.isbuiltin(f) or inspect.isclass(f):
            if f in WALKS and asks_each(args):
                return WALKS[f](self.lists, *args, **kwargs)
            args = tuple(map(entries, args))
            if f is len and isinstance(args[0], Lists):
                return args[0].size()
            if f is len and self.alone:
                return self.plain(calls.made(f, args, kwargs))
        if not any([isinstance(x, (Lists, Items)) for x in args]) or _is_users(f):
            may_be_cell = WATCHING or inspect.isfunction(f) or hasattr(f, "forward")
            return (self.machine.cell if may_be_cell else calls.made)(f, args, kwargs)
        if f is list:
            return self.made(args[0].copy())
        for x in args:
            if isinstance(x, Lists) and 0 in (lengths := x.lengths()) and any(lengths):
                raise Differ(np.asarray(lengths) > 0)  # the sum of nothing is Python's 0
        return calls.made(f, tuple(map(_of_lifted_code, args)), kwargs)


def _is_users(f):
    return users(f) or (inspect.isclass(f) and is_users_class(f))


def _unpadded(x):
    """An array of one example, in its own size; lists of arrays stay padded."""
    if type(x) is Whole:
        own = [slice(None) if n is None else slice(int(n[0])) for n in x.own]
        return Whole(x.host[(slice(None), *own)], x.like, x.weak)
    if all(n is None for n in x.sizes) or any(n is not None and n.ndim > 1 for n in x.sizes):
        return x
    own = [slice(None) if n is None else slice(host(n)[0]) for n in x.sizes]
    return Lane(x.data[(slice(None), *own)], (None,) * x.ndim)


def _of_lifted_code(x):
    """A list as libraries and lifted builtins take it."""
    if isinstance(x, Lists):
        x = x.items()
    return list(x) if isinstance(x, Items) and not x.ragged else x


def holds_own(x):
    """Does a list, a dict or an object hold something that is each example's own?"""
    held = x if isinstance(x, (list, dict)) else vars(x)
    return any([_is_own(y) for y in (held.values() if isinstance(held, dict) else held)])


def _is_own(x):
    if isinstance(x, (Lane, Lists, Function)):
        return True
    if isinstance(x, tuple):
        return any(map(_is_own, fields(x)))
    return changeable(x) and holds_own(x)


def lifted(code):
    """A function of the variables around a function, which gives the function, lifted."""
    tree = ast.parse("def around(): pass").body[0]
    tree.args.args = [ast.arg(n) for n in code.free]
    inner = copy.deepcopy(code.whole)
    tree.body = [inner, ast.Return(ast.Name(inner.name, ast.Load()))]
    for node in (tree, *tree.args.args, tree.body[1], tree.body[1].value):
        ast.copy_location(node, inner)
    tree = Rewriter(code.text, tree, ()).tree
    return code.text.function(tree, flow=lifted_flow)
