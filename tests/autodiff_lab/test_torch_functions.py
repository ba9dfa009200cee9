"""`torch.autograd.Function` inside a recorded function: its own forward and backward count."""

import gc
import weakref

import pytest

import autodiff_lab as ad
from tests.autodiff_lab.test_errors import refused

torch = pytest.importorskip("torch")
Function = torch.autograd.Function


class Scaled(Function):
    """x^2 k, with a backward that lies: 7 instead of 2, so that one sees who was asked."""

    @staticmethod
    def forward(ctx, x, k):
        ctx.save_for_backward(x)
        ctx.k = k
        y = x.clone()
        y.mul_(x)
        y[x > 100] = 0
        return y * k

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        assert ctx.needs_input_grad == (True, False)
        return 7 * g * x * ctx.k, None


class Exp(Function):
    """Saves its output; the new style with setup_context; states its jvp as well."""

    @staticmethod
    def forward(x):
        return torch.exp(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.y = output

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class WithJvp(Exp):
    @staticmethod
    def jvp(ctx, dx):
        return 11 * dx * ctx.y


class Seven(Exp):
    """A saved output is the function's own output: its derivative lies as well, 7 * 7."""

    @staticmethod
    def backward(ctx, g):
        return 7 * g * ctx.saved_tensors[0]


class Parts(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        low = (a < b).long()
        top = torch.maximum(a, b).floor()
        ctx.mark_non_differentiable(low, top)
        return a * b, a + b, low, top

    @staticmethod
    def backward(ctx, g_product, g_sum, _, __):
        a, b = ctx.saved_tensors
        return g_product * b + g_sum, g_product * a + g_sum


class Reversal(Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -g


class Same(Reversal):
    @staticmethod
    def forward(ctx, x):
        return x


class Once(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return 3 * ctx.saved_tensors[0] ** 2 * g


reverse = Reversal.apply  # the usual idiom: taken before anybody records
X = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def theirs(f, *xs):
    leaves = [x.clone().requires_grad_() for x in xs]
    return torch.autograd.grad(f(*leaves), leaves, allow_unused=True)


CASES = {
    "lie": lambda x: (Scaled.apply(x, 3) * x).sum(),
    "exp": lambda x: Exp.apply(x * 2).sum(),
    "seven": lambda x: Seven.apply(x).sum(),
    "alone": lambda x: Exp.apply(x.sum()),
    "reversal": lambda x: (reverse(x) * 3 + x).sum(),
    "twice": lambda x: Exp.apply(Scaled.apply(Exp.apply(x), 2) / 10).sum(),
    "input returned": lambda x: (Same.apply(x) * 3).sum(),
    "stacked": lambda x: (torch.stack([Exp.apply(x), x]) ** 2).sum(),
    "in a product": lambda x: (x * 2 @ reverse(x)).sum() + x.sum(),
    "parts": lambda x: sum((p * x).sum() for p in Parts.apply(x, x * x + 1)),
    "branch": lambda x: Exp.apply(x).sum() if Exp.apply(x).sum() > 0 else x.sum(),
    "method": lambda x: Exp.apply(x).reshape(3, 1).sum(dim=0).mean(),
    "float": lambda x: Exp.apply(x).sum() * float(Exp.apply(x).detach()[0]),
    "in place after": lambda x: Scaled.apply(x, 2).mul_(x).sum(),
}


@pytest.mark.parametrize("label", CASES)
def test_the_gradient_is_the_one_torch_gives(label):
    torch.testing.assert_close(ad.grad(CASES[label])(X), theirs(CASES[label], X)[0])


@pytest.mark.parametrize("label", ["exp", "seven", "twice", "parts", "stacked"])
def test_second_order_goes_through_its_code(label):
    def gradient(x):
        x = x if x.requires_grad else x.clone().requires_grad_()
        return torch.autograd.grad(CASES[label](x), x, create_graph=True)[0]

    v = torch.tensor([1.0, 0.5, -2.0], dtype=torch.float64)
    expected = theirs(lambda x: gradient(x) @ v, X)[0]
    torch.testing.assert_close(ad.grad(lambda x: ad.grad(CASES[label])(x) @ v)(X), expected)
    torch.testing.assert_close(ad.hvp(CASES[label], (X,), (v,)), expected)


def test_forward_mode_is_its_jvp_or_the_transpose_of_its_backward():
    dx = torch.ones_like(X)
    torch.testing.assert_close(ad.jvp(WithJvp.apply, (X,), (dx,))[1], 11 * torch.exp(X))
    torch.testing.assert_close(ad.jvp(Exp.apply, (X,), (dx,))[1], torch.exp(X))
    torch.testing.assert_close(ad.jvp(reverse, (X,), (dx,))[1], -dx)
    y, dy = ad.jvp(lambda x: Parts.apply(x, x * x), (X,), (dx,))
    torch.testing.assert_close(dy[0], 3 * X**2)
    assert not dy[3].any()


def test_it_is_one_node():
    tape = ad.record(lambda x: Exp.apply(x) * 2, X)
    assert [n.op for n in tape.nodes] == ["input", "Exp", "multiply"]
    tape = ad.record(lambda x: Parts.apply(x, x)[0], X)
    assert [n.op for n in tape.nodes].count("Parts") >= 2
    assert ad.check(lambda x: Exp.apply(x), X, order=2)
    assert not ad.check(lambda x: Scaled.apply(x, 3), X)


def test_once_differentiable_is_differentiated_once():
    torch.testing.assert_close(ad.grad(lambda x: Once.apply(x).sum())(X), 3 * X**2)
    refused(lambda: ad.grad(lambda x: ad.grad(lambda x: Once.apply(x).sum())(x).sum())(X),
            "once_differentiable")  # fmt: skip


def test_no_grad_of_the_users_own_is_still_no_grad():
    def f(x):
        with torch.no_grad():
            y = x * 2
        return (y * x).sum() + (Exp.apply(x) * y).sum()

    torch.testing.assert_close(ad.grad(f)(X), theirs(f, X)[0])


def test_what_cannot_be_followed_is_refused():
    class Dirty(Reversal):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

    class Twins(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x + x

        @staticmethod
        def backward(ctx, g, h):
            return 2 * g

    class Short(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    before = X.clone()
    with pytest.raises(RuntimeError, match="dirty"):  # PyTorch itself says so, before we can
        ad.grad(lambda x: Dirty.apply(x * 1).sum())(X)
    refused(lambda: ad.grad(lambda x: Twins.apply(x)[0].sum())(X), "2 outputs of Twins")
    refused(lambda: ad.grad(lambda x: Short.apply(x, x).sum())(X), "1 gradients for 2 arguments")
    assert torch.equal(X, before)


def test_nothing_is_left_behind():
    gc.collect()
    gc.disable()
    try:
        x = X.clone()
        gone = weakref.ref(x)
        ad.grad(CASES["twice"])(x)
        del x
        gc.collect()
        assert gone() is None
    finally:
        gc.enable()
