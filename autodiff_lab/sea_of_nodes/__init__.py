"""Sea of nodes: one graph that holds data and control, and is the whole program.

    s = ad.sea(f)        from the text of a Python function
    print(s)             the graph as a table; s.dot(), s.model() to draw it
    s(x)                 run the graph as it is, on torch tensors, JAX arrays or numbers
    s.source             scheduled back to Python; s.function is that text as a function
    s.grad()             a new sea: value and gradient

In a control-flow graph each operation has a place in a list in a block. In a sea it has inputs, and
no place unless it needs one: a constant, a product, a sine float, and only what may fail, decide or
repeat is tied to control by an edge (Click & Paleczny, "A Simple Graph-Based Intermediate
Representation", 1995; Click's thesis, 1995). So the classical optimisations are hardly written at
all: equal nodes are one node (`nodes`), constants fold as nodes are made (`peepholes`), dead code
is what the end does not reach, and what does not change in a loop is placed before it when places
are given out, last of all (`schedule`: Click, "Global Code Motion, Global Value Numbering", 1995).

Read it in this order:

    nodes                               the graph, and the one door through which nodes come in
    ssa, build, expressions             from the text of a function to nodes (Braun et al. 2013)
    meanings                            what a call or an operator means, and its row of the table
    peepholes                           the rules that simplify
    interpret, traced                   running the graph, under jax.jit with lax.cond and lax.while
    schedule                            a place for every node
    variables, python                   back to Python
    activity, adjoints, differentiate   reverse mode: what has a derivative, what a row says, the
                                        way back; `verbs` is what both directions compute with

Where industry stands. HotSpot's C2 and Graal, the optimising compilers of Java, are seas of nodes
to this day. V8 was one for a decade and has largely left it for a control-flow graph ("Land ahoy:
leaving the Sea of Nodes", v8.dev, March 2025): in JavaScript most operations can have effects or
fail, so that nearly all hang on one chain of effects and little floats; such graphs are hard to
read and to debug, and slow to compile. Numerical programs are the kind case: few effects, much that
floats. TensorFlow 1 had control in its dataflow graph (Switch, Merge, Enter, Exit), and TensorFlow
2 put functions in its place; Myia differentiated a graph of functions, and sleeps; JAX and torch.fx
keep straight lines with regions inside. So this is a thing to learn from, not a recommendation.
SeaOfNodes/Simple, by Click and others, teaches the whole of it in Java.

What a sea is not: it has no effects, so printing, writing into arrays, random numbers and
exceptions are refused with their place in the text. A computation that nobody reads is not made,
and an error it would have raised is not raised. Arithmetic on what the function was given counts as
total (numbers, or arrays whose shapes fit), so it may be computed before a loop that makes no trip;
division, powers, indexing and calls may fail, and stay where they are. Names mean what they mean
when the sea is made.
"""

import functools
import inspect

from ..errors import AutodiffError
from ..reading import read
from . import interpret, listing
from .build import Builder
from .differentiate import Reverse
from .peepholes import decide, settle, simplify
from .python import Writer
from .schedule import Schedule


def sea(f, optimize=True):
    """The sea of nodes of a Python function.

    `optimize=False` leaves out value numbering and the peepholes, to see what they do.

    >>> def power(x, n):
    ...     y = 1.0
    ...     while n > 0:
    ...         y = y * x
    ...         n = n - 1
    ...     return y
    >>> s = sea(power)
    >>> s(2.0, 3), s.grad()(2.0, 3)
    (8.0, (8.0, 12.0))
    >>> print(s)
    <sea of power: 17 nodes, 1 branch, 1 loop>
    node  what     data    control  placed in  line
    %0    start
    %1    param x                   %0         1: def power(x, n):
    %2    param n                   %0
    %3    1.0                       %0         2: y = 1.0
    %4    loop             %0 %9               3: while n > 0:
    %5    phi n    %2 %14  %4       %4
    %6    0                         %0
    %7    >        %5 %6            %4
    %8    if       %7      %4       %4
    %9    true             %8
    %10   false            %8
    %11   phi y    %3 %12  %4       %4         4: y = y * x
    %12   y = *    %11 %1           %9
    %13   1                         %0         5: n = n - 1
    %14   n = -    %5 %13           %9
    %15   return   %11     %10      %10        6: return y
    %16   stop             %15                 1: def power(x, n):

    A loop's second control edge comes back from its end; its phis take the second of their values
    when control comes that way. What has no control edge floats.
    """
    return f if isinstance(f, Sea) else sea_of(f, optimize, {})


def sea_of(f, optimize, known):
    """`known` are the seas of one program: functions that call each other find each other."""
    key = (f.__func__, id(f.__self__)) if inspect.ismethod(f) else f
    if key not in known:
        known[key] = found = Sea(f, optimize, known)
        found._build()
    return known[key]


class Sea:
    """A function as one graph. `nodes` are in a stable order, `start` and `stop` are its ends."""

    differentiates = None  # of a gradient: the sea that it is the gradient of

    def __init__(self, f, optimize, known):
        self.text, self.original, self.optimize, self.known = read(f), f, optimize, known
        self.name, self._gradients = self.text.name, {}

    def _build(self):
        builder = Builder(self, simplify)
        self._finish(builder.graph, builder.build(), builder.parameters, builder.check)

    def _finish(self, graph, stop, parameters, check=dict):
        if self.optimize:
            settle(graph)
            decide(graph, stop)
            settle(graph)
        self.written = check()
        self.start, self.stop, self.parameters = graph.start, stop, parameters
        self.nodes = graph.living(stop, parameters)

    def refusal(self, node, why):
        return self.text.refusal(node.tree, why)

    # ----- run -----
    def __call__(self, *args, **kwargs):
        return interpret.run(self, self._values(args, kwargs))

    def follow(self, *args, **kwargs):
        """Run it, and give the way that control took as text, a line for each step."""
        walked = []
        y = interpret.run(self, self._values(args, kwargs), walked)
        return "\n".join([*listing.steps(self, walked), f"returns {y}"])

    def _values(self, args, kwargs):
        values = interpret.bind(self, args, kwargs)
        for name, refusal in self.written.items():
            interpret.check_not_written(values[name], refusal)
        return list(values.values())

    @functools.cached_property
    def schedule(self):
        return Schedule(self)

    @functools.cached_property
    def plan(self):
        return interpret.Plan(self.nodes)

    # ----- differentiate -----
    def grad(self, argnums=0):
        """The sea that gives `(value, gradient)` of this one, which must return a scalar.

        `argnums` is the position of the parameter, or a tuple of positions.
        """
        count = len(self.parameters)
        for i in argnums if isinstance(argnums, tuple) else (argnums,):
            if not isinstance(i, int) or not 0 <= i < count:
                raise AutodiffError(
                    f"argnums={argnums!r} asks for parameter {i!r}, and {self.name} has {count}, "
                    "counted from 0"
                )
        if self.differentiates is not None:
            raise AutodiffError(
                f"{self.name} is a gradient already; for a second derivative take ad.jvp or "
                "ad.jacrev of this sea, which is a function like any other"
            )
        return self._reversed(argnums, seeded=False)

    def _reversed(self, argnums, seeded):
        """With `seeded`, the cotangent of the answer is one more parameter."""
        if (argnums, seeded) not in self._gradients:
            reverse = Reverse(self, argnums, seeded)
            new = Sea(self.original, True, self.known)
            new.name, new.differentiates = f"{self.name}_and_gradient", self
            new._finish(reverse.graph, reverse.stop, reverse.parameters)
            new.written = self.written
            self._gradients[argnums, seeded] = new
        return self._gradients[argnums, seeded]

    def transposed(self, argnums, args, kwargs, g):
        """The cotangents of some parameters, for a call with the cotangent `g` of its answer."""
        new = self._reversed(argnums, seeded=True)
        return interpret.run(new, [*new._values(args, kwargs), g])[1]

    # ----- back to Python -----
    @functools.cached_property
    def _written_out(self):
        writer = Writer(self)
        return writer.text(), writer.extras()

    @property
    def source(self):
        """The sea, scheduled, as the text of a Python function."""
        return self._written_out[0]

    @functools.cached_property
    def function(self):
        """That text as a function."""
        text, extras = self._written_out
        made = self.text.function_of(text, **extras)
        if not self.written:
            return made

        @functools.wraps(made)
        def checked(*args, **kwargs):
            self._values(args, kwargs)
            return made(*args, **kwargs)

        return checked

    # ----- see -----
    def __len__(self):
        return len(self.nodes)

    def __repr__(self):
        kinds = [node.kind for node in self.nodes]
        forks, loops = kinds.count("if"), kinds.count("loop")
        counts = f"{forks} branch{'es' * (forks != 1)}, {loops} loop{'s' * (loops != 1)}"
        return f"<sea of {self.name}: {len(self)} nodes, {counts}>"

    def __str__(self):
        return listing.table(self)

    def dot(self):
        """The graph as text for Graphviz."""
        return listing.dot(self)

    def model(self):
        """The graph as plain dicts, to be drawn."""
        return listing.model(self)


__all__ = ["Sea", "sea"]
