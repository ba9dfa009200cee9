"""Corners of Python inside `f`: each is the loop's, or refused in one sentence that says where.

The first group was found by generated programs and by reading: closures and objects in a branch
must show the leader's values too, and what outlives the call must not be changed in it.
"""

import functools
import types

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, to_numpy
from tests.masking_lab.corpus import run

XS = ([0.5, 1.0], [-1.0, 2.0, 3.0], [2.0])
KEPT: list = []
TABLE: dict = {}
STATE = types.SimpleNamespace(h=0.0, n=0)


class Counter:
    """An object that can be called, and keeps count."""

    def __init__(self, start):
        self.total = start

    def __call__(self, v):
        self.total = self.total + v
        return self.total

    def inside(self, np, w):
        return np.log(self.total) * w


COUNTER = Counter(0.0)


def closure(np, x, w):
    def inside(s):
        return np.log(x[0] * w) * s

    return inside(w) if x[0] > 0 else w


def closure_with_a_branch(np, x, w):
    def inside(s):
        if x[0] > 0:
            return np.log(x[0] * w) * s
        return s

    return inside(w)


def recursive_closure(np, x, w):
    def down(i):
        if i > 0:
            return np.sqrt(x[i]) * w + down(i - 1)
        return w

    return down(len(x) - 1)


def a_lambda(np, x, w):
    log = lambda v: np.log(v * w) * w if v > 0 else v  # noqa: E731
    return log(x[0]) + sum([log(v) for v in x])


def a_partial(np, x, w):
    log = functools.partial(lambda a, b, c: np.log(a * b) * np.log(c) * b, x[0], c=x[0])
    return log(w) if x[0] > 0 else w


def a_partial_of_a_closure(np, x, w):
    def inside(s):
        return np.log(x[0]) * s

    log = functools.partial(inside, w)
    return log() if x[0] > 0 else w


def containers_of_values(np, x, w):
    box, state, pair, h = Counter(x[0]), {"v": x[0]}, (x[0], [x[0]]), w
    if x[0] > 0:
        h = (
            np.log(box.total) * w
            + np.log(state["v"]) * w
            + np.log(pair[0]) * np.log(pair[1][0]) * w
        )
    return h


def a_bound_method(np, x, w):
    log = Counter(x[0]).inside
    return log(np, w) if x[0] > 0 else w


def callable_object_in_a_branch(np, x, w):
    count = Counter(w * 0)
    for v in x:
        if v > 0:
            count(v)
    return count.total * w


def own_index_is_written(np, x, w):
    ys = [w * 0, w * 1, w * 2, w * 3]
    ys[len(x)] = x[0] * w
    return ys[1] * ys[2] - ys[3]


def numbers_keep_their_precision(np, x, w):
    return (0.1 if x[0] > 0 else 0.7) * w + (1.017 if len(x) > 1 else 2)


def kinds_are_asked(np, x, w):
    y = w if isinstance(x[0], (int, float)) else -w
    return y * (2 if isinstance(len(x), int) else 3)


def map_and_filter(np, x, w):
    return sum(map(lambda v: np.tanh(v * w), x)) + sum(filter(lambda v: v > 0, x)) * w


def unpacking(np, x, w):
    low, high = np.stack([x.sum(), x[0] * w])
    first, *rest = low, high, w
    return first * rest[0] + rest[1]


def the_result_of_a_call_is_called(np, x, w):
    def made(k):
        return lambda v: np.exp(v * k) if v < 1 else v

    return made(2)(x[0]) * w


def starred_and_default_arguments(np, x, w, scale=2.0):
    def inside(*args, k=w, **more):
        return args[0] * k if args[0] > 0 else more["s"] * k

    args = (x[0], w)
    return inside(*args, **{"s": scale})


def a_dict_that_a_branch_changes(np, x, w):
    state = {"h": w * 1, "n": 0}
    if x[0] > 0:
        state["h"] = state["h"] * x[0]
        state["n"] += 1
    return state["h"] + state["n"]


def an_import(np, x, w):
    import math

    return w * math.pi if x[0] > 0 else w


def items_have_a_domain(np, x, w):
    h = w
    for v in x:
        h = h + np.log(np.abs(v)) * w
    return h


def text_of_a_value(np, x, w):
    words = f"{x[0]} and {len(x)}"
    return w if words else -w


SAME = [
    closure, closure_with_a_branch, recursive_closure, a_lambda, a_partial,
    a_partial_of_a_closure, containers_of_values, a_bound_method,
    callable_object_in_a_branch, own_index_is_written, numbers_keep_their_precision,
    kinds_are_asked, map_and_filter, unpacking, the_result_of_a_call_is_called,
    starred_and_default_arguments, a_dict_that_a_branch_changes, an_import,
    items_have_a_domain,
]  # fmt: skip


def outcome(name, f):
    lib, lifted = module(name), ml.lift(f)
    return run.both(name, lambda x, w: lifted(lib, x, w),
                    [(array(name, np.asarray(v)),) for v in XS], [array(name, 0.8)])  # fmt: skip


@pytest.mark.parametrize("f", SAME, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_loops(name, f):
    assert outcome(name, f) == run.Outcome("same")


# ----- refused -----
def list_outside(np, x, w):
    if x[0] > 0:
        KEPT.append(x[0])
    return w


def dict_outside(np, x, w):
    TABLE["h"] = x[0]
    return w


def attribute_outside(np, x, w):
    if x[0] > 0:
        STATE.n += 1
    return w


def object_outside(np, x, w):
    if x[0] > 0:
        COUNTER(x[0])
    return w


def formatted(np, x, w):
    words = f"{x[0]:.2f}"
    return w if words else -w


def sorted_values(np, x, w):
    return sorted(x)[0] * w


def none_on_some(np, x, w):
    y = x if x[0] > 0 else None
    return w if y is None else y.sum()


REFUSED = [
    (list_outside, r"'KEPT' is changed at line \d+: `KEPT.append.*return the value instead"),
    (dict_outside, "'TABLE' is changed .*outlives the call"),
    (attribute_outside, "'STATE' is changed"),
    (object_outside, "an attribute of a Counter is changed"),
    (formatted, r"a text is made at line \d+: `words"),
    (text_of_a_value, r"a text is made at line \d+: `words"),
    (sorted_values, "goes through a ragged dim"),
    (none_on_some, "None on others"),
]


@pytest.mark.parametrize("f, words", REFUSED, ids=lambda p: getattr(p, "__name__", ""))
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_refused(name, f, words):
    lib, lifted = module(name), ml.lift(f)
    COUNTER.total = 0.0
    b = ml.batch([array(name, np.asarray(v)) for v in XS])
    with pytest.raises(ml.MaskError, match=words) as caught:
        ml.autobatch(lambda x, w: lifted(lib, x, w))(b, array(name, 0.8))
    assert "\n" not in str(caught.value)
    assert not KEPT and not TABLE and STATE.n == 0


def refusals():
    """Functions whose text is refused, each with the words of the refusal."""

    def f_try(x):
        try:
            return x[0]
        except ValueError:
            return x

    def f_del(x):
        y = x
        del y

    def f_global(x):
        global KEPT
        KEPT = x

    def f_nonlocal(x):
        n = 0

        def inside():
            nonlocal n
            n += 1

        inside()

    def f_yield(x):
        yield x

    def f_class(x):
        class A: ...

    async def f_await(x):
        await x

    return {f_try: "try", f_del: "del", f_global: "global", f_nonlocal: "outer",
            f_yield: "generator", f_class: "class", f_await: "await"}  # fmt: skip


@pytest.mark.parametrize("f, word", refusals().items(), ids=lambda p: getattr(p, "__name__", ""))
def test_refused_with_file_line_and_caret(f, word):
    with pytest.raises(ml.MaskError, match=word) as caught:
        ml.lift(f)
    head, line, caret = str(caught.value).split("\n")
    assert head.startswith("tests/masking_lab/test_corners.py, line ") and f.__name__ in head
    assert line.strip() and set(caret.strip()) == {"^"}


@pytest.mark.parametrize("name", ["torch"])
class TestTorch:
    """Tensors can be written into; modules keep state."""

    def test_a_write_that_another_name_would_see(self, name):
        def attribute(x):
            h = x[0] * 1
            box = types.SimpleNamespace(h=h)
            box.h += 1
            return h

        def element(x):
            h = x[0] * 1
            hs = [h]
            hs[0] += 1
            return h

        b = ml.batch([array(name, np.asarray(v)) for v in XS])
        for f in (attribute, element):
            with pytest.raises(ml.MaskError, match="would be seen through 'h'"):
                ml.autobatch(f)(b)

    def test_a_module_with_a_branch_and_one_that_keeps_state(self, name):
        import torch

        class Gate(torch.nn.Module):
            def forward(self, x, w):
                return torch.log(x[0]) * w if x[0] > 0 else w

        class Keeper(Gate):
            def forward(self, x, w):
                self.last = x[0]
                return super().forward(x, w)

        xs, w = [(array(name, np.asarray(v)),) for v in XS], array(name, 0.8)
        assert run.both(name, Gate(), xs, [w]) == run.Outcome("same")
        with pytest.raises(ml.MaskError, match="an attribute of a Keeper is changed"):
            ml.autobatch(Keeper())(ml.batch([x for (x,) in xs]), w)

    def test_the_largest_of_nothing_names_the_examples(self, name):
        b = ml.batch([array(name, np.ones(n)) for n in (2, 0, 3, 0)])
        with pytest.raises(IndexError, match=r"examples \[1, 3\] have none"):
            ml.autobatch(lambda x: x.max() + 1)(b)
        assert ml.autobatch(lambda x: x.softmax(0).sum())(b).data.tolist() == [1, 0, 1, 0]

    def test_numbers_promote_as_in_the_loop(self, name):
        import torch

        xs = [torch.arange(n, dtype=torch.int32) for n in (3, 1)]
        for f in (
            lambda x: x * (1 / x.shape[0]),
            lambda x: x * (0.5 if len(x) > 1 else 0.25),
            lambda x: x + x.sum(),
            lambda x: x + (len(x) if len(x) > 1 else 3),
        ):
            for y, x in zip(ml.autobatch(f)(ml.batch(xs)).unbatch(), xs, strict=True):
                assert y.dtype == f(x).dtype
                np.testing.assert_allclose(to_numpy(y), to_numpy(f(x)), rtol=1e-6)
