"""A cell that a loop calls is watched twice, then run as a straight line: never another meaning.

The oracle is the loop over the examples. Lines that are kept make a mistake seen only later: so
each program runs again and again, and what it reads changes in between. `kept` says whether the
cell is a line at all: what is refused for no reason would be slow, and nothing would tell.
"""

import types

import pytest

import masking_lab as ml

torch = pytest.importorskip("torch")
F64 = torch.float64
D = 3
STRATEGIES = ["masked", "shrink", "packed"]
SETTINGS = types.SimpleNamespace(k=2.0)
MODULE = types.ModuleType("settings")
MODULE.k = 2.0
NUMBERS, NUMBER, WEIGHT = [2.0], 2.0, torch.eye(D, dtype=F64)
MASK = torch.tensor([True, False, True])


@pytest.fixture(autouse=True)
def anew():
    """Each test has the globals as they were."""
    yield
    SETTINGS.k = MODULE.k = NUMBERS[0] = 2.0
    globals()["NUMBER"] = 2.0
    WEIGHT.copy_(torch.eye(D))
    MASK.copy_(torch.tensor([True, False, True]))
    torch.set_autocast_enabled("cpu", False)


def examples(lengths=(3, 1, 6, 4, 7)):
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(n, D, generator=draw, dtype=F64) for n in lengths]


def walk(cell):
    def f(x):
        h = x.new_zeros(D)
        for v in x:
            h = cell(v, h)
        return h

    return f


def as_in_the_loop(f, change=lambda step: None, strategy="shrink", xs=None, steps=3):
    """Batched as alone, before and after each change."""
    xs, batched = xs or examples(), ml.autobatch(f, strategy)
    for step in range(steps):
        found = batched(ml.batch(xs)).unbatch()
        for y, x in zip(found, xs, strict=True):
            torch.testing.assert_close(y, f(x), rtol=1e-12, atol=1e-12, msg=f"step {step}")
        change(step)


# ----- what a line may read, and what it may not -----
def reads_a_namespace(v, h):
    return torch.tanh(v * SETTINGS.k + h)


def reads_a_module(v, h):
    return torch.tanh(v * MODULE.k + h)


def reads_a_list(v, h):
    return torch.tanh(v * NUMBERS[0] + h)


def reads_a_number(v, h):
    return torch.tanh(v * NUMBER + h)


def reads_it_inside(v, h):
    return torch.tanh(sum(NUMBER * a for a in (v, h)))


def reads_a_default(v, h, k={"k": 2.0}):  # noqa: B006
    return torch.tanh(v * k["k"] + h)


def reads_a_number_given(v, h, k=2.0):
    return torch.tanh(v * k + h)


def reads_a_weight(v, h):
    return torch.tanh(v @ WEIGHT + h)


def reads_a_weights_norm(v, h):
    return torch.tanh(v * WEIGHT.norm().item() + h)


def reads_a_weights_entry(v, h):
    return torch.tanh(v * float(WEIGHT[0, 0]) + h)


def decides_by_a_weight(v, h):
    return torch.tanh(v + h) if WEIGHT[0, 0] < 2 else h - v


def reads_a_mask(v, h):
    return torch.where(MASK, v, h)


def counts_by_a_mask(v, h):
    return torch.tanh(v * len(WEIGHT[MASK]) + h)


def asks_for_gradients(v, h):
    return torch.tanh(v + h) if torch.is_grad_enabled() else h - v


def asks_where_it_is(v, h):
    return torch.tanh(v + h) if v.device.type == "cpu" and not WEIGHT.is_cuda else h - v


def _set(name):
    return lambda step: globals().__setitem__(name, 3.0 + step)


def _defaults(f):
    return lambda step: setattr(f, "__defaults__", (3.0 + step,))


READERS = {  # cell: what changes, is it a line?
    reads_a_namespace: (lambda step: setattr(SETTINGS, "k", 3.0 + step), False),
    reads_a_module: (lambda step: setattr(MODULE, "k", 3.0 + step), False),
    reads_a_list: (lambda step: NUMBERS.__setitem__(0, 3.0 + step), False),
    reads_a_number: (_set("NUMBER"), True),
    reads_it_inside: (_set("NUMBER"), True),
    reads_a_default: (lambda step: reads_a_default.__defaults__[0].update(k=step), False),
    reads_a_number_given: (_defaults(reads_a_number_given), True),
    reads_a_weight: (lambda step: WEIGHT.mul_(0.5), True),
    reads_a_weights_norm: (lambda step: WEIGHT.mul_(0.5), False),
    reads_a_weights_entry: (lambda step: WEIGHT.mul_(0.5), False),
    decides_by_a_weight: (lambda step: WEIGHT.mul_(4), False),
    reads_a_mask: (lambda step: MASK.logical_not_(), True),
    counts_by_a_mask: (lambda step: MASK.logical_not_(), False),
    asks_for_gradients: (lambda step: torch.set_grad_enabled(step % 2 == 1), False),
    asks_where_it_is: (lambda step: None, True),
}


@pytest.mark.parametrize("cell", READERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_line_sees_what_changes_outside(strategy, cell, runs):
    change, kept = READERS[cell]
    with torch.enable_grad():
        as_in_the_loop(walk(cell), change, strategy)
    assert (cell in runs) == kept


class Module(torch.nn.Module):
    factor = 1.0

    def __init__(self, **attributes):
        super().__init__()
        self.linear = torch.nn.Linear(D, D, dtype=F64)
        vars(self).update(attributes)


class Scaled(Module):
    def forward(self, v, h):
        return torch.tanh(self.linear(v) * self.k + h)


class First(Module):
    def forward(self, v, h):
        return torch.tanh(self.linear(v) * self.k[0] + h)


class Named(Module):
    def forward(self, v, h):
        return torch.tanh(v + h) if self.k == "tanh" else v - h


class Called(Module):
    def forward(self, v, h):
        return self.k(self.linear(v) + h)


class Training(Module):
    def forward(self, v, h):
        return torch.tanh(self.linear(v)) if self.training else h - v


class OfTheClass(Module):
    def forward(self, v, h):
        return torch.tanh(self.linear(v) * self.factor + h)


class OfPyTorch(Module):
    """PyTorch's cells have a short way, and hooks a long one."""

    def __init__(self):
        super().__init__()
        self.cell = torch.nn.GRUCell(D, D, dtype=F64)

    def forward(self, v, h):
        return self.cell(v, h)


class Property(Module):
    @property
    def twice(self):
        return 2 * NUMBERS[0]

    def forward(self, v, h):
        return torch.tanh(v * self.twice + h)


def _k(*values):
    return lambda m, step: setattr(m, "k", values[step % len(values)])


MODULES = {
    "a number": (Scaled(k=1.0), _k(2.0, 3.0), True),
    "an array": (Scaled(k=torch.ones(D, dtype=F64)), _k(torch.zeros(D, dtype=F64)), True),
    "a tuple": (First(k=(1.0,)), _k((2.0,), (3.0,)), True),
    "a list": (First(k=[1.0]), lambda m, step: m.k.__setitem__(0, 2.0 + step), False),
    "a word": (Named(k="tanh"), _k("none", "tanh"), True),
    "a function": (Called(k=torch.tanh), _k(torch.sin, torch.tanh), True),
    "its mode": (Training(), lambda m, step: m.train(step % 2 == 1), True),
    "its class": (OfTheClass(), lambda m, step: setattr(OfTheClass, "factor", 2.0 + step), True),
    "a property": (Property(), lambda m, step: NUMBERS.__setitem__(0, 3.0 + step), False),
    "a layer": (OfTheClass(), lambda m, step: setattr(m, "linear", Module().linear), True),
    "a weight of a cell": (OfPyTorch(), lambda m, step: m.cell.reset_parameters(), True),
    "a hook of a cell": (OfPyTorch(), lambda m, step: _hooked(m.cell), True),
    "a hook": (OfTheClass(), lambda m, step: _hooked(m.linear), True),
}


def _hooked(layer):
    layer.register_forward_hook(lambda m, inputs, y: y * 2)


@pytest.mark.parametrize("what", MODULES)
def test_a_module_sees_what_changes_in_it(what, runs):
    m, change, kept = MODULES[what]
    as_in_the_loop(walk(m), lambda step: change(m, step))
    assert (m in runs) == kept


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_variable_around_it_may_get_another_weight(strategy, runs):
    weight = torch.eye(D, dtype=F64)

    def cell(v, h):
        return torch.tanh(v @ weight + h)

    def change(step):
        nonlocal weight
        weight = weight * (step + 2)

    as_in_the_loop(walk(cell), change, strategy)
    assert cell in runs


def test_a_parameter_may_be_given_data_of_another_shape():
    scale = torch.nn.Parameter(torch.ones(D, dtype=F64))

    def cell(v, h):
        return (torch.tanh(v + h) * scale).sum(-2) if scale.ndim > 1 else torch.tanh(v + h) * scale

    def change(step):
        scale.data = torch.ones(2, D, dtype=F64) * (step + 1)

    as_in_the_loop(walk(cell), change, xs=examples((4, 4)))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_autocast_gives_products_another_dtype(strategy, runs):
    weight = WEIGHT.float()

    def cell(v, h):
        return torch.tanh(v + h) if (v @ weight).dtype == torch.float32 else h - v

    def change(step):
        torch.set_autocast_enabled("cpu", step == 0)

    as_in_the_loop(walk(cell), change, strategy, xs=[x.float() for x in examples()])
    assert cell in runs


# ----- what a cell does another time -----
def test_an_array_that_is_given_may_decide():
    """In each trip another one, of one look: and the third goes another way."""

    def cell(v, h, t):
        return torch.tanh(v + h) if t < 3 else h - v

    def scaled(v, h, t):
        return torch.tanh(v * float(t) + h)

    for step in (cell, scaled):
        times = [torch.tensor(1.0), torch.tensor(1.0), *map(torch.tensor, range(5, 15))]

        def f(x, step=step, times=times):
            h, i = x.new_zeros(D), 0
            for v in x:
                h, i = step(v, h, times[i]), i + 1
            return h

        as_in_the_loop(f)


def test_what_has_a_state_is_asked_in_each_trip():
    """It gives the same twice, and then something else."""

    def cell(v, h):
        return torch.tanh(v * next(turn) + h)

    def method(v, h):
        return torch.tanh(v * turn.__next__() + h)

    for step in (cell, method):
        for _ in range(2):
            turn = iter([1.0, 1.0, *range(5, 50)])
            found = ml.autobatch(walk(step), "shrink")(ml.batch(examples((6,)))).unbatch()
            turn = iter([1.0, 1.0, *range(5, 50)])
            torch.testing.assert_close(found[0], walk(step)(examples((6,))[0]))


def test_an_array_inside_and_outside_at_once():
    """The weight that is given happens to be the one that the cell finds outside."""
    given = [WEIGHT]

    def cell(v, h, w):
        return torch.tanh(v @ w + h @ WEIGHT)

    def f(x):
        h, w = x.new_zeros(D), given[0]
        for v in x:
            h = cell(v, h, w)
        return h

    as_in_the_loop(f, lambda step: given.__setitem__(0, WEIGHT * (0.1 + step)))
