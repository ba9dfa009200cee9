"""x"""

import functools

from ..errors import AutodiffError
from ..reading import read
from ..reading.names import bound  # noqa: F401
from . import interpret
from .build import Builder
from .differentiate import Reverse
from .meanings import _call
from .nodes import Op
from .peepholes import decide, settle, simplify
from .python import Writer


def sea(f, optimize=True):
    return f if isinstance(f, Sea) else _sea_of(f, optimize, {})


def _sea_of(f, optimize, known):
    key = f if getattr(f, "__self__", None) is None else (f.__func__, id(f.__self__))
    if key not in known:
        known[key] = found = Sea(f, optimize, known)
        found._build()
    return known[key]


class Sea:
    def __init__(self, f, optimize, known):
        self.text, self.original, self.optimize, self.known = read(f), f, optimize, known
        self.name = self.text.name
        self.seeded, self._reverse = False, {}

    def _build(self):
        builder = Builder(self, simplify)
        stop = builder.build()
        self._finish(builder.graph, stop, builder.parameters, builder.check)

    def _finish(self, graph, stop, parameters, check=dict):
        if self.optimize:
            settle(graph)
            decide(graph, stop)
            settle(graph)
        self.written = check()
        self.start, self.stop, self.parameters = graph.start, stop, parameters
        for p in parameters:
            stop.data.append(p)
        self.nodes = graph.living(stop)
        stop.data = []
        for p in parameters:
            p.users = [u for u in p.users if u is not stop]

    def refusal(self, node, why):
        return self.text.refusal(node.tree, why)

    def calling(self, func, spelled, count, words):
        callee = _sea_of(func, self.optimize, self.known)

        def call(*xs):
            plain = len(xs) - len(words)
            return callee(*xs[:plain], **dict(zip(words, xs[plain:], strict=True)))

        op = Op(spelled, call, None, _call(spelled, count, words))
        op.key = (op.name, op.form, id(callee))
        op.callee, op.words, op.count = callee, words, count
        return op

    @functools.cached_property
    def plan(self):
        return interpret.Plan(self.nodes)

    def __call__(self, *args, **kwargs):
        values = interpret.bind(self, args, kwargs)
        return interpret.run(self, values)

    def grad(self, argnums=0):
        return self._reversed(argnums, False)

    def _reversed(self, argnums, seeded):
        if (argnums, seeded) not in self._reverse:
            reverse = Reverse(self, argnums, seeded)
            new = Sea(self.original, True, self.known)
            new.name, new.seeded = f"{self.name}_and_gradient", seeded
            new._finish(reverse.graph, reverse.stop, reverse.parameters)
            self._reverse[argnums, seeded] = new
        return self._reverse[argnums, seeded]

    def transposed(self, wanted, words, plain):
        names = [p.name for p in self.parameters]
        at = tuple(i if i < plain else names.index(words[i - plain]) for i in wanted)
        return self._reversed(at, True)

    def run_with(self, g, args, words, more):
        values = interpret.bind(self, args, dict(zip(words, more, strict=True)))
        return interpret.run(self, [*values, g])[1]

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
