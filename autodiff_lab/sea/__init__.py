"""x"""

import functools

from ..reading import read
from . import listing
from .build import Builder
from .interpret import Plan, bind, run
from .nodes import Op
from .peepholes import decide, settle, simplify
from .python import Writer


def sea(f, optimize=True):
    if isinstance(f, Sea):
        return f
    return _sea(f, optimize, {})


def _sea(f, optimize, known):
    key = f if getattr(f, "__self__", None) is None else (f.__func__, id(f.__self__))
    if key not in known:
        known[key] = found = Sea()
        found._build(f, optimize, known)
    return known[key]


class Sea:
    def _build(self, f, optimize, known):
        self.text, self.optimize, self.known = read(f), optimize, known
        self.name, self.original = self.text.name, f
        builder = Builder(self.text, optimize, simplify)
        builder.sea = self
        stop = builder.build()
        graph = builder.graph
        if optimize:
            settle(graph)
            decide(graph, stop)
            settle(graph)
        self.written = builder.check()
        self._finish(graph, stop, builder.parameters)

    def _finish(self, graph, stop, parameters):
        self.start, self.stop = graph.start, stop
        self.nodes = graph.living(stop)
        for p in parameters:
            if p not in self.nodes:
                p.users = []
        self.parameters = parameters

    def refusal(self, node, why):
        return self.text.refusal(node.tree, why)

    def calling(self, func, spelled, count, words):
        callee = _sea(func, self.optimize, self.known)
        op = Op(spelled, lambda *xs: callee._called(words, xs), None, None)
        from .meanings import _call

        op.form = _call(spelled, count, words)
        op.key = (op.name, op.form, id(callee))
        op.callee = callee
        return op

    def _called(self, words, xs):
        plain = len(xs) - len(words)
        return self(*xs[:plain], **dict(zip(words, xs[plain:], strict=True)))

    @functools.cached_property
    def plan(self):
        return Plan(self.nodes)

    def __call__(self, *args, **kwargs):
        return run(self, bind(self, args, kwargs))

    @functools.cached_property
    def _writer(self):
        w = Writer(self)
        return w, w.text()

    @property
    def source(self):
        return self._writer[1]

    @functools.cached_property
    def function(self):
        w, text = self._writer
        return self.text.function_of(text, **w.extras())

    def __len__(self):
        return len(self.nodes)
