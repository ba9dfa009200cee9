"""Transformation: on torch, trace one example with symbolic sizes, then interpret each size twice.

`make_fx` records what a function asks of PyTorch on tensors without values, whose ragged sizes are
`SymInt`s: in its graph a size is a node, and arithmetic on sizes is too. With `pre_dispatch` the
graph is in the words of PyTorch's functions, before they are taken to pieces, and each node goes
the way that the same call goes on a lane (`road`). A size has two values, the padded and the
example's own.

What Python asks of a size while it is traced (an `if`, `int(n)`, `range(n)`) PyTorch answers for
the sizes of the trace, and notes down that it did: a *guard*. Such a graph is refused. PyTorch's
own functions also compare sizes, to choose a layout or a kernel; that changes no meaning, unless
they froze a size to a number.

The tracer is experimental: where it is missing or refuses, functions run by dispatch alone.
"""

import operator
import os
import re

from autodiff_lab import source, trees, xp
from autodiff_lab.on_torch.inside import _definition, is_by_name, spelled
from autodiff_lab.on_torch.spellings import _meaning, spoken

from .. import sizes
from ..errors import NeedsValues
from ..lane import Lane, Length
from ..lifting.items import finished
from . import road


def run(f, args, kwargs, count):
    """Call `f` with lanes and shared tensors among its arguments; lanes in its structure."""
    leaves, _, rebuild = trees.flatten((args, kwargs))
    graph, ragged, outputs, build = _trace(f, leaves, rebuild)
    tensors = [x for x in leaves if _is_tensor(x)]
    results = iter(Interpreter(graph, ragged, count).run(tensors))
    return build([next(results) if x is TRACED else x for x in outputs])


def _is_tensor(x):
    return isinstance(x, Lane) or xp.framework_of(x) == "torch"


# ----- tracing -----
TRACED = object()


def _trace(f, leaves, rebuild):
    """The graph of `f`, each symbol's `Length`, and what `f` returns beside tensors."""
    import torch

    try:
        from torch.fx.experimental.proxy_tensor import make_fx
    except ImportError as error:
        raise NeedsValues(f"this PyTorch has no tracer with symbolic sizes ({error})") from None
    lengths = _different([n for x in leaves if isinstance(x, Lane) for n in x.shape])
    hints = _hints(lengths, leaves)
    tensors = [x for x in leaves if _is_tensor(x)]
    output = {}

    def traced(*values):
        values = iter(values)
        new = rebuild([next(values) if _is_tensor(x) else x for x in leaves])
        found, _, output["build"] = trees.flatten(finished(f(*new[0], **new[1])))
        output["leaves"] = [TRACED if _is_traced(torch, x) else x for x in found]
        return [x for x in found if _is_traced(torch, x)]

    def trace():
        return _graph(make_fx, traced, [_example(torch, x, lengths, hints) for x in tensors])

    graph = trace()
    try:
        symbols = _symbols(graph, tensors)
    except NeedsValues:
        graph = _outside(trace, graph)
        symbols = _symbols(graph, tensors)
    return graph, symbols, output["leaves"], output["build"]


def _outside(trace, graph):
    """Inside torch.vmap and torch.func.grad PyTorch itself freezes sizes: trace outside of them,
    if nothing that f reads from around it belongs to them."""
    import torch
    from torch._functorch import pyfunctorch

    outside = getattr(pyfunctorch, "temporarily_clear_interpreter_stack", None)
    constants = [operator.attrgetter(n.target)(graph) for n in graph.graph.nodes
                 if n.op == "get_attr"]  # fmt: skip
    inside = any(torch._C._functorch.is_functorch_wrapped_tensor(c) for c in constants)
    if outside is None or inside:
        return graph
    with outside():
        return trace()


DEEPEST = 6  # functions within functions


def _graph(make_fx, traced, given):
    """The graph in words that have a row; other functions are taken to pieces, layer by layer."""
    pieces = {}
    for _ in range(DEEPEST):
        graph = make_fx(traced, pieces, tracing_mode="symbolic", pre_dispatch=True,
                        _allow_non_fake_inputs=True)(*given)  # fmt: skip
        strange = {n.target for n in graph.graph.nodes if _is_strange(n)} - pieces.keys()
        found = {op: _definition(op) for op in strange}
        if not any(found.values()):
            break
        pieces.update({op: how for op, how in found.items() if how is not None})
    return graph


def _is_strange(node):
    """A call that nobody here knows by its name."""
    op = node.target
    if node.op != "call_function" or not hasattr(op, "namespace") or is_known(op):
        return False
    return not type(node.meta.get("val")).__name__.startswith("Sym")


COMPUTED = frozenset(
    ["diff"]
)  # made of pieces of computed sizes, which only the trace has names for


def is_known(op):
    if spoken(op) in COMPUTED:
        return False
    if spelled(op) is not None or spoken(op) in road.ANSWERS:
        return True
    return is_by_name(op) and _meaning(op)[1:] != (None, None)


def _is_traced(torch, x):
    return isinstance(x, (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool))


def _different(sizes):
    """The ragged sizes; those that agree are one."""
    found = []
    for n in sizes:
        if isinstance(n, Length) and not any(n.same(m) and n.padded == m.padded for m in found):
            found.append(n)
    return found


PRIMES = (211, 307, 401, 503, 601, 701, 809, 907, 101, 151, 251, 353, 457, 557)


def _hints(lengths, leaves):
    """A size to be traced with for each name: one that nothing else has."""
    fixed = {n for x in leaves if _is_tensor(x) for n in tuple(x.shape) if isinstance(n, int)}
    free = [p for p in PRIMES if p not in fixed]
    if len(lengths) > len(free):
        raise NeedsValues(f"f has {len(lengths)} ragged sizes, too many to be traced")
    return free[: len(lengths)]


def _example(torch, x, lengths, hints):
    """A tensor that looks like one example; nobody reads what it holds."""
    if not isinstance(x, Lane):
        return torch.empty(x.shape, dtype=x.dtype, device=x.device)
    shape = [n if not isinstance(n, Length) else hints[_place(n, lengths)] for n in x.shape]
    return torch.empty(shape, dtype=x.dtype, device=x.device)


def _place(n, lengths):
    return next(i for i, m in enumerate(lengths) if n.same(m) and n.padded == m.padded)


def _symbols(graph, tensors):
    """`(fixed, ragged)`: the numbers and the lengths that the tracer's symbols stand for."""
    fixed, ragged = {}, {}
    frozen = "PyTorch's tracer took a ragged size for a number; call f by ml.autobatch"
    placeholders = [n for n in graph.graph.nodes if n.op == "placeholder"]
    for node, x in zip(placeholders, tensors, strict=True):
        for symbol, n in zip(node.meta["val"].shape, x.shape, strict=True):
            if isinstance(n, Length) and not hasattr(symbol, "node"):
                raise NeedsValues(frozen)
            (ragged if isinstance(n, Length) else fixed)[_word(symbol)] = n
    _refuse_frozen(graph, fixed)
    return fixed, ragged


def _word(symbol):
    return str(symbol.node._expr if hasattr(symbol, "node") else symbol)


# ----- frozen sizes -----
def _refuse_frozen(graph, fixed):
    """A question about a ragged size that was answered for the sizes of the trace only."""
    for guard in _guards(graph):
        asked = guard.expr.subs({s: fixed[str(s)] for s in guard.expr.free_symbols
                                 if str(s) in fixed})  # fmt: skip
        if not getattr(asked, "free_symbols", ()):
            continue
        if type(asked).__name__ == "Equality" or _is_users(guard):
            raise NeedsValues(
                f"f needs to know a ragged size while it is traced{_where(guard)}, and each "
                "example has its own; compute with x.shape[0], or choose with torch.where"
            )


def _guards(graph):
    """What the tracer noted down."""
    inputs = (n.meta["val"].shape for n in graph.graph.nodes if n.op == "placeholder")
    symbols = (n for shape in inputs for n in shape if hasattr(n, "node"))
    return next((n.node.shape_env.guards for n in symbols), ())


def _is_users(guard):
    """Was it asked by anybody else than PyTorch's own functions?"""
    import torch

    frame = _frame(guard)
    inside = os.path.dirname(torch.__file__) + os.sep
    return frame is None or not frame.filename.startswith(inside)


def _where(guard):
    frame = _frame(guard)
    if frame is None or source.is_library(frame.filename):
        return ""
    return f" ({source.words((frame.filename, frame.lineno))})"


def _frame(guard):
    return getattr(getattr(guard, "sloc", None), "framework_loc", None)


# ----- interpreting -----
SYMBOL = r"\b[su](\d+)\b"


class Interpreter:
    """Evaluate a graph whose values may be lanes."""

    def __init__(self, graph, symbols, count):
        self.graph, self.count = graph, count
        self.fixed, self.ragged = symbols
        self.known = {}

    def run(self, tensors):
        import torch
        from torch.fx.node import map_arg

        env, tensors = {}, iter(tensors)
        with torch.set_grad_enabled(torch.is_grad_enabled()):  # f may leave it changed
            for node in self.graph.graph.nodes:
                if node.op == "output":
                    return map_arg(node.args[0], env.__getitem__)
                env[node] = self.node(node, tensors, lambda a: map_arg(a, env.__getitem__))

    def node(self, node, tensors, read):
        if node.op == "placeholder":
            return next(tensors)
        if node.op == "get_attr":
            return operator.attrgetter(node.target)(self.graph)
        value = node.meta.get("val")
        if type(value).__name__ == "SymInt":
            return self.size(value)
        args, kwargs = _meant(node.target, list(read(node.args)), dict(read(node.kwargs)))
        if node.target is operator.getitem:
            return args[0][args[1]]
        if not _has_lanes((args, kwargs)):
            return node.target(*args, **kwargs)
        if type(value).__name__ == "SymFloat":
            return _number(node.target, args)
        return self.settled(self.call(node.target, args, kwargs), value)

    def call(self, op, args, kwargs):
        rewriting = spelled(op) if spoken(op) not in road.ANSWERS else None
        if rewriting is not None:
            return rewriting(*args, **kwargs)
        return road.call(op, args, kwargs)

    def settled(self, y, look):
        """The result with the sizes that the trace has for it: equal ones are one object."""
        if isinstance(y, (tuple, list)):
            return [self.settled(a, b) for a, b in zip(y, look, strict=True)]
        if not isinstance(y, Lane) or not hasattr(look, "shape"):
            return y
        wanted = [self.size(n) if type(n).__name__ == "SymInt" else n for n in look.shape]
        own = [n.data if isinstance(n, Length) else None for n in wanted]
        if all(a is b for a, b in zip(own, y.sizes, strict=True)):
            return y
        if any(a is None and b is not None for a, b in zip(own, y.sizes, strict=True)):
            raise NeedsValues(f"a ragged size was taken for a number at {source.here()}")
        shape = (self.count, *(n.padded if isinstance(n, Length) else n for n in wanted))
        return Lane(_fitted(y.data, shape), own)

    def size(self, symbol):
        """A size that may be computed: one number, or each example's own and a bound."""
        word = _word(symbol)
        if word not in self.known:
            self.known[word] = self._size(word)
        return self.known[word]

    def _size(self, word):
        if word in self.ragged:
            return self.ragged[word]
        text = re.sub(r"\b(Python)?Mod\(", "mod(", re.sub(SYMBOL, r"n\1", word))
        text = (
            text.replace("Max(", "max(").replace("Min(", "min(").replace("FloorDiv(", "floordiv(")
        )
        found = {"n" + w[1:]: n for w, n in (self.ragged | self.fixed).items()}
        names = {w: n for w, n in found.items() if w in re.findall(r"\bn\d+\b", text)}
        own = {w: n.data if isinstance(n, Length) else n for w, n in names.items()}
        spans = {w: n.span if isinstance(n, Length) else (n, n) for w, n in names.items()}
        import torch

        lowest, highest = sizes.ends(text, spans)
        return (
            Length(sizes.own(text, own, torch), highest, lowest=lowest)
            if any(isinstance(n, Length) for n in names.values())
            else highest
        )


def _meant(op, args, kwargs):
    """Arguments as people write them: without those that say nothing."""
    if spoken(op) in ("softmax", "log_softmax") and args[2:] == [args[0].dtype]:
        args = args[:2]
    while args and args[-1] is None:
        args.pop()
    silent = ("pin_memory", "layout")
    return args, {k: v for k, v in kwargs.items() if v is not None and k not in silent}


def _fitted(data, shape):
    """Padding more or less: what lies there is dead."""
    verbs, zeros = xp.verbs("torch"), (0,) * len(shape)
    data = data[tuple(slice(n) for n in shape)]
    more = tuple(n - m for n, m in zip(shape, data.shape, strict=True))
    return verbs.pad(data, 0, zeros, more, zeros) if any(more) else data


def _has_lanes(tree):
    return any(isinstance(x, Lane) for x in trees.leaves(tree))


def _number(function, args):
    """Arithmetic on sizes that leaves the whole numbers, such as `n ** 0.5`."""
    name = getattr(function, "__name__", "")
    if name == "sym_float":
        return _weak(args[0].data.double())
    if name.lstrip("_").startswith("sym_"):
        import torch

        function = getattr(torch, name.lstrip("_").removeprefix("sym_"))
        return _weak(function(*(a.data if isinstance(a, Lane) else a for a in args)))
    return _weak(function(*(a.data if isinstance(a, Lane) else a for a in args)))


def _weak(data):
    return Lane(data, (), weak=True)
