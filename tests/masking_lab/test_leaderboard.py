"""The leaderboard: what it counts, whom it lets in, and what it says."""

import json

import numpy as np
import pytest

import masking_lab as ml
from masking_lab.leaderboard import advice, clock, rows, text, work
from masking_lab.leaderboard.case import Case
from masking_lab.strategies import STRATEGIES
from tests.autodiff_lab.test_honest import poison  # noqa: F401
from tests.helpers import FRAMEWORKS, array, module

LENGTHS = (3, 1, 4)


def last_state(np, x, w):
    h = np.zeros(2)
    for v in x:
        h = np.tanh(v @ w + h @ w)
    return h


def data(name, dtype="float32"):
    random = np.random.default_rng(0)
    xs = [array(name, random.normal(size=(n, 2)).astype(dtype)) for n in LENGTHS]
    return ml.batch(xs), array(name, random.normal(size=(2, 2)).astype(dtype))


def board_of(name, f=last_state, strategies=("loop", "masked"), **options):
    b, w = data(name)
    return ml.leaderboard(f, module(name), b, shared=w, strategies=strategies, rounds=3,
                          seconds=0.1, **options)  # fmt: skip


def row_of(board, strategy):
    return next(row for row in board.rows if row["strategy"] == strategy)


@pytest.fixture
def added():
    """A strategy for the time of a test."""
    before = dict(STRATEGIES)
    yield lambda run: STRATEGIES.setdefault(run.__name__, run)
    STRATEGIES.clear()
    STRATEGIES.update(before)


# ----- who is let in -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_is_told(name):
    board = board_of(name)
    assert board.framework.startswith(name) and board.examples == 3
    assert board.lengths == list(LENGTHS) and board.padding == pytest.approx(1 - 8 / 12)
    assert {row["strategy"] for row in board.rows} == {"loop", "masked"}
    for row in board.rows:
        assert row["equal"] is True and tuple(row) == rows.FIELDS
        assert 0 < row["training"][0] <= row["training"][1] <= row["training"][2]
        assert row["forward"][1] > 0 and row["peak_bytes"] > 0 and row["calls"] > 0
    assert row_of(board, "loop")["speedup"] == 1 and row_of(board, "loop")["useful"] == 1
    assert board.rows[0]["strategy"] == board.recommendation or "close" in board.reason
    assert json.loads(board.to_json())["rows"] == json.loads(json.dumps(board.rows))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_wrong_value_is_no_contender(name, added):
    @added
    def a_little_off(f, args, kwargs, count):
        found = STRATEGIES["masked"](f, args, kwargs, count)
        return ml.MaskedBatch(found.data * 1.01, found.sizes)

    board = board_of(name, strategies=["a_little_off"])
    row = row_of(board, "a_little_off")
    assert row["equal"] is False and row["training"] is None and row["speedup"] is None
    assert board.recommendation == "loop" and "value" in row["differs"]
    assert "a_little_off is out, since it is not the loop: value 0: off by" in repr(board)


def test_a_wrong_gradient_is_no_contender(added):
    @added
    def forgets(f, args, kwargs, count):
        return STRATEGIES["masked"](f, (*args[:-1], args[-1].detach()), kwargs, count)

    import torch

    row = row_of(board_of("torch", strategies=["forgets"], backward=torch.Tensor.backward),
                 "forgets")  # fmt: skip
    assert row["equal"] is False and row["differs"].startswith("gradient 1")


def test_what_the_padding_holds_must_not_show(added):
    @added
    def careless(f, args, kwargs, count):
        whole = [x.data if isinstance(x, ml.MaskedBatch) else x for x in args]
        b = args[1]
        return ml.MaskedBatch((whole[1] * b.mask[:, :, None]).sum(1), (None,))

    def summed(np, x, w):
        return x.sum(0)

    row = row_of(board_of("torch", summed, ["careless"]), "careless")
    assert row["equal"] is False and "value" in row["differs"]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_does_not_apply_says_why(name, added):
    @added
    def choosy(f, args, kwargs, count):
        raise ml.MaskError("strategy='choosy' does not apply: not today; use strategy='masked'")

    @added
    def broken(f, args, kwargs, count):
        raise KeyError("nobody")

    board = board_of(name, strategies=["choosy", "broken"])
    assert "choosy does not apply: not today" in repr(board)
    assert "breaks off with KeyError" in row_of(board, "broken")["why_not"]
    assert row_of(board, "choosy")["equal"] is None and board.reason.startswith("it is the only")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_error_of_the_function_is_raised(name):
    def f(np, x, w):
        raise ValueError("never")

    with pytest.raises(ValueError, match="never"):
        board_of(name, f)


def test_nothing_to_compare():
    import torch

    none = ml.batch([], like=torch.ones(2))
    with pytest.raises(ml.MaskError, match="no examples"):
        ml.leaderboard(torch.sum, none)
    with pytest.raises(ml.MaskError, match="no strategy 'mask'; choose from"):
        board_of("torch", strategies=["mask"])
    with pytest.raises(ml.MaskError, match="without a MaskedBatch"):
        ml.leaderboard(torch.sum, torch.ones(2))


# ----- gradients -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_it_differentiates_by_itself(name, poison):  # noqa: F811
    assert all(row["training"] for row in board_of(name).rows)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_callers_gradient_is_what_is_timed(name):
    called = []

    def backward(loss):
        called.append(loss)
        return native(loss)

    if name == "torch":
        import torch

        native = torch.Tensor.backward
    else:
        import jax

        native = jax.grad
    board = board_of(name, backward=backward)
    assert called and all(row["equal"] and row["training"] for row in board.rows)
    assert "backward" in board.gradient


def test_the_parameters_of_modules_are_trained_and_stay_as_they_are():
    import torch

    model, (b, _) = torch.nn.Linear(2, 3), data("torch")
    model.weight.grad = torch.ones(3, 2)
    for f in (model, model.forward, lambda x: model(x).tanh()):
        case = Case(f, (b,), {}, backward=torch.Tensor.backward)
        assert [tuple(x.shape) for x in case.floats] == [(3, 4, 2), (3, 2), (3,)]
        board = ml.leaderboard(f, b, strategies=["masked"], rounds=3, seconds=0.1,
                               backward=torch.Tensor.backward)  # fmt: skip
        assert all(row["equal"] for row in board.rows)
    assert (model.weight.grad == 1).all() and model.bias.grad is None


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_whole_numbers_have_no_gradient(name):
    b = ml.batch([array(name, [3, 1]), array(name, [2])])
    board = ml.leaderboard(lambda x: x.sum(), b, strategies=["masked"], rounds=3)
    assert all(row["training"] is None and row["forward"] for row in board.rows)
    assert "step ms" not in repr(board) and "call ms" in repr(board)


# ----- what is counted -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_calls_and_work(name):
    """By hand: a step is two products of 2 x 2 matrices, a sum, a tanh; the first h is a zero."""
    b, w = data(name)
    lib = module(name)

    def f(x, w):
        h = x[0] @ w
        for t in range(1, len(x)):
            h = lib.tanh(x[t] @ w + h @ w)
        return h

    counter = work.Counter(Case(f, (b, w), {}))
    steps = sum(LENGTHS) - len(LENGTHS)
    assert counter.loop.calls == len(LENGTHS) + 4 * steps
    assert counter.loop.work == 4 * len(LENGTHS) + (4 + 4 + 2 + 2) * steps
    assert counter.fewest == 1 + 3 * (max(LENGTHS) - 1)  # the product with x waits for nobody
    calls, useful = counter.of("masked")
    assert calls >= counter.fewest and 0.2 < useful < 0.8


def test_a_product_counts_its_multiplications():
    import torch

    b = ml.batch([torch.ones(5, 4), torch.ones(3, 4)])
    counter = work.Counter(Case(lambda x, w: torch.softmax(x @ w, 0), (b, torch.ones(4, 7)), {}))
    assert counter.loop.work > (5 + 3) * 4 * 7
    convolved = lambda x, w: torch.nn.functional.conv1d(x.T[None], w)[0]  # noqa: E731
    counter = work.Counter(Case(convolved, (b, torch.ones(6, 4, 3)), {}))
    assert counter.loop.work == 6 * (3 + 1) * 4 * 3


@pytest.mark.parametrize("name", ["jax"])
def test_programs_that_are_compiled(name):
    board = board_of(name)
    masked, loop = row_of(board, "masked"), row_of(board, "loop")
    assert masked["compiled"] and masked["compiles"] == 1 and masked["first"] > 0
    assert masked["recompiles"] == 1  # the longest went, so the padded shape is another
    assert loop["compiled"] and loop["compiles"] >= len(LENGTHS)  # and what puts results together


def test_times_are_taken_in_turn():
    now, order = [0.0], []

    def call(name, seconds):
        def run():
            order.append(name)
            now[0] += seconds

        return run

    found = clock.interleaved({"a": call("a", 1.0), "b": call("b", 2.0)}, 5, 100, lambda: now[0])
    assert found["a"] == [1.0] * 3 and found["b"] == [2.0] * 3
    assert order[2:] == ["a", "b", "b", "a"] * 2 + ["a", "b"]
    order.clear()
    clock.interleaved({"a": call("a", 1.0), "b": call("b", 9.0)}, 5, 10, lambda: now[0])
    assert order.count("a") == 6 and order.count("b") == 4  # it has used up its time


# ----- what is said -----
def made(strategy, training, peak, **more):
    found = dict.fromkeys(rows.FIELDS)
    found |= {"strategy": strategy, "forward": [training / 2] * 3, "training": [training] * 3,
              "peak_bytes": peak, "equal": True}  # fmt: skip
    return found | more


def advised(*found):
    advice.mark(found)
    return advice.recommended(found)


def test_the_fastest_is_recommended():
    name, reason = advised(made("loop", 8.0, 10), made("masked", 4.0, 50),
                           made("packed", 1.0, 20, useful=0.98))  # fmt: skip
    assert name == "packed"
    assert reason.split("; ") == [
        "8 times as fast as the plain loop in a step of training",
        "masked, next, takes 4 times as long",
        "98% of its work is what the examples need",
    ]


def test_of_equals_the_smaller_is_recommended():
    name, reason = advised(made("loop", 8.0, 10), made("a", 1.0, 50), made("b", 1.05, 20))
    assert name == "b" and "close to a, the fastest, and needs less memory" in reason


def test_a_loop_can_win():
    name, reason = advised(made("loop", 0.393, 10), made("masked", 1.497, 50))
    assert name == "loop" and "batching does not pay" in reason and "3.81 times" in reason


def test_compiling_anew_is_told():
    _, reason = advised(made("loop", 8.0, 10), made("masked", 1.0, 10, recompiles=1),
                        made("bucketed", 1.5, 10, recompiles=0))  # fmt: skip
    assert "other lengths made it compile anew; bucketed, which takes 1.5 times" in reason


def test_pareto_marks():
    found = [made("loop", 8.0, 10), made("a", 1.0, 50), made("b", 2.0, 20), made("c", 2.0, 60),
             made("d", 9.0, None), made("e", 1.0, 50) | {"training": None}]  # fmt: skip
    advised(*found)
    assert [row["strategy"] for row in found if row["pareto"]] == ["loop", "a", "b"]
    assert found[-1]["speedup"] is None  # the others were trained


def test_the_page_is_a_function_of_the_data():
    board = board_of("torch")
    board.rows = [made("packed", 0.001, 2048, useful=0.98, calls=12), made("loop", 0.008, None)]
    advice.mark(board.rows[::-1])
    board.framework, board.recommendation, board.reason = "torch 2", "packed", "so"
    assert repr(board).splitlines() == [
        "last_state on 3 examples; torch 2, cpu",
        "lengths: 1 |█ ██| 4, mean 2.7",
        "padded to the longest: 33.3% of the entries are padding, 45.8% of the pairs in attention",
        "",
        "strategy  x loop  step ms  quartiles  call ms     peak  useful  calls >= 12",
        "---------------------------------------------------------------------------",
        "* packed    8.00     1.00  1.00-1.00     0.50  2.05 KB     98%           12",
        "  loop      1.00     8.00  8.00-8.00     4.00        -       -            -",
        "",
        "take packed: so.",
        "",
        "*         no other is both faster and smaller",
        "step      the call and its gradients, by ad.grad",
        "useful    the share of its work that the examples need by themselves",
        "calls     12 dependent ones are the longest chain in an example",
        "-         not measured",
    ]


def test_histograms():
    assert text.histogram([1, 2, 2, 2]) == "▃█"
    assert text.histogram([5, 5]) == "█"
    assert len(text.histogram(range(1000))) == text.BINS
