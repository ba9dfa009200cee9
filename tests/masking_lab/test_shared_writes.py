"""Writes into arrays on PyTorch: what somebody else sees is refused, the rest is the loop's."""

import re

import numpy as np
import pytest

import masking_lab as ml
from masking_lab.lifting.pointing import VIEWS

torch = pytest.importorskip("torch")
from tests.masking_lab import lone_writes, shared_writes  # noqa: E402

WAYS = ("masked", "shrink", "packed", "lazy", "pc")
REFUSED = r"would be seen through|and outlives the call"


def examples():
    return [torch.arange(2.0 * n, dtype=torch.float64).reshape(n, 2) + n / 2 - 2 for n in (2, 3, 1)]


def weights():
    return torch.eye(2, dtype=torch.float64) * 0.5


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    shared_writes.BUFFER.zero_()
    shared_writes.STATE.scale = 1.0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("f", shared_writes.SEEN, ids=lambda f: f.__name__)
def test_a_write_that_somebody_sees_is_refused(f, way):
    with pytest.raises(ml.MaskError, match=REFUSED) as error:
        ml.autobatch(f, way)(ml.batch(examples()), weights())
    assert re.search(r"line \d+: `.+`", str(error.value))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("f", lone_writes.ALONE, ids=lambda f: f.__name__)
def test_a_write_that_nobody_sees_is_the_loops(f, way):
    found = ml.autobatch(f, way)(ml.batch(examples()), weights()).unbatch()
    for y, x in zip(found, examples(), strict=True):
        np.testing.assert_allclose(y, f(x, weights()), atol=1e-12)


@pytest.mark.parametrize("f", shared_writes.SEEN, ids=lambda f: f.__name__)
def test_the_write_is_seen_in_the_loop(f):
    """Without the write into what is there, the loop says something else: so it must be refused."""
    with torch.no_grad():
        first, second = ([f(x, weights()) for x in examples()] for _ in range(2))
    alone = [torch.clone(y) for y in first]
    with Copying():
        copied = [f(x, weights()) for x in examples()]
    differs = not all(map(torch.equal, alone, copied)) or not all(map(torch.equal, alone, second))
    assert differs, "nobody sees it"


class Copying(torch.overrides.TorchFunctionMode):
    """Inside, `x += v` and `x[i] = v` on tensors leave x alone."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = func.__name__
        if name == "__setitem__":
            return None
        if re.fullmatch(r"__i[a-z]+__|[a-z]+_", name) and name != "__index__":
            args = (args[0].clone(), *args[1:])
        return func(*args, **(kwargs or {}))


def test_the_views_of_pytorch_are_known():
    """Every method and function whose result shares the memory of what it was given."""
    x = torch.arange(6.0).reshape(2, 3)
    native = torch._C._VariableFunctions
    found = {
        name
        for owner in (torch.Tensor, native)
        for name in set(dir(owner)) & set(dir(native)) - IN_PLACE
        if not name.startswith("_") and not name.endswith("_")
        for more in TRIES
        if shares(getattr(owner, name), x, more)
    }
    assert len(found) > 40 and found <= VIEWS


TRIES = ((), (0,), (0, 1), ((3, 2),), (1, 0, 1), (2,), (torch.float32,), (-1,), (0, (1, 2)),
         ((0,), (1,)), (0, 0, 1), ([0],), (0.0, False), (torch.zeros(2, 3),))  # fmt: skip
IN_PLACE = frozenset(["set", "resize", "from_file"])


def shares(f, x, more):
    if not callable(f) or isinstance(f, type):
        return False
    try:
        found = f(x, *more)
    except Exception:  # whatever it says: it was not called as it likes
        return False
    found = found if isinstance(found, (tuple, list)) else [found]
    return any(
        isinstance(y, torch.Tensor)
        and y.layout == torch.strided
        and y.numel()
        and y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        for y in found
    )
