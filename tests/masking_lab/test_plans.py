"""Speed must not change the meaning: plans that are kept, layers that run whole, loops that end.

The oracle is the plain loop over the examples in float64 with PyTorch's own gradients, of the
weights and of the examples. Padding holds 0, NaN, inf and 1e30: not one bit may change.
"""

import math

import numpy as np
import pytest

import masking_lab as ml
from autodiff_lab import xp
from autodiff_lab.table import ROWS
from masking_lab import rules
from tests.helpers import sample

torch = pytest.importorskip("torch")
F = torch.nn.functional
POISON = (0.0, math.nan, math.inf, 1e30)
D = 4


def examples(*lengths, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(n, D, dtype=torch.float64, generator=draw) for n in lengths]


def leaves(y):
    return [y] if not isinstance(y, (tuple, list)) else [v for part in y for v in leaves(part)]


def same_as_loop(f, weights, *columns):
    """Values and gradients, whatever the padding holds."""
    columns = [[x.clone().requires_grad_() for x in xs] for xs in columns]
    want = [leaves(f(*xs)) for xs in zip(*columns, strict=True)]
    given = [*weights, *[x for xs in columns for x in xs]]
    wanted = gradient(sum(y.sin().sum() for ys in want for y in ys), given)
    seen = []
    for fill in POISON:
        batches = [poisoned(ml.batch(xs, ragged=0), fill) for xs in columns]
        found = [y.unbatch() for y in leaves(ml.autobatch(f)(*batches))]
        for ys, alone in zip(zip(*found, strict=True), want, strict=True):
            for y, expected in zip(ys, alone, strict=True):
                torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-12)
        total = sum(y.sin().sum() for ys in found for y in ys)
        seen.append(gradient(total, given))
        for g, expected in zip(seen[-1], wanted, strict=True):
            torch.testing.assert_close(g, expected, rtol=1e-8, atol=1e-10)
        assert all((a == b).all() for a, b in zip(seen[0], seen[-1], strict=True))


def gradient(total, given):
    found = torch.autograd.grad(total, given, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, given, strict=True)]


def poisoned(b, value):
    mask = b.mask.reshape(*b.mask.shape, *[1] * (b.data.ndim - b.mask.ndim))
    return ml.MaskedBatch(torch.where(mask, b.data, value), b.sizes)


# ----- layers -----
def layer(make):
    torch.manual_seed(0)
    made = make().double()
    return made, list(made.parameters())


LAYERS = {
    "block": lambda: torch.nn.TransformerEncoderLayer(D, 2, 8, dropout=0.0, batch_first=True),
    "block, norm first": lambda: torch.nn.TransformerEncoderLayer(
        D, 2, 8, dropout=0.3, batch_first=True, norm_first=True, activation="gelu"
    ).eval(),
    "linear": lambda: torch.nn.Sequential(
        torch.nn.Linear(D, D), torch.nn.GELU(), torch.nn.LayerNorm(D), torch.nn.Softmax(-1)
    ),
    "softmax over the length": lambda: torch.nn.Sequential(
        torch.nn.Linear(D, D), torch.nn.Softmax(0)
    ),
    "activations": lambda: torch.nn.Sequential(
        torch.nn.Linear(D, D),
        torch.nn.ELU(),
        torch.nn.SiLU(),
        torch.nn.LeakyReLU(),
        torch.nn.Linear(D, 2),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_pytorch_on_one_example(name):
    run, weights = layer(LAYERS[name])
    same_as_loop(lambda x: run(x), weights, examples(3, 1, 5))


@pytest.mark.parametrize("separate", [False, True])
def test_attention_from_one_sequence_to_another(separate):
    sizes = {"kdim": D, "vdim": D} if separate else {}
    run, weights = layer(lambda: torch.nn.MultiheadAttention(D, 2, batch_first=True, **sizes))
    xs, ys = examples(3, 1, 4), examples(2, 5, 1, seed=1)
    same_as_loop(lambda x, y: run(x, y, y), weights, xs, ys)
    same_as_loop(lambda x, y: run(x, y, y, need_weights=False)[0], weights, xs, ys)


@pytest.mark.parametrize("causal", [False, True])
def test_the_attention_kernel(causal):
    w = torch.eye(D, dtype=torch.float64, requires_grad=True)
    same_as_loop(
        lambda x: F.scaled_dot_product_attention(x @ w, x, x * 2, is_causal=causal),
        [w],
        examples(3, 1, 5),
    )


def test_an_example_without_keys_gets_zeros():
    w = torch.eye(D, dtype=torch.float64, requires_grad=True)
    xs, ys = examples(3, 2), examples(0, 2, seed=1)
    b, c = ml.batch(xs), poisoned(ml.batch(ys), math.nan)
    found = ml.autobatch(lambda x, y: F.scaled_dot_product_attention(x, y @ w, y @ w))(b, c)
    assert (found.data[0] == 0).all()
    assert gradient(found.data.sum(), [w])[0].isfinite().all()


@pytest.mark.parametrize("bias", [False, True])
def test_recurrent_cells(bias):
    gru, weights = layer(lambda: torch.nn.GRUCell(D, 3, bias=bias))
    lstm, more = layer(lambda: torch.nn.LSTMCell(D, 3, bias=bias))

    def f(x):
        h, c, g = x.new_zeros(3), x.new_zeros(3), x.new_zeros(3)
        for x_t in x:
            g = gru(x_t, g)
            h, c = lstm(x_t, (h, c))
        return g, h, c

    same_as_loop(f, weights + more, examples(3, 1, 0, 5))


@pytest.mark.parametrize("row", [r for r in ROWS.values() if r.whole], ids=lambda r: r.name)
def test_a_kernel_gives_what_its_row_says(row):
    verbs, rng = xp.verbs("torch"), np.random.default_rng(0)
    for shapes, params in row.cases:
        xs = [torch.as_tensor(sample(row, rng, s)) for s in shapes]
        if row.name == "attention" and len(xs) == 4:
            xs[3] = xs[3] > 0
        found, want = row.whole(verbs, *xs, **params), row.fn(verbs, *xs, **params)
        torch.testing.assert_close(found, want)


# ----- what is remembered -----
def test_a_call_is_understood_once(monkeypatch):
    asked, understand = [], rules.understand
    monkeypatch.setattr(
        rules, "understand", lambda row, *a: asked.append(row.name) or understand(row, *a)
    )
    f = ml.autobatch(lambda x: (x * 1.25 + x).tanh().sum(0) * 1.5)
    for lengths in ((3, 1), (2, 3), (1, 3)):
        xs = examples(*lengths)
        for y, x in zip(f(ml.batch(xs)).unbatch(), xs, strict=True):
            torch.testing.assert_close(y, (x * 1.25 + x).tanh().sum(0) * 1.5)
    assert len(asked) <= 5


def test_one_array_twice_says_nothing_about_two():
    xs = examples(2, 2)
    for f in (
        lambda x: (x * x)[0] + (x * (x + 1))[0],
        lambda x: torch.where(x > 0, x, x)[0] - torch.where(x > 0, x, x + 1)[0],
        lambda x: (x[0] - x[0]) + (x[0] - x[1]),
    ):
        for y, x in zip(ml.autobatch(f)(ml.batch(xs)).unbatch(), xs, strict=True):
            torch.testing.assert_close(y, f(x))


def test_entries_along_one_dim_and_then_another():
    def f(x):
        total = x.sum() * 0
        for i in range(len(x)):
            if x[i, 0] > 0:
                total = total + x[i].sum() * x[0, 1]
        return total

    same_as_loop(f, [], examples(6, 2, 5))


def test_the_default_dtype_is_asked_when_a_plan_runs():
    def f(x):
        return x * (x.shape[0] / 2)

    b = ml.batch([torch.ones(3, dtype=torch.int32), torch.ones(1, dtype=torch.int32)])
    before = torch.get_default_dtype()
    try:
        for dtype in (torch.float32, torch.float64, torch.float32):
            torch.set_default_dtype(dtype)
            assert ml.autobatch(f)(b).dtype == f(b.unbatch()[0]).dtype
    finally:
        torch.set_default_dtype(before)


def test_the_same_look_with_other_lengths_is_still_refused():
    def f(x, y):
        return x + y

    a, b, c = (ml.batch(examples(*n)) for n in ((3, 1), (3, 1), (1, 3)))
    for _ in range(2):
        assert len(ml.autobatch(f)(a, b)) == 2
        with pytest.raises(ml.MaskError, match="do not match"):
            ml.autobatch(f)(a, c)
        assert len(ml.autobatch(f)(a, a)) == 2


def test_numbers_are_not_remembered_where_they_are_inputs():
    for number in (2.0, 3.0, math.inf):
        f = ml.autobatch(lambda x, n=number: x.abs() * n)
        for y, x in zip(f(ml.batch(examples(2, 1))).unbatch(), examples(2, 1), strict=True):
            torch.testing.assert_close(y, x.abs() * number)


def test_a_number_that_is_one_is_no_truth_value():
    """The first call of a function is not known yet to be plain: what it leaves must not be read
    as if it had been (1 == True)."""
    from autodiff_lab.table.row import CACHES

    for cache in CACHES:
        cache.clear()
    b = ml.batch([torch.tensor([2.0, 4.0])])
    found = [ml.autobatch(lambda x: 1 / x)(b).data.tolist() for _ in range(3)]
    assert found == [[[0.5, 0.25]]] * 3


def test_lengths_that_were_written_into_are_asked_again():
    b = ml.batch(examples(3, 2))
    total = ml.autobatch(lambda x: x.sum())
    before = total(b).data.clone()
    b.lengths[0] = 1
    after = total(b).data
    assert after[1] == before[1]
    torch.testing.assert_close(after[0], b.data[0, :1].sum())


# ----- dead entries that stay as they are -----
W = torch.linspace(-1, 1, D * D, dtype=torch.float64).reshape(D, D).requires_grad_()
PROGRAMS = {
    "NaN of an example that is empty": lambda x: (x - x.mean(0)).tanh() @ W,
    "infinite numbers": lambda x: torch.where(x > 9, x @ W, -math.inf).exp() @ W,
    "a square far away": lambda x: ((x - 1e200) * (x - 1e200) * 1e-300).tanh() @ W,
    "softmax after a layer": lambda x: torch.softmax(F.gelu(x @ W), 0) @ W,
    "weights of keys": lambda x: torch.softmax(x @ (x @ W).T, -1) @ x,
    "pieces": lambda x: torch.cat([p.tanh() @ W[:2] for p in (x @ W).chunk(2, -1)], -1),
    "log and root of what was zero": lambda x: (torch.log(x @ W + 9) * torch.sqrt(x * x + 0)) @ W,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_dead_entries_do_no_harm(name):
    lengths = (3, 0, 2) if "empty" in name else (3, 1, 2)
    f, xs = PROGRAMS[name], examples(*lengths)
    if "root" in name:
        xs = [x.abs() + 0.1 for x in xs]
    same_as_loop(f, [W], xs)


# ----- loops that examples leave -----
def state_of_two(x):
    a, n = x.new_zeros(D), 0
    for t, (x_t, y_t) in enumerate(zip(x, x.flip(-1), strict=False)):
        a, n = torch.tanh(a @ W + x_t / y_t + t), n + 1
    return a * n


def reads_the_whole(x):
    h = x.new_zeros(D)
    for t in range(len(x)):
        h = torch.tanh(h @ W + x[t] / x[-1] + x[0] * x.sum(0))
    return h


def backwards(x):
    h = x.new_ones(D)
    for x_t in reversed(x):
        h = h / (1 + x_t * x_t) @ W
    return h


def a_list_beside(x):
    h, seen, weights = x.new_zeros(D), [], [W, 2 * W]
    for x_t in x:
        h = torch.tanh(h @ weights[0] + x_t @ weights[1])
        seen.append(h)
    return h + sum(seen)


def a_list_that_is_changed(x):
    h, last = x.new_zeros(D), [x.sum(0)]
    for x_t in x:
        h = torch.tanh(h @ W + x_t * last[0])
        last[0] = x_t
    return h + last[0]


def born_in_the_loop(x):
    for x_t in x:
        h = [x_t @ W]
        h.append(x_t)
    return h[0] * h[1]


def nothing_is_left(x):
    """Who has left has nothing left: another trip would take the root of a negative number."""
    left, total = (x * x).sum(0), x.new_zeros(D)
    for x_t in x:
        left = left - x_t * x_t
        total = total + torch.sqrt(left + 0.01) @ W
    return total


def two_loops(x):
    total = x.new_zeros(D)
    for x_t in x:
        h = x_t
        for y_t in x:
            h = torch.tanh(h @ W + y_t / x_t)
        total = total + h
    return total


LOOPS = (state_of_two, reads_the_whole, backwards, a_list_beside, a_list_that_is_changed,
         born_in_the_loop, nothing_is_left, two_loops)  # fmt: skip


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("lengths", [(3, 1, 5, 3), (2, 2), (1,)], ids=str)
def test_who_leaves_a_loop_keeps_what_it_had(f, lengths):
    same_as_loop(f, [W], [x + x.sign() for x in examples(*lengths)])


def test_a_loop_that_some_never_enter():
    def f(x):
        h = x.new_ones(D)
        for x_t in x:
            h = torch.tanh(h @ W / x_t)
        return h

    same_as_loop(f, [W], [x + x.sign() for x in examples(0, 3, 0, 1)])
    assert (ml.autobatch(f)(ml.batch(examples(0, 0))).data == 1).all()


def test_the_number_one_is_no_other_number():
    """A call is first met before it is known that its numbers are inputs, and then after it."""
    from autodiff_lab.table.row import CACHES

    for cache in CACHES:
        cache.clear()
    xs = [torch.tensor([0.5, -1.0]), torch.tensor([2.0, 0.25])]
    for f in (lambda x: 1 / (1 + torch.exp(x)), lambda x: 1 / (x + 3), lambda x: 0 - (x + 3)):
        found = ml.autobatch(f)(ml.batch(xs)).unbatch()
        assert all(torch.equal(y, f(x)) for x, y in zip(xs, found, strict=True))
