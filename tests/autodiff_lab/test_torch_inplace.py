"""In-place writes and views, against `torch.autograd`: the same gradients, or a refusal."""

import pytest

import autodiff_lab as ad

torch = pytest.importorskip("torch")
X = torch.linspace(-1.0, 1.3, 12, dtype=torch.float64).reshape(3, 4)


def through_a_view(x):
    z = x * 1
    y = z[0]
    y *= 2
    y[1] = 5.0
    return z * y.sum()


def kept_masked_copy(x):
    z = x * 1
    y = z[x[:, 0] > 0]
    y *= 2
    return z * y.sum()


def masked(x):
    z = x * 1
    z[z > 0] *= x[0, 0]
    return z


def listed(x):
    z = x * 1
    z[0:2, [0, 1]] += x[0, :2]
    return z


def again_and_again(x):
    z = x * 2
    z[0] = x[1]
    z[0, 1] = x[2, 2]
    z[x > 0] = x[x > 0] ** 2
    z[:, [1, 2]] = x[:, [0, 3]]
    z[...] = x * x
    z[-1] *= x[0]
    return z


def of_a_forgotten_base(x):
    z = (x * 1).view(-1)
    z[0] = 1
    z[3] *= 2
    return z * z


def cut(x):
    h = torch.tanh(x * x)
    h.detach_()
    return h * x


def turned_by_nothing(x):
    z = x * 1
    y = torch.rot90(z, 0)
    y.mul_(2)
    return z * y.sum()


def running_sum(x):
    z = x * 1
    for i in range(1, 3):
        z[i] += z[i - 1]
        z[i, 0].sub_(z[i, 2]).add_(z[i - 1, 1])
    return z * z


def an_operand_that_is_written_later(x):
    z = x * 1
    y = z[0]
    z[1] += y
    y *= 3  # still a view of z
    z[2] += y
    del y
    z[0] = z[1]
    z[:2, 1:3] = z[:2, 1:3]
    return z * z


EQUAL = [
    through_a_view, kept_masked_copy, masked, listed, again_and_again, of_a_forgotten_base, cut,
    turned_by_nothing, running_sum, an_operand_that_is_written_later,
]  # fmt: skip


@pytest.mark.parametrize("f", EQUAL, ids=lambda f: f.__name__)
def test_as_torch_writes(f):
    leaf = X.clone().requires_grad_()
    expected = f(leaf)
    seed = torch.linspace(1, 2, expected.numel(), dtype=X.dtype).reshape(expected.shape)
    (gradient,) = torch.autograd.grad(expected, leaf, seed)
    y, pullback = ad.vjp(f, X)
    assert torch.allclose(y, expected)
    assert torch.allclose(pullback(seed)[0], gradient)
    dy = ad.jvp(f, (X,), (X,))[1]
    assert torch.allclose((seed * dy).sum(), (gradient * X).sum())
    assert torch.allclose(ad.record(f, X).backward(seed)[0], gradient)


def base_after_view(x):
    z = x * 1
    y = z[0]
    y[1] = 5.0  # from here on y and z lie in new memory, and share it still
    z[0, 1] = 7.0
    return y


def two_views(x):
    z = x * 1
    y = z[0]
    y *= 2
    w = z[0]
    y *= 3
    return w


def a_view_recorded_as_a_copy(x):
    z = x * 1
    torch.diagonal(z).zero_()
    return z


def the_original_of_a_copy(x):
    z = x * 1
    y = torch.diagonal(z).view(-1)
    z.zero_()
    return y


def an_attribute(x):
    z = x * 1
    z.data = x * 3
    return z * z


def an_argument_of_the_inner_function(x):
    z = x * 2

    def inner(u):
        u[0] += 1
        return u.sum()

    ad.grad(inner)(z)
    return z


def a_view_that_was_an_operand(x):
    z = x * 1
    y = z[0]
    z[1] += y
    z[0] *= 3
    return z * y


def another_view_beside_the_operand(x):
    z = x * 1
    y = z[2]
    z[1] += z[0]
    return z * y


def places_in_a_list(x):
    z = x * 1
    z[[1, 2]] = z[0]  # PyTorch: "refer to a single memory location"
    return z


REFUSED = [
    places_in_a_list,
    a_view_that_was_an_operand, another_view_beside_the_operand, base_after_view, two_views,
    a_view_recorded_as_a_copy, the_original_of_a_copy, an_attribute,
    an_argument_of_the_inner_function,
]  # fmt: skip


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_what_would_change_behind_a_name_is_refused(f):
    with pytest.raises(ad.AutodiffError, match="would change a recorded value"):
        ad.vjp(f, X)
    with pytest.raises(ad.AutodiffError, match="would change a recorded value"):
        ad.jvp(f, (X,), (X,))
    with pytest.raises(ad.AutodiffError, match="would change a recorded value"):
        ad.record(f, X)


def a_view_of_the_argument(x):
    x = x.view(-1)
    x += 1
    return x


def a_view_of_a_view_of_the_argument(x):
    x = x[0]
    x[1:][0] += 1
    return x


@pytest.mark.parametrize("f", [a_view_of_the_argument, a_view_of_a_view_of_the_argument])
def test_what_the_caller_would_see_is_refused(f):
    for run in (ad.record, ad.vjp):
        with pytest.raises(ad.AutodiffError, match="would change a recorded value"):
            run(f, X)


@pytest.mark.parametrize("write", [torch.Tensor.add_, torch.Tensor.copy_])
@pytest.mark.parametrize("to, by", [(slice(1, None), slice(-1)), (slice(-1), slice(1, None))])
def test_an_operand_that_is_written_while_it_is_read(write, to, by):
    """`z[1:] += z[:-1]`: PyTorch refuses it as well."""

    def f(x):
        z = x * 1
        write(z[to], z[by])
        return z

    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        f(X)
    with pytest.raises(ad.AutodiffError, match="would write where its operand is read"):
        ad.vjp(f, X)


def test_under_vmap():
    def f(y):
        z = y * 2
        z[0] = 3.0
        z[1:] *= y[0]
        return (z * z).sum()

    expected = torch.func.vmap(torch.func.grad(f))(X)
    assert torch.allclose(torch.func.vmap(ad.grad(f))(X), expected)
