"""What only PyTorch has: random numbers, autocast, in-place operations, its own checkpoint."""

import functools

import pytest

import autodiff_lab as ad
from tests.autodiff_lab.test_checkpoint import OF_A_FUNCTION, OF_A_LOOP, same_bits
from tests.autodiff_lab.test_errors import refused

torch = pytest.importorskip("torch")
F = torch.nn.functional


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) / 2


def seeded(f, *args):
    """What `f` gives, and the number that is drawn next."""
    torch.manual_seed(3)
    return f(*args), torch.rand(1)


def dropping(x, w):
    for _ in range(3):
        x = F.dropout(torch.tanh(x @ w), 0.5, True)
    return (x * x).sum()


@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_dropout_is_the_same_the_second_time(policy):
    x, w = draw(20, 8), draw(8, 8)
    f = ad.checkpoint(dropping, **OF_A_FUNCTION[policy])
    same_bits(seeded(ad.grad(f, (0, 1)), x, w), seeded(ad.grad(dropping, (0, 1)), x, w))


@pytest.mark.parametrize("policy", list(OF_A_LOOP))
def test_dropout_and_a_generator_in_a_loop(policy):
    x, w, own = draw(20, 8), draw(8, 8), torch.Generator()

    def step(x, w):
        x = F.dropout(torch.tanh(x @ w), 0.5, True)
        return x + torch.rand(x.shape, generator=own)

    def found(**options):
        own.manual_seed(1)
        f = ad.checkpoint(step, steps=7, **options)
        return seeded(ad.grad(lambda x, w: f(x, w).sum(), (0, 1)), x, w), own.get_state()

    same_bits(found(**OF_A_LOOP[policy]), found(policy="all"))


def test_a_second_pullback_draws_what_the_first_drew():
    x = draw(100)
    _, pullback = ad.vjp(ad.checkpoint(lambda x: F.dropout(torch.sin(x), 0.5, True)), x)
    first, after = pullback(x), torch.random.get_rng_state()
    same_bits(pullback(x), first)
    same_bits(torch.random.get_rng_state(), after)


def test_chance_that_cannot_be_rewound_is_refused():
    import random

    x = draw(5)
    f = ad.checkpoint(lambda x: torch.sin(x) * random.random())
    refused(lambda: ad.grad(lambda x: f(x).sum())(x), "gave other numbers", "pass them in")
    g = ad.checkpoint(lambda x: torch.sin(x) + random.random(), "revolve", steps=9, snapshots=2)
    refused(lambda: ad.grad(lambda x: g(x).sum())(x), "gave other numbers")
    nan = ad.checkpoint(lambda x: torch.log(x - 10), "sqrt", steps=5)
    assert ad.grad(lambda x: nan(x).sum())(x).isnan().all()  # a NaN is the same NaN


@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_autocast_is_as_it_was(policy):
    x, w = draw(4, 8), draw(8, 8)

    def half(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = x @ w
        return (y.float() * (x @ w).float()).sum()

    f = ad.checkpoint(half, **OF_A_FUNCTION[policy])
    same_bits(ad.grad(f)(x), ad.grad(half)(x))

    def around(f):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y, pullback = ad.vjp(f, x)
        return y, pullback(torch.ones((), dtype=y.dtype))

    same_bits(around(f), around(half))


@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_in_place_branches_views_and_no_grad(policy):
    def f(x, k):
        h = x * 2
        h += x
        h[0] = h[1] * 3
        for i in range(3):
            if h[i].sum() > 0:
                h = torch.relu(h) @ h.T @ h
        with torch.no_grad():
            scale = h.abs().max()
        values, places = torch.sort(h / scale, 0)
        a, b = values.chunk(2)
        return (a * b)[k].sum() + h[places[0]].mean() + values.detach().sum()

    x, k = draw(4, 4), torch.tensor([1, 0])
    same_bits(ad.grad(ad.checkpoint(f, **OF_A_FUNCTION[policy]))(x, k), ad.grad(f)(x, k))


def test_what_was_written_to_is_noticed():
    x = draw(5)
    y, pullback = ad.vjp(ad.checkpoint(torch.sin), x)
    x.zero_()
    refused(lambda: pullback(y), "changed in place")


@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_modules(policy):
    """A transformer layer, with its parameters as arguments."""
    torch.manual_seed(0)
    net = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).train()
    f, params = ad.functional(net)
    loss = lambda f: lambda p, x: (f(p, x) ** 2).mean()  # noqa: E731
    g = ad.checkpoint(f, **OF_A_FUNCTION[policy])
    x = draw(2, 3, 8)
    same_bits(ad.grad(loss(g), (0, 1))(params, x), ad.grad(loss(f), (0, 1))(params, x))


def test_the_engine_may_use_the_function_as_it_is():
    x = draw(5).requires_grad_()
    ad.checkpoint(lambda x: torch.tanh(torch.sin(x)), "sqrt")(x).sum().backward()
    same_bits(x.grad, ad.grad(lambda x: torch.tanh(torch.sin(x)).sum())(x.detach()))


def test_pytorchs_own_checkpoint():
    from torch.utils.checkpoint import checkpoint

    block, x = (lambda x: torch.tanh(torch.sin(x) * x)), draw(5)
    plain = ad.grad(lambda x: block(x).sum())(x)
    same_bits(ad.grad(lambda x: checkpoint(block, x, use_reentrant=False).sum())(x), plain)
    refused(
        lambda: ad.grad(lambda x: checkpoint(block, x, use_reentrant=True).sum())(x),
        "use_reentrant=True", "use ad.checkpoint",
    )  # fmt: skip


def scaled(x, factor):
    """A helper, a partial, a container and a default: four ways for a value to get in."""
    held = {"w": [x * 2]}
    helper = lambda y: torch.sin(y) * x  # noqa: E731

    def f(y):
        return factor(helper(y) * held["w"][0]) + helper(y)

    return f


@pytest.mark.parametrize("policy", list(OF_A_LOOP))
def test_recorded_values_in_a_closure(policy):
    x = draw(5)
    factor = lambda x: functools.partial(torch.mul, x)  # noqa: E731
    loop = {"steps": 3, **OF_A_LOOP[policy]}
    options = loop if "revolve" in policy else OF_A_LOOP[policy]

    def found(options):
        return lambda x: ad.checkpoint(scaled(x, factor(x)), **options)(x + 1).sum()

    plain = {"policy": "all", "steps": 3} if options is loop else {"policy": "all"}
    ours, wanted = ad.grad(found(options))(x), ad.grad(found(plain))(x)
    torch.testing.assert_close(ours, wanted)
    f = found(loop)
    once = lambda x: scaled(x, factor(x))  # noqa: E731
    torch.testing.assert_close(
        ad.grad(f)(x), ad.grad(lambda x: once(x)(once(x)(once(x)(x + 1))).sum())(x)
    )
    twice = lambda f: ad.grad(lambda x: ad.grad(f)(x).sum())(x)  # noqa: E731
    torch.testing.assert_close(twice(found(options)), twice(found(plain)))


class Blocks(torch.nn.Module):
    """Checkpoints its blocks in `forward`, as one does."""

    def __init__(self, **options):
        super().__init__()
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(3))
        self.options = options

    def forward(self, x):
        for block in self.blocks:
            run = ad.checkpoint(block, **self.options) if self.options else block
            x = torch.tanh(run(x))
        return x.sum()


@pytest.mark.parametrize("policy", ["none", "sqrt"])
def test_a_module_that_checkpoints_its_blocks(policy):
    nets = Blocks(**OF_A_FUNCTION[policy]), Blocks()
    nets[0].load_state_dict(nets[1].state_dict())
    found, wanted = (ad.grad(f)(params, draw(2, 4)) for f, params in map(ad.functional, nets))
    same_bits(found, wanted)


def test_a_recorded_value_that_comes_another_way_is_refused():
    class Holder:
        pass

    def f(x):
        Holder.x = x * 3
        return ad.checkpoint(lambda y: Holder.x * y)(x * 2).sum()

    refused(lambda: ad.grad(f)(draw(5)), "neither among its arguments", "pass it in")
