"""Nested raggedness: words of different length in sentences of different length.

An example is a list of arrays, and so the oracle is plain Python over the lists. An array operation
on a whole sentence (`s @ w`) means the operation on each word.
"""

import copy

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, allclose, array, module, native_grad, to_numpy
from tests.masking_lab.test_autobatch import POISON, poisoned

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)
LENGTHS = [[2, 3], [], [1]]


def sentences(name, lengths=LENGTHS):
    rng = np.random.default_rng(0)
    return [[array(name, rng.normal(size=(n, 3))) for n in own] for own in lengths]


def weights(name):
    return array(name, np.random.default_rng(1).normal(size=(3, 3)))


def same(ours, theirs):
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, (int, float)):
        assert float(ours) == pytest.approx(theirs, rel=1e-9)
    else:
        allclose(ours, theirs, "float64")


def total(tree):
    """The sum of everything: of lists, and of batches by their valid entries."""
    if isinstance(tree, ml.MaskedBatch):
        return total(tree.unbatch())
    return sum(total(x) for x in tree) if isinstance(tree, (list, tuple)) else tree.sum()


def holds(name, f, alone, lengths=LENGTHS, gradient=True):
    """Values and shared gradients are those of `alone`; the padding never matters."""
    xs, w = sentences(name, lengths), weights(name)
    b = poisoned(ml.batch(xs), POISON[1])
    same(ml.autobatch(f)(b, w).unbatch(), [alone(s, w) for s in xs])
    if not gradient:
        return
    (expected,) = native_grad(lambda w: total([alone(s, w) for s in xs]), (0,))(w)
    seen = []
    for value in POISON if name == "torch" else POISON[1:2]:  # JAX takes seconds for each
        batch = poisoned(b, value)

        def loss(w, batch=batch):
            return total(ml.autobatch(f)(batch, w))

        seen.append(to_numpy(native_grad(loss, (0,))(w)[0]))
        if name == "torch":
            seen.append(to_numpy(ad.grad(loss)(w)))
    allclose(seen[0], expected, "float64")
    for other in seen[1:]:
        assert np.array_equal(other, seen[0]) or name == "torch", "padding changed a result"
        np.testing.assert_allclose(other, seen[0], rtol=1e-12, atol=1e-15)


# ----- programs that go through the lists: they are their own oracle -----
def states_of_words(np, s, w):
    h = w[0] * 0
    for word in s:
        h = np.tanh(h @ w + (word @ w).mean(0))
    return h


def states_of_characters(np, s, w):
    h = w[0]
    for i in range(len(s)):
        for c in s[i]:
            h = np.tanh(h @ w + c * i)
    return h


def a_list_of_arrays(np, s, w):
    return [np.tanh(word @ w) for word in s if len(word) > 1]


def by_index(np, s, w):
    return (s[0] @ w).sum() + s[-1][-1].sum() * w.sum() if len(s) > 1 else w.sum()


def the_longest_word(np, s, w):
    best = w[:1]
    for word in s:
        if len(word) > len(best):
            best = word @ w
    return best


def all_characters(np, s, w):
    words = [w]
    for word in s:
        words.append(word @ w)
    return np.concat(words)


def lists_in_lists(np, s, w):
    return [[c @ w for c in word if c[0] > 0] for word in s]


def a_branch_on_the_sentence(np, s, w):
    if len(s) > 1:
        s = s[1:]
    return [word @ w for word in reversed(s)]


PROGRAMS = [
    states_of_words, states_of_characters, a_list_of_arrays, by_index, the_longest_word,
    all_characters, lists_in_lists, a_branch_on_the_sentence,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_program_over_the_lists(name, program):
    np = module(name)

    def f(s, w):
        return program(np, s, w)

    holds(name, f, f, gradient=name == "torch" or program in PROGRAMS[:1])


# ----- operations on the whole: what they mean for each word -----
def softmax(verbs, x, axis):
    return verbs.softmax(x, axis)


WHOLE = {
    "elementwise": (lambda v, s, w: v.tanh(s @ w), lambda v, x, w: v.tanh(x @ w)),
    "sum": (lambda v, s, w: v.sum(v.exp(s @ w), (1,)), lambda v, x, w: v.sum(v.exp(x @ w), (0,))),
    "mean": (lambda v, s, w: (s @ w).mean(1), lambda v, x, w: (x @ w).mean(0)),
    "max": (lambda v, s, w: v.max(s @ w, (1,)), lambda v, x, w: v.max(x @ w, (0,))),
    "softmax": (lambda v, s, w: softmax(v, s @ w, 1), lambda v, x, w: softmax(v, x @ w, 0)),
    "own length": (lambda v, s, w: (s @ w).sum(2).sum(1) / (s.shape[1] + 1),
                   lambda v, x, w: (x @ w).sum() / (x.shape[0] + 1)),
    "attention": (lambda v, s, w: softmax(v, (s @ w) @ v.permute(s, (0, 2, 1)), 2) @ s,
                  lambda v, x, w: softmax(v, (x @ w) @ x.T, 1) @ x),
    "permuted": (lambda v, s, w: v.sum(v.permute(v.tanh(s @ w), (2, 1, 0)), (0,)).T,
                 lambda v, x, w: v.sum(v.tanh(x @ w), (1,))),
    "last": (lambda v, s, w: (s @ w)[:, -1], lambda v, x, w: (x @ w)[-1]),
    "the rest": (lambda v, s, w: (s @ w)[:, 1:], lambda v, x, w: (x @ w)[1:]),
    "backwards": (lambda v, s, w: v.flip(s @ w, (1,)), lambda v, x, w: v.flip(x @ w, (0,))),
    "a new dim": (lambda v, s, w: (s @ w)[None][0], lambda v, x, w: x @ w),
    "running sum": (lambda v, s, w: v.cumsum(s @ w, 1), lambda v, x, w: v.cumsum(x @ w, 0)),
}  # fmt: skip


@pytest.mark.parametrize("key", WHOLE)
def test_an_operation_on_the_whole_is_one_on_each_word(name, key):
    verbs, (whole, each) = xp.verbs(name), WHOLE[key]
    holds(
        name,
        lambda s, w: whole(verbs, s, w),
        lambda s, w: [each(verbs, word, w) for word in s],
        [[2, 3], [1]] if key == "max" else LENGTHS,
        gradient=name == "torch" or key in ("mean", "attention", "last"),
    )


def test_words_out_of_order_take_their_lengths_along(name):
    verbs = xp.verbs(name)
    holds(name, lambda s, w: verbs.flip(s @ w, (0,)), lambda s, w: [x @ w for x in s[::-1]])
    if name == "torch":  # on JAX too, by the same code as x[:, 1:]
        holds(name, lambda s, w: (s @ w)[1:], lambda s, w: [x @ w for x in s[1:]])


def test_sums_of_everything(name):
    def alone(s, w):
        return sum([(x @ w).sum() for x in s], w.sum() * 0)

    holds(name, lambda s, w: (s @ w).sum(), alone)


def test_three_levels(name):
    lengths = [[[1, 2], [3]], [[2]]]
    rng = np.random.default_rng(2)
    xs = [[[array(name, rng.normal(size=n)) for n in s] for s in d] for d in lengths]
    b = ml.batch(xs)
    assert to_numpy(b.lengths[2]).tolist() == [[[1, 2], [3, 0]], [[2, 0], [0, 0]]]
    same(b.unbatch(), xs)

    def f(d):
        return [[word * 2 for word in s] for s in d]

    if name == "torch":
        same(ml.autobatch(f)(b).unbatch(), [f(d) for d in xs])
    whole = ml.autobatch(lambda d: d.sum(2).sum(1))(b)
    same(whole.unbatch(), [[sum([w.sum() for w in s], 0.0) for s in d] for d in xs])


# ----- the value -----
def test_data_mask_lengths_and_back(name):
    xs = sentences(name)
    xs = sentences(name, [[2, 3], [1], [], [2, 1, 4]])
    b = ml.batch(xs, pad_value=7)
    outer, inner = b.lengths
    assert tuple(b.data.shape) == (4, 3, 4, 3) and b.shape == (4, None, None, 3)
    assert to_numpy(outer).tolist() == [2, 1, 0, 3]
    assert to_numpy(inner).tolist() == [[2, 3, 0], [1, 0, 0], [0, 0, 0], [2, 1, 4]]
    assert to_numpy(b.mask).sum() == 13 and tuple(b.mask.shape) == (4, 3, 4)
    assert (to_numpy(b.data)[~to_numpy(b.mask)] == 7).all()
    same(b.unbatch(), xs), same(b[3], xs[3]), same(b[1:3].unbatch(), xs[1:3])
    same(copy.deepcopy(b).unbatch(), xs), same(ml.batch([*b, *b]).unbatch(), xs + xs)
    assert b[1:3].data.shape[1:3] == (1, 1)


def test_numbers_of_a_tokenizer(name):
    b = ml.batch([[[5, 6], [7]], [[8]]], like=array(name, 0))
    assert [[w.tolist() for w in s] for s in b] == [[[5, 6], [7]], [[8]]]
    w = array(name, np.random.default_rng(1).normal(size=(9, 3)))

    def f(s, w):
        return [w[word].sum(0) for word in s]

    same(ml.autobatch(f)(b, w).unbatch(), [module(name).stack(f(s, w)) for s in b])


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_mask_gives_the_lengths_back(name, side):
    xs = sentences(name)
    b = ml.batch(xs)
    data, mask = b.to_padded(side, pad_value=9)
    assert (to_numpy(data)[~to_numpy(mask)] == 9).all()
    same(ml.MaskedBatch.from_padded(data, mask).unbatch(), xs)


def test_batches_with_the_same_inner_lengths_only(name):
    xs = sentences(name, [[2, 2], [3]])
    assert ml.batch(xs).lengths[1].shape == (2, 2)
    b = ml.batch(sentences(name, [[2, 2], [2]]))
    assert b.shape == (2, None, 2, 3)  # then the words are a dim like any other
    assert len(ml.batch(sentences(name, [[2, 2], [2]]), ragged=(1,)).lengths) == 2


# ----- what is refused -----
def refused(name, f, match, xs=None):
    with pytest.raises((ml.MaskError, TypeError), match=match) as caught:
        ml.autobatch(f)(ml.batch(xs or sentences(name)))
    assert "\n" not in str(caught.value)


def test_what_is_refused(name):
    verbs = xp.verbs(name)
    refused(name, lambda s: verbs.sum(s, (0,)), "takes away the dim that the size of another")
    refused(name, lambda s: s.reshape(-1, 3), "nested|reshape|ragged")
    refused(name, lambda s: verbs.sum(s, (1, 2)) + verbs.sum(s, (2,)), "match")
    refused(name, lambda s: verbs.concat([s, s], 1), "nested")
    with pytest.raises(ml.MaskError, match=r"put the outer dim in front"):
        ml.autobatch(lambda s: verbs.permute(s, (1, 0, 2)))(ml.batch(sentences(name))).unbatch()
