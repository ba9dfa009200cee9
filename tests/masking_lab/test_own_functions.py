"""`torch.autograd.Function` inside `f`: its own backward is what runs, whatever it says.

Each says a gradient that the operations of its forward do not have, so a road past it is seen.
"""

import math

import pytest

import autodiff_lab as ad
import masking_lab as ml

torch = pytest.importorskip("torch", reason="PyTorch's own functions")

STRATEGIES = ["masked", "shrink", "packed", "pc", "lazy"]
POISON = [0.0, math.nan, math.inf, 1e30]


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x


class Centred(torch.autograd.Function):
    """Not pointwise: it looks along the ragged dim, both ways; as PyTorch 2 spells it."""

    @staticmethod
    def forward(x, scale):
        return (x - x.mean(0)) / scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.scale = inputs[1]

    @staticmethod
    def backward(ctx, g):
        return g.flip(0) * ctx.scale, None


class Weighted(torch.autograd.Function):
    """A weight that all examples share is an argument; two outputs, of which one has no slope."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        best = x.argmax(0)
        ctx.mark_non_differentiable(best)
        return x @ w, best

    @staticmethod
    def backward(ctx, g, _):
        x, w = ctx.saved_tensors
        for_x = g[:, None] * w * 2 if ctx.needs_input_grad[0] else None
        return for_x, x.T @ g + 1


class Reciprocal(torch.autograd.Function):
    """Its backward leaves the domain where its forward does."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 1 / x

    @staticmethod
    def backward(ctx, g):
        return -5 * g / ctx.saved_tensors[0] ** 2


square = Square.apply


def pointwise(x, w):
    return (x * w).sum() + square(x * w).sum()


def along_the_ragged_dim(x, w):
    return (Centred.apply(x * w, 2.0) ** 2).sum()


def shared_argument(x, w):
    y, best = Weighted.apply(x * 2, w)
    return (y * y).sum() * (1 + best.sum())


def in_a_loop_with_a_branch(x, w):
    total = w.sum() * 0
    for row in x:
        s = (row * w).sum()
        if s > 0:
            total = total + Reciprocal.apply(s)
        elif s < 0:
            total = total - square(s)
    return total


def bare(x, w):
    """Several examples have entries at which the other branch would divide by nothing."""
    y = (x * w).sum()
    return Reciprocal.apply(y) if y != 0 else y + w.sum()


FUNCTIONS = [pointwise, along_the_ragged_dim, shared_argument, in_a_loop_with_a_branch, bare]


def examples(poison):
    draw = torch.Generator().manual_seed(0)
    xs = [torch.randn(n, 3, dtype=torch.float64, generator=draw) for n in (3, 1, 4)]
    xs.append(torch.zeros(2, 3, dtype=torch.float64))
    w = torch.tensor([0.5, -0.25, 1.0], dtype=torch.float64, requires_grad=True)
    return xs, ml.batch(xs, pad_value=poison), w


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_its_own_backward_runs(f, strategy, poison):
    xs, batch, w = examples(poison)
    expected = torch.stack([f(x, w) for x in xs])
    found = torch.stack(ml.autobatch(f, strategy)(batch, w).unbatch())
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad((y * y).sum(), w)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("f", FUNCTIONS[:3], ids=lambda f: f.__name__)
def test_under_the_labs_own_walk(f):
    xs, batch, w = examples(math.nan)
    w = w.detach()
    batched = lambda w: sum(ml.autobatch(f)(batch, w).unbatch())  # noqa: E731
    expected = ad.grad(lambda w: sum(f(x, w) for x in xs))(w)
    torch.testing.assert_close(ad.grad(batched)(w), expected)


def test_twice():
    xs, batch, w = examples(math.nan)
    curvature = []
    for total in (
        sum(pointwise(x, w) for x in xs),
        sum(ml.autobatch(pointwise)(batch, w).unbatch()),
    ):
        (g,) = torch.autograd.grad(total, w, create_graph=True)
        curvature.append(torch.autograd.grad(g.sum(), w)[0])
    torch.testing.assert_close(*curvature)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_checkpoint_runs_again(strategy):
    from torch.utils.checkpoint import checkpoint

    def f(x, w):
        rows = [checkpoint(lambda v: (v * w).sum().tanh(), v, use_reentrant=False) for v in x]
        with torch.enable_grad():
            return torch.stack(rows).sum()

    xs, batch, w = examples(math.nan)
    found = sum(ml.autobatch(f, strategy)(batch, w).unbatch())
    expected = sum(f(x, w) for x in xs)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*[torch.autograd.grad(y, w)[0] for y in (found, expected)])


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_one_that_nobody_lifted_is_refused():
    from torch.utils.checkpoint import checkpoint

    def f(x, w):
        return checkpoint(lambda v: v.tanh().sum(), x * w, use_reentrant=True)

    _, batch, w = examples(0.0)
    with pytest.raises(ml.MaskError, match="CheckpointFunction.apply .*use_reentrant=False"):
        ml.autobatch(f)(batch, w)


def test_a_write_into_its_argument_is_refused():
    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    _, batch, w = examples(0.0)
    with pytest.raises(ml.MaskError, match="mark_dirty.*return a new tensor"):
        ml.autobatch(lambda x, w: Written.apply(x * w).sum())(batch, w)
