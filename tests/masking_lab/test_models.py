"""The models that come with the lab, batched: each against the loop over its examples, in float64.

Values, gradients of the weights and of each example, and padding of all four kinds.
"""

import functools

import numpy as np
import pytest

import masking_lab as ml
from masking_lab import models
from tests.helpers import FRAMEWORKS
from tests.masking_lab.corpus import run

STRATEGIES = "masked", "lazy", "fold"
DECIDED_BY_VALUES = {"translator", "parser", "beam_search", "nuts"}
CASES = [(strategy, model) for strategy in STRATEGIES for model in models.NAMES
         if strategy != "fold" or model not in DECIDED_BY_VALUES]  # fmt: skip
# On JAX most of the time goes into compiling, and nothing else is learnt from these: the models are
# tried there under masked, and lazy under others. On PyTorch they are all tried.
TOO_LONG_ON_JAX = {("lazy", model) for model in ("translator", "beam_search", "encoders", "tagger")}


def load(name, model):
    """JAX compiles anew for each size, so there they are few and small."""
    sizes = {"count": 5} if name == "torch" else {"count": 3, "longest": 2}
    f, lib, examples, weights = models.load(model, name, **sizes)
    return functools.partial(f, lib), examples, [weights]


@functools.cache
def by_loop(name, model):
    return run.by_loop(name, *load(name, model))


@pytest.mark.parametrize(
    "name, strategy, model",
    [(n, *c) for n in FRAMEWORKS for c in CASES if n == "torch" or c not in TOO_LONG_ON_JAX],
)
def test_the_loop_is_the_meaning(name, strategy, model):
    program, fills = load(name, model), run.POISON if name == "torch" else run.POISON[1:2]
    found = [run.batched(name, *program, fill, strategy=strategy) for fill in fills]
    assert not run.difference(found[0], by_loop(name, model))
    assert all(run.fingerprint(y) == run.fingerprint(found[0]) for y in found)


@pytest.mark.parametrize("model", sorted(DECIDED_BY_VALUES))
def test_fold_lays_out_what_goes_by_structure(model):
    f, lib, examples, weights = models.load(model, "torch")
    with pytest.raises(ml.MaskError, match="'fold' does not apply: at line .* a computed value"):
        ml.autobatch(f, "fold")(lib, *ml.batch(examples), weights)


@pytest.mark.parametrize("model", models.NAMES)
def test_both_frameworks_give_the_same(model):
    found = []
    for name in FRAMEWORKS:
        f, lib, examples, weights = models.load(model, name, count=1, longest=2)
        found.append(run.numbers([f(lib, *examples[0], weights)])[0])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


# ----- the examples are what they are said to be -----
def shapes(model, count=16):
    """Of what the loop returns for each example."""
    f, lib, examples, weights = models.load(model, "torch", count)
    return [[tuple(y.shape) for y in run.ad.trees.leaves(f(lib, *e, weights))] for e in examples]


@pytest.mark.parametrize("model", ["tagger", "translator", "beam_search"])
def test_results_are_as_long_as_the_example_says(model):
    assert len({s[0][0] for s in shapes(model)}) > 2


def test_chains_stop_at_different_depths():
    f, lib, examples, w = models.load("nuts", "torch", 16)
    assert len({int(f(lib, *e, w)[1]) for e in examples}) > 1


def test_each_sentence_draws_its_own_tree():
    f, lib, examples, w = models.load("parser", "torch", 16)
    words = max((words for words, _ in examples), key=len)
    assert len({float(f(lib, words, key, w)[0][0]) for _, key in examples}) > 2


def test_three_ten_and_fifteen_of_sixteen():
    _, _, examples, _ = models.load("encoders", "torch", 16)
    has = np.asarray([[len(part) > 0 for part in e] for e in examples])
    assert has.sum(0).tolist() == [3, 10, 15]


def test_edits_are_counted():
    """With costs of one it is Levenshtein's distance (1966)."""
    import torch

    letters = lambda word: torch.tensor([ord(c) - 97 for c in word], dtype=torch.int64)  # noqa: E731
    w = {"insert": torch.tensor(1.0), "delete": torch.tensor(1.0), "change": 1.0 - torch.eye(26)}
    pairs = [("kitten", "sitting"), ("flaw", "lawn"), ("", "abc"), ("same", "same")]
    b = ml.batch([(letters(x), letters(y)) for x, y in pairs])
    found = ml.autobatch(models.edit_distance.edit_distance)(torch, *b, w)
    assert found.data.tolist() == [3, 2, 3, 0]


def test_an_unknown_model():
    with pytest.raises(ml.MaskError, match="no model 'gpt'; choose one of tagger, characters"):
        models.load("gpt", "torch")
