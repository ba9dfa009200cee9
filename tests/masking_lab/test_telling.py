"""Telling cases: where systems that batch and mask have gone wrong, each by its name.

Most were measured on other systems (Matchbox, flax, torch.masked, nested tensors, Keras, vmap). The
oracle is the loop over the examples in float64: values, gradients of every input and of the shared
weights, and four fills of the padding bit for bit. Where the loop gives NaN, so do we, and no other
example may be touched; where the loop raises, so do we: that is the whole policy on empty examples.
Left to the strategies: how many batched calls recursion takes (Fibonacci of 6, 7, 8, 7 in 21).
"""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab import programs
from tests.masking_lab.corpus import run

CASES = {}


def case(words):
    def register(check):
        CASES[words] = check
        return check

    return register


def normal(name, *shape, seed=0):
    return array(name, np.random.default_rng([seed, *shape]).normal(size=shape))


def same(name, f, examples, *shared, **options):
    found = run.both(name, f, [tuple(e) for e in examples], shared, **options)
    assert found.kind == "same", f"{found.kind}: {found.words}"


def vectors(name, *lengths):
    return [(normal(name, n, seed=i),) for i, n in enumerate(lengths)]


def rows(name, *lengths, width=2):
    return [(normal(name, n, width, seed=i),) for i, n in enumerate(lengths)]


def softmax(name):
    import importlib

    return importlib.import_module({"torch": "torch", "jax": "jax.nn"}[name]).softmax


def weight(name, *shape):
    return normal(name, *shape, seed=99)


# ----- padding and empty examples -----
@case("1: poison in the padding")
def poison(name, np_):
    soft, (w, W) = softmax(name), (weight(name), weight(name, 2, 2))
    for f in (
        lambda x, w, W: soft(x @ W, 0) * w,
        lambda x, w, W: (x @ W).mean(0) * w,
        lambda x, w, W: np_.exp(x @ W).sum() * w,
        lambda x, w, W: np_.amax(x @ W, 0) / w,
        lambda x, w, W: np_.var(x @ W, correction=0) + w,
        lambda x, w, W: soft(x @ W @ x.T, 1) @ x * w,
        lambda x, w, W: np_.cumsum(x @ W, 0) * w,
        lambda x, w, W: np_.sqrt(np_.abs(x @ W)) * np_.log(x * x + w * w),
        lambda x, w, W: (x.T @ x @ W) / w,
    ):
        same(name, f, rows(name, 3, 1, 4), w, W)


@case("2: softmax with valid logits of -200")
def low_logits(name, np_):
    xs = [(array(name, v),) for v in ([-200.0, -201.0, -199.5], [-200.0], [-1000.0, -1001.0])]
    same(name, lambda x, w: softmax(name)(x, 0) * w, xs, weight(name))


@case("3: an example that is empty, or masked altogether")
def empty(name, np_):
    soft, xs = softmax(name), rows(name, 2, 0, 3)
    for f in (
        lambda x, w: soft(x, 0) * w,
        lambda x, w: x.sum(0) * w,
        lambda x, w: (x * w).mean(0),
        lambda x, w: np_.prod(x * w, 0) if name == "torch" else np_.prod(x * w, axis=0),
        lambda x, w: soft(w * x[:1] @ x.T, 1) @ x,
        lambda x, w: np_.var(x * w, 0, correction=0) if name == "torch" else np_.var(x * w, 0),
    ):
        same(name, f, xs, weight(name))
    call = ml.autobatch(lambda x: np_.amax(x, 0))  # the largest of nothing: the loop raises
    with pytest.raises((IndexError, ml.MaskError)):
        call(ml.batch([x for (x,) in xs]))


@case("4: the state of an example of length zero is the first state")
def recurrent(name, np_):
    def f(x, w, W):
        h = w
        for row in x:
            h = np_.tanh(W @ h + row)
        return h

    same(name, f, rows(name, 3, 0, 1), weight(name, 2), weight(name, 2, 2))


@case("5: all examples empty; no example; one example")
def degenerate(name, np_):
    def f(x, w):
        total = w * 0.0
        for v in x:
            if v > 0:
                total = total + v * w
        return total + x.sum()

    same(name, f, vectors(name, 0, 0), weight(name))
    same(name, f, vectors(name, 3), weight(name))
    b = ml.batch([x for (x,) in vectors(name, 2, 1)])
    none = ml.MaskedBatch(b.data[:0], [n[:0] for n in b.sizes])
    assert ml.autobatch(f)(none, weight(name)).unbatch() == []


@case("6: a standard deviation of one entry")
def one_entry(name, np_):
    same(name, lambda x, w: np_.std(x * w, correction=1), vectors(name, 3, 1, 2), weight(name))


# ----- control flow -----
def program(name, f, *examples):
    """One of the programs, on examples that take different ways."""
    xs = [(array(name, np.asarray(x)),) for x in examples]
    lib = module(name)
    same(name, lambda x, w: ml.lift(f)(lib, x, w), xs, array(name, 0.8))


def of_program(words, f, *examples):
    CASES[words] = lambda name, _: program(name, f, *examples)


UP, DOWN, LONG = [0.5, -1.0, 2.0], [-0.3], [1.5, 0.2, 0.7, -2.0, 0.1]
of_program("7: the body of an if changes what it asked",
           programs.the_body_changes_the_predicate, UP, DOWN, LONG)  # fmt: skip
of_program("8: nested if, outer false and inner true",
           programs.nested_branches, [-1.0, 2.0], [1.0, 2.0], [1.0, -2.0], [-1.0])  # fmt: skip
of_program("9: gradient through the branch that is not taken",
           programs.the_other_branch_leaves_the_domain, [0.0], UP, DOWN)  # fmt: skip
of_program("10: a while that would not end in the branch not taken",
           programs.a_loop_that_would_not_end_elsewhere, UP, [0.0], DOWN)  # fmt: skip
of_program("12: break on one example only", programs.break_on_one, UP, DOWN, [0.1, 0.2])
of_program("13: continue on one example only", programs.continue_on_one, UP, DOWN, [0.1])
of_program("14: early return in if, for and while", programs.early_returns, [-1.0], LONG, UP, [0.2])
of_program("20: short circuits, chained comparisons, conditional expressions",
           programs.short_circuits, UP, DOWN, LONG)  # fmt: skip


@case("11: nested while loops, against a closed form")
def nested_while(name, np_):
    def f(n, w):
        total, i = w * 0.0, 0
        while i < n:
            j = 0
            while j < i:
                total = total + w
                j += 1
            i += 1
        return total

    trips = [(array(name, n),) for n in (4, 0, 1, 7)]
    same(name, f, trips, weight(name))
    found = ml.autobatch(f)(ml.batch([n for (n,) in trips]), array(name, 1.0))
    assert [float(y) for y in found.unbatch()] == [n * (n - 1) / 2 for n in (4, 0, 1, 7)]


@case("15: augmented, tuple, indexed and attribute assignment")
def assignments(name, np_):
    program(name, programs.assignments, UP, DOWN, LONG)

    def f(x, w):
        seen, y = [w * 0.0, w], x * w
        for i in range(len(x)):
            if x[i] > 0:
                seen[0] = seen[0] + x[i] * w
                seen[1], seen[0] = seen[0], seen[1]
                if name == "torch":
                    y[i] = seen[0]
                    y[-1] += w
        return y.sum() + seen[0] * seen[1]

    same(name, f, vectors(name, 3, 1, 4), weight(name))


@case("16: a name that one branch defines")
def one_side(name, np_):
    def f(x, w):
        if x.sum() > 0:
            found = x.sum() * w
        if x.sum() > limit:
            return found
        return w

    limit = 0.0
    xs = [(array(name, v),) for v in ([1.0, 2.0], [-1.0], [3.0])]
    same(name, f, xs, weight(name))
    limit = -5.0
    with pytest.raises(UnboundLocalError, match=r"'found': it has no value on examples \[1\]"):
        ml.autobatch(f)(ml.batch([x for (x,) in xs]), weight(name))


@case("17: recursion on trees")
def trees(name, np_):
    """Binary trees as tables: children of each node, -1 for a leaf; nodes count from the root."""

    def f(left, right, value, w):
        def at(i):
            if left[i] < 0:
                return np_.tanh(value[i] * w)
            return np_.tanh(at(left[i]) + at(right[i]) * w)

        return at(0)

    shapes = ([-1], [-1]), ([1, 3, -1, -1, -1], [2, 4, -1, -1, -1]), ([1, -1, -1], [2, -1, -1])
    examples = [
        (array(name, a), array(name, b), normal(name, len(a), seed=len(a))) for a, b in shapes
    ]
    same(name, f, examples, weight(name))


@case("18: mutual recursion")
def mutual(name, np_):
    def even(n):
        return True if n == 0 else odd(n - 1)

    def odd(n):
        return False if n == 0 else even(n - 1)

    def f(n, w):
        return w * 2 if even(n) else -w

    same(name, f, [(array(name, n),) for n in (3, 0, 4, 1)], weight(name))


@case("19: a branch on what was sampled, in any order of the examples")
def sampled(name, np_):
    """Each example brings its own uniform numbers, so that loop and batch sample the same."""

    def f(u, w):
        reward = w * 0.0
        for t in range(len(u)):
            p = 1 / (1 + np_.exp(-w - reward))
            if u[t] < p:
                reward = reward + np_.log(p)
            else:
                reward = reward - np_.log(1 - p) * 0.5
        return reward

    us = [(array(name, np.random.default_rng(n).uniform(size=n)),) for n in (3, 5, 1, 4)]
    same(name, f, us, weight(name))
    there = ml.autobatch(f)(ml.batch([u for (u,) in us]), weight(name)).data
    back = ml.autobatch(f)(ml.batch([u for (u,) in us[::-1]]), weight(name)).data
    assert to_numpy(there).tolist() == to_numpy(back)[::-1].tolist()


# ----- across examples, several ragged dims, losses, what a call leaves behind -----
@case("21: operations across examples")
def across(name, np_):
    b = ml.batch([x for (x,) in rows(name, 3, 1, 2)])
    for f in (lambda x: x.sum(2), lambda x: np_.amax(x, 2), lambda x: np_.argsort(x, 2)):
        with pytest.raises((IndexError, ValueError, ml.MaskError, ad.AutodiffError)):
            ml.autobatch(f)(b)  # an example has two dims: nobody sees the batch's


@case("22: operations between different raggedness")
def raggedness(name, np_):
    pairs = [(normal(name, n), normal(name, m, 2)) for n, m in ((3, 2), (1, 4), (2, 2))]
    same(name, lambda x, y, v: x[:, None, None] * (y + v)[None], pairs, weight(name, 2))
    same(name, lambda x, y, v: np_.stack([x.sum() * y.sum(0), v]), pairs, weight(name, 2))
    batches = ml.batch(pairs)
    with pytest.raises(ml.MaskError, match=r"\[3, 1, 2\].*\[2, 4, 2\]|do not match"):
        ml.autobatch(lambda x, y: x + y[:, 0])(*batches)


@case("23: two ragged dims, transposed, reversed, with a negative index")
def two_dims(name, np_):
    def f(q, k, w):
        scores = softmax(name)(q @ k.T * w, 1)
        out = (scores.T @ q)[-1] * scores[-1, -1]
        for row in reversed(scores):
            out = np_.tanh(out + row.sum() * w)
        return out + scores.T[0].mean()

    pairs = [(normal(name, n, 2), normal(name, m, 2)) for n, m in ((3, 2), (1, 4), (2, 1))]
    same(name, f, pairs, weight(name))


@case("24: losses per token, per example and summed, in uneven micro-batches")
def losses(name, np_):
    def f(x, w):
        errors = (np_.tanh(x @ w) - 0.3) ** 2
        return errors.sum(), errors.mean(), x.shape[0] + 0.0 * w.sum()

    xs, w = [x for (x,) in rows(name, 5, 1, 2, 3)], weight(name, 2)

    def loss(w, parts):
        sums, means, counts = (
            sum(y)
            for y in zip(
                *[[y.data.sum() for y in ml.autobatch(f)(ml.batch(p), w)] for p in parts],
                strict=True,
            )
        )
        return sums / counts + means / 4 + sums  # fmt: skip

    gradients = [
        to_numpy(native_grad(lambda w, parts=parts: loss(w, parts), (0,))(w)[0])
        for parts in ([xs], [xs[:1], xs[1:]], [xs[:3], xs[3:]])
    ]
    for g in gradients[1:]:
        np.testing.assert_allclose(g, gradients[0], rtol=1e-12)


@case("25: effects, errors in examples that do not run, second derivatives, compilations")
def effects(name, np_):
    def f(x, w):
        if x.sum() < -50:
            raise ValueError("never")
        total = w * 0.0
        for v in x:
            total = total + np_.sin(v * w) if v > 0 else total - w**3
        return total

    xs, w = [x for (x,) in vectors(name, 3, 1, 4)], weight(name)
    same(name, f, [(x,) for x in xs], w)
    b = ml.batch(xs)
    ours = curvature(name, lambda w: ml.autobatch(f)(b, w).data.sum(), w)
    theirs = curvature(name, lambda w: sum(f(x, w) for x in xs), w)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-10)


def curvature(name, f, w):
    if name == "jax":
        import jax

        return jax.grad(jax.grad(f))(w)
    import torch

    w = w.clone().requires_grad_()
    (first,) = torch.autograd.grad(f(w), [w], create_graph=True)
    return torch.autograd.grad(first, [w])[0]


@pytest.mark.parametrize("words", CASES, ids=str)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_case(name, words):
    CASES[words](name, module(name))


def test_one_compilation_serves_all_lengths_of_a_bucket():
    """20 lengths in buckets of powers of two: 6 programs under `jit`, not 20."""
    jax = pytest.importorskip("jax")
    traced = []

    @jax.jit
    def total(data, lengths):
        traced.append(data.shape)
        return ml.autobatch(lambda x: (x * x).mean())(ml.MaskedBatch(data, (lengths,))).data

    for n in range(1, 21):
        data = np.arange(2.0 * 2 ** (n - 1).bit_length()).reshape(2, -1)
        found = total(data, np.asarray([n, 1]))
        np.testing.assert_allclose(found, [(data[0, :n] ** 2).mean(), data[1, 0] ** 2])
    assert len(traced) == 6
