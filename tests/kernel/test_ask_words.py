"""Questions in words: stems, directions, the data files, names, and how often we are right."""

import importlib.util

import pytest

from kernel.ask import roads, words
from kernel.ask.entries import phrase_lines
from kernel.ask.homes import long, short, side
from tests.kernel import ask_quality

pytest.importorskip("bm25s")
BOTH = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("torch", "jax"))), reason="needs both frameworks"
)
LATER = ("%", "masking_lab.leaderboard")  # parts of the house that may be missing yet
FLOORS = {"P@1": 0.6, "hit@5": 0.85, "said so": 0.8}


# ----- from a sentence to terms -----
@pytest.mark.parametrize(
    "text, stems",
    [
        ("How do I get the gradients of my losses?", ["gradient", "loss"]),
        ("why isn't it stopping", ["not", "stop"]),
        ("what is the difference between view and reshape", ["view", "reshap"]),
        ("log_softmax of the model's outputs", ["log", "softmax", "model", "output"]),
        ("", []),
        ("???", []),
        ("12 * 3", ["12", "3"]),
    ],
)
def test_a_question_becomes_stems(text, stems):
    assert words.terms(text) == stems


@pytest.mark.parametrize("name", ["logSoftmax", "log_softmax", "LogSoftmax"])
def test_a_name_is_split_into_words(name):
    assert words.name_terms(name) == ["log", "softmax"]


@pytest.mark.parametrize(
    "text", ["numpy to torch", "how to convert numpy into torch", "go from numpy to torch",
             "get torch from numpy", "I want to turn numpy to torch"],
)  # fmt: skip
def test_directions_are_read_whatever_the_words(text):
    assert set(words.directions(text)) == {"from:numpy", "into:torch"}


def test_what_has_no_two_sides_has_no_direction():
    for text in ("how to sum", "to", "from", "I want to know", ""):
        assert not words.directions(text)


def test_the_glossary_adds_words_that_count_less_than_the_askers_own():
    weights = words.widened(words.terms("slope"))
    (slope, derivative) = words.terms("slope derivative")
    assert weights[slope] == 1.0 and 0 < weights[derivative] < 1


# ----- the data files -----
@BOTH
def test_every_name_people_ask_for_exists():
    """A line of `phrases.txt` may name what only newer versions have, but has something left."""
    known = set(roads.ranker() and roads.names().whole)
    lost = [names for names, _ in phrase_lines()
            if not any(n.lower() in known or n.startswith(LATER) for n in names)]  # fmt: skip
    assert lost == []


def test_a_short_name_is_a_long_name():
    names = ("torch.sum", "jax.numpy.sum", "numpy.linalg.inv", "autodiff_lab.grad", "%ask")
    assert [long(short(name)) for name in names] == list(names)
    assert [side(name) for name in names] == ["torch", "jax", "numpy", "ours", "ours"]


# ----- names -----
def first(question):
    return roads.answer(question).entries[0]["names"]


@BOTH
@pytest.mark.parametrize(
    "typed, name",
    [
        ("softmax", "torch.nn.functional.softmax"),
        ("SOFTMAX", "torch.nn.functional.softmax"),
        ("jnp.sum", "jax.numpy.sum"),
        ("F.pad", "torch.nn.functional.pad"),
        ("torch.sum()", "torch.sum"),
        ("sofmax", "torch.nn.functional.softmax"),
        ("jnp.cumsumm", "jax.numpy.cumsum"),
        ("layernrom", "torch.nn.LayerNorm"),
        ("zero_gard", "torch.optim.Optimizer.zero_grad"),
    ],
)
def test_a_name_is_found_with_a_typing_mistake_or_two(typed, name):
    assert name in first(typed)


@BOTH
def test_a_word_that_is_no_name_is_looked_up_as_a_word():
    assert "autodiff_lab.grad" in first("slope")


def test_nonsense_is_no_name():
    assert roads.by_name("zzzqqqxxx") is None and roads.by_unknown_name("zzzqqqxxx") is None


# ----- how often we are right -----
@BOTH
@pytest.mark.parametrize(
    "question, names",
    [
        ("numpy to torch", "torch.from_numpy"),
        ("torch to numpy", "torch.Tensor.numpy"),
        ("jax array to torch tensor", "torch.from_dlpack"),
        ("torch tensor to jax array", "jax.numpy.from_dlpack"),
        ("lengths to mask", "masking_lab.MaskedBatch.mask"),
        ("mask to lengths", "masking_lab.MaskedBatch.from_padded"),
        ("gpu to cpu", "torch.Tensor.cpu"),
        ("cpu to gpu", "torch.Tensor.cuda"),
    ],
)
def test_a_direction_is_respected(question, names):
    assert names in first(question)


@BOTH
@pytest.mark.parametrize("half", (*ask_quality.HALVES, ask_quality.LATER))
def test_questions_are_answered_as_often_as_promised(half):
    found = ask_quality.figures(half)
    assert found["questions"] >= 50
    assert all(found[name] >= floor for name, floor in FLOORS.items()), found


@BOTH
def test_a_question_with_typing_mistakes_is_answered():
    typed = roads.answer("how do I calulate the gradiant of every exampel separatly")
    assert typed.sure and any("jax.vmap" in e["names"] for e in typed.entries[:2])


@BOTH
@pytest.mark.parametrize(
    "one, other",
    [("torch.Tensor.repeat", "jax.numpy.repeat"), ("torch.transpose", "jax.numpy.transpose"),
     ("torch.equal", "jax.numpy.equal"), ("torch.split", "jax.numpy.split"),
     ("torch.select", "jax.lax.select"), ("jax.random.split", "jax.numpy.split")],
)  # fmt: skip
def test_false_friends_are_two_answers(one, other):
    assert other not in first(one) and one not in first(other)


def test_twins_are_one_answer():
    names = first("running total")
    for pattern in ("torch.cumsum", "jax.numpy.cumsum"):
        home = pattern.partition(".")[0]
        assert pattern in names or importlib.util.find_spec(home) is None


@BOTH
@pytest.mark.parametrize(
    "question, name",
    [
        ("how to calulate the gradiant of a funtion", "autodiff_lab.grad"),  # small words, too
        ("why is x.grad None", "torch.Tensor.grad"),  # x is nobody's name: an array's is meant
        ("if inside jit", "jax.lax.cond"),
        ("which entries are not a number", "torch.isnan"),
        ("element-wise product", "torch.multiply"),
        ("what is a cotangent", "autodiff_lab.vjp"),
    ],
)
def test_the_ways_in_which_people_write(question, name):
    assert name in roads.answer(question).entries[0]["names"]
