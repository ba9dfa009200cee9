"""JAX: compiled where the strategy can be, since that is how it would be run.

A strategy that can be traced without knowing the lengths is one program for each padded shape. The
plain loop is `jit` of `f`: a program for each shape of an example. Whatever decides by values or
lengths as it runs stays as it is: operation by operation, with what it compiles itself.
"""

import sys

from autodiff_lab import xp

from ..batches.masked_batch import is_batch
from .contenders import Contender
from .gate import score, score_alone, weight_of

COMPILATION = "/jax/core/compile/backend_compile_duration"
_listeners: list = []


class Compilations:
    """While it is entered, `count` is the number of programs that XLA has compiled since."""

    count = 0

    def __enter__(self):
        _listen()
        _listeners.append(self)
        return self

    def __exit__(self, *_):
        _listeners.remove(self)


def _listen():
    """JAX tells every listener for good, so there is one, once."""
    jax = sys.modules.get("jax")
    if jax is None or _told in _registered:
        return
    _registered.append(_told)
    jax.monitoring.register_event_duration_secs_listener(_told)


def _told(event, duration, **_):
    if event == COMPILATION:
        for listener in _listeners:
            listener.count += 1


_registered: list = []


class Programs:
    """`f(arrays)` with its compiled programs, one for each shape of what it is given."""

    def __init__(self, f):
        self.f, self.programs = f, {}

    def __call__(self, arrays):
        import jax

        leaves, structure = jax.tree_util.tree_flatten(arrays)
        key = structure, tuple((x.shape, x.dtype) for x in leaves)
        if key not in self.programs:
            self.programs[key] = jax.jit(self.f).lower(arrays).compile()
        return self.programs[key](arrays)

    def planned_bytes(self):
        """The most that XLA plans for one program: its temporaries and its results."""
        plans = [program.memory_analysis() for program in self.programs.values()]
        if any(plan is None for plan in plans):
            return None
        return max(plan.temp_size_in_bytes + plan.output_size_in_bytes for plan in plans)


class Compiled(Contender):
    """A strategy under `jit`: the arrays and lengths in its arguments are the program's."""

    compiled = True

    def __init__(self, case, strategy):
        super().__init__(case, strategy)
        self.arrays = [i for i, x in enumerate(case.leaves) if _is_array(x)]
        self.programs = {True: Programs(self._training), False: Programs(self._forward)}

    def forward(self, floats, leaves=None):
        return self.programs[False](self._given(floats, leaves))

    def training(self, floats, leaves=None):
        return self.programs[True](self._given(floats, leaves))

    def peak_bytes(self, training):
        return self.programs[training].planned_bytes()

    def _given(self, floats, leaves):
        leaves = leaves or self.case.leaves
        return floats, [leaves[i] for i in self.arrays]

    def _forward(self, given):
        floats, arrays = given
        leaves = list(self.case.leaves)
        for i, x in zip(self.arrays, arrays, strict=True):
            leaves[i] = x
        return self.case.run(floats, self.strategy, leaves)

    def _training(self, given):
        floats, arrays = given
        loss = lambda new: score(self._forward((new, arrays)))  # noqa: E731
        return self.case.gradient(loss, floats)


class CompiledLoop(Compiled):
    """The plain loop over a compiled `f`. Each program adds its gradients to those before."""

    def __init__(self, case):
        super().__init__(case, "loop")
        self.examples = self._examples(case.floats, case.leaves)

    def _examples(self, floats, leaves):
        """What the programs are given: cut out before the clock starts, as a list would hold it."""
        found = []
        for i in range(self.case.count):
            mine, parts = self.case.example(i, floats, leaves)
            weight = self.case.verbs.asarray(weight_of(i), self.case.batches[0].data)
            found.append((mine, [parts[k] for k in self.arrays], weight))
        return found

    def _given(self, floats, leaves):
        if floats is self.case.floats and leaves is None:
            return self.examples
        return self._examples(floats, leaves or self.case.leaves)

    def forward(self, floats, leaves=None):
        return [self.programs[False](one) for one in self._given(floats, leaves)]

    def training(self, floats, leaves=None):
        total = [xp.of(x).zeros(x.shape, x.dtype, x) for x in self._shared(floats)]
        own = []
        for one in self._given(floats, leaves):
            total, mine = self.programs[True]((one, total))
            own.append(mine)
        return total, own

    def _shared(self, floats):
        places = self.case.places
        shared = [k for k, i in enumerate(places) if not is_batch(self.case.leaves[i])]
        return [floats[k] for k in (*shared, *range(len(places), len(floats)))]

    def _call(self, floats, arrays):
        leaves = list(self.case.leaves)
        for i, x in zip(self.arrays, arrays, strict=True):
            leaves[i] = x
        return self.case.alone(floats, leaves)

    def _forward(self, given):
        return self._call(*given[:2])

    def _training(self, given):
        (floats, arrays, weight), total = given
        loss = lambda new: score_alone(self._call(new, arrays), weight)  # noqa: E731
        found = self.case.gradient(loss, floats)
        shared = self._shared(found)
        own = [g for g in found if not any(g is s for s in shared)]
        return [a + b for a, b in zip(total, shared, strict=True)], own


def _is_array(x):
    return is_batch(x) or xp.framework_of(x) == "jax"
