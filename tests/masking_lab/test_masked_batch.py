"""MaskedBatch: padding, lengths, masks, and the way back."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def test_padding_mask_lengths_and_back(name):
    xs = [array(name, np.arange(n * 2.0).reshape(n, 2)) for n in (2, 3, 0)]
    b = ml.batch(xs, pad_value=-1)
    assert tuple(b.data.shape) == (3, 3, 2) and len(b) == 3
    assert to_numpy(b.lengths).tolist() == [2, 3, 0]
    assert to_numpy(b.mask).tolist() == [[True, True, False], [True] * 3, [False] * 3]
    assert to_numpy(b.data)[0, 2].tolist() == [-1.0, -1.0]
    for back, x in zip(b.unbatch(), xs, strict=True):
        np.testing.assert_array_equal(to_numpy(back), to_numpy(x))


def test_two_ragged_dims(name):
    xs = [array(name, np.ones(shape)) for shape in ((2, 1), (1, 3))]
    b = ml.batch(xs)
    assert [to_numpy(n).tolist() for n in b.lengths] == [[2, 1], [1, 3]]
    assert to_numpy(b.mask).sum(axis=(1, 2)).tolist() == [2, 3]
    assert [tuple(x.shape) for x in b.unbatch()] == [(2, 1), (1, 3)]


DTYPES = "int8 int32 int64 bool float16 bfloat16 float32 float64 complex64 complex128".split()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_are_kept(name, dtype):
    xs = [
        xp.of(x).astype(x, xp.of(x).dtype(dtype)) for x in (array(name, v) for v in ([1, 0], [1]))
    ]
    b = ml.batch(xs)
    assert b.dtype == xs[0].dtype and b[1].dtype == xs[0].dtype
    assert ml.autobatch(lambda x: x)(b).dtype == xs[0].dtype
    back = ml.MaskedBatch.from_padded(*b.to_padded("left")).unbatch()
    assert [x.tolist() for x in back] == [x.tolist() for x in xs]


def test_equal_sizes_are_ragged_only_on_request(name):
    xs = [array(name, np.ones(2)), array(name, np.ones(2))]
    assert ml.batch(xs).sizes == (None,)
    assert to_numpy(ml.batch(xs, ragged=(0,)).lengths).tolist() == [2, 2]


def test_scalars_and_structure(name):
    b = ml.batch(
        [(array(name, 1.0), {"x": array(name, [1.0])}), (array(name, 2.0), {"x": array(name, [])})]
    )
    assert to_numpy(b[0].data).tolist() == [1.0, 2.0]
    assert to_numpy(b[1]["x"].lengths).tolist() == [1, 0]


def test_a_batch_reads_well(name):
    assert repr(ml.batch([array(name, np.ones((n, 4))) for n in (2, 1)])) == (
        "<2 examples of shape (ragged, 4); lengths [2, 1]>"
    )


def test_a_batch_is_structure_whose_data_can_be_differentiated(name):
    b = ml.batch([array(name, [1.0, 2.0]), array(name, [3.0])])
    g = ad.grad(lambda b: (b.data * b.data).sum())(b)
    assert type(g) is ml.MaskedBatch and to_numpy(g.data).tolist() == [[2.0, 4.0], [6.0, 0.0]]


# ----- what an example may be -----
@dataclass
class Pair:
    word: object
    tag: object


def test_numbers_numpy_and_lists_of_numbers(name):
    like = array(name, 0.0)
    assert ml.batch([1, 2.5], like=like).data.tolist() == [1.0, 2.5]
    assert ml.batch([True, False], like=like).dtype == array(name, True).dtype
    ids = ml.batch([[5, 6, 7], [8], []], like=like)  # what a tokenizer gives
    assert [x.tolist() for x in ids] == [[5, 6, 7], [8], []] and ids.data.tolist()[1] == [8, 0, 0]
    b = ml.batch([np.arange(3.0), np.float64(1) * np.ones(1)], like=like)
    assert type(b.data) is type(like) and [x.tolist() for x in b] == [[0.0, 1.0, 2.0], [1.0]]
    frozen = np.arange(2)
    frozen.flags.writeable = False
    assert ml.batch([{"x": frozen, "w": like}])["x"].data.tolist() == [[0, 1]]


def test_structure_with_absent_parts(name):
    xs = [(Pair(array(name, np.ones(n)), n), None, {"y": [array(name, 1.0)] * n}) for n in (2, 1)]
    pair, nothing, rest = ml.batch(xs)
    assert type(pair) is Pair and nothing is None
    assert pair.word.lengths.tolist() == [2, 1] and pair.tag.data.tolist() == [2, 1]
    assert rest["y"].lengths.tolist() == [2, 1]
    total = ml.autobatch(lambda e: e[0].word.sum() * e[0].tag + e[2]["y"].sum())(
        (pair, nothing, rest)
    )
    assert total.data.tolist() == [6.0, 2.0]


def test_no_examples_one_example_and_empty_ones(name):
    like = {"x": array(name, np.ones((4, 2))), "n": 3}
    b = ml.batch([], ragged=(), like=like)
    assert len(b["x"]) == 0 and b["x"].shape == (0, 4, 2) and b["n"].shape == (0,)
    assert ml.autobatch(lambda e: e["x"].sum() * e["n"])(b).unbatch() == []
    nothing = ml.batch([], ragged=0, like=array(name, np.ones(3)))
    assert nothing.unbatch() == [] and nothing.lengths.shape == (0,)
    one = ml.batch([array(name, np.ones((3, 2)))])
    assert one.shape == (1, 3, 2) and tuple(one.mask.shape) == (1,)
    empty = ml.batch([array(name, np.ones((0, 2)))] * 2, ragged=0)
    assert empty.data.shape == (2, 0, 2) and [tuple(x.shape) for x in empty] == [(0, 2)] * 2
    lists = ml.batch([[], []], like=[array(name, np.ones(2))])
    assert [len(x) for x in lists] == [0, 0]


# ----- the border -----
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["bool", "int32", "int64", "float32"])
def test_the_mask_of_a_tokenizer(name, side, kind):
    mask = np.asarray([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    mask = mask[:, ::-1].copy() if side == "left" else mask
    data = np.arange(12.0).reshape(3, 4)
    b = ml.MaskedBatch.from_padded(array(name, data), array(name, mask, kind))
    alone = [x[m == 1] for x, m in zip(data, mask, strict=True)]
    assert [x.tolist() for x in b] == [x.tolist() for x in alone]
    assert b.side == side
    again, valid = b.to_padded(pad_value=-1)
    np.testing.assert_array_equal(to_numpy(again), np.where(mask == 1, data, -1))
    np.testing.assert_array_equal(to_numpy(valid), mask == 1)


def test_lengths_on_either_side(name):
    data = array(name, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    right = ml.MaskedBatch.from_padded(data, lengths=array(name, [2, 1]))
    left = ml.MaskedBatch.from_padded(data, lengths=array(name, [2, 1]), side="left")
    assert [x.tolist() for x in right] == [[0.0, 1.0], [3.0]]
    assert [x.tolist() for x in left] == [[1.0, 2.0], [5.0]]


def test_two_ragged_dims_of_a_mask(name):
    xs = [array(name, np.ones(shape)) for shape in ((2, 1), (1, 3))]
    b = ml.MaskedBatch.from_padded(*ml.batch(xs).to_padded("left"))
    assert [n.tolist() for n in b.lengths] == [[2, 1], [1, 3]]


def test_positions_do_not_know_on_which_side_the_padding_was(name):
    x = array(name, np.arange(1.0, 7.0).reshape(2, 3))
    mask = array(name, [[0, 1, 1], [1, 1, 1]])
    left = ml.MaskedBatch.from_padded(x, mask)

    def f(x):
        last = 0.0
        for t, v in enumerate(x):
            last = v * t
        return last

    assert ml.autobatch(f)(left).data.tolist() == [3.0, 12.0]


# ----- as a sequence and as a value -----
def test_fewer_examples_are_padded_less(name):
    xs = [array(name, np.arange(float(n))) for n in (3, 1, 2, 0)]
    b = ml.batch(xs)
    for chosen in (
        slice(1, 3),
        [2, 0],
        array(name, [3, 1]),
        array(name, [False, True, True, True]),
    ):
        numbers = np.arange(4)[to_numpy(chosen) if hasattr(chosen, "shape") else chosen]
        assert [x.tolist() for x in b[chosen]] == [xs[i].tolist() for i in numbers]
        assert b[chosen].data.shape[1] == max(len(xs[i]) for i in numbers)
    assert b[-1].tolist() == [] and len(list(b)) == 4 and b[1:1].unbatch() == []
    assert [x.tolist() for x in ml.batch([*b[:1], *b[2:]])] == [[0.0, 1.0, 2.0], [0.0, 1.0], []]


def test_copies_and_pickles(name):
    b = ml.batch([array(name, [1.0, 2.0]), array(name, [3.0])], side="left")
    for again in (copy.copy(b), copy.deepcopy(b), pickle.loads(pickle.dumps(b))):
        assert again.side == "left" and [x.tolist() for x in again] == [[1.0, 2.0], [3.0]]


def test_another_dtype_or_device(name):
    b = ml.batch([array(name, [1.0, 2.0]), array(name, [3.0])])
    half = b.to(xp.of(b.data).dtype("float16"))
    assert half.dtype == xp.of(b.data).dtype("float16") and half.lengths.tolist() == [2, 1]
    assert str(half.lengths.dtype).endswith(("int32", "int64"))
    assert b.to("cpu").device == b.device and b.to("cpu")[0].tolist() == [1.0, 2.0]


def test_what_f_returns_besides_arrays(name):
    b = ml.batch([array(name, [1.0, 2.0]), array(name, [3.0])])
    for strategy in ("loop", "masked"):
        y = ml.autobatch(lambda x: (x.sum(), 3, True, None, "told", x.shape[0]), strategy)(b)
        assert [v.data.tolist() for v in (y[0], y[1], y[2])] == [[3.0, 3.0], [3, 3], [True, True]]
        assert y[3:5] == (None, "told") and y[5].data.tolist() == [2, 1]


def test_waste(name):
    xs = [array(name, np.ones(n)) for n in (4, 1, 1)]
    found = ml.waste(ml.batch(xs))
    assert (found.padding, found.attention) == (1 - 6 / 12, 1 - 18 / 48)
    both = ml.waste({"x": ml.batch(xs), "y": ml.batch([xs[:1], xs[1:], []])})
    assert both.padding == 1 - (6 + 6) / (12 + 3 * 2 * 4)
    assert "['x']: 50.0% of the entries" in repr(both) and ml.waste(ml.batch(xs[:1])).padding == 0


def test_under_jit(name):
    """Made inside, handed in and out."""
    if name != "jax":
        return
    import jax

    data, n = array(name, [[1.0, 2.0], [3.0, 4.0]]), array(name, [2, 1])

    @jax.jit
    def f(data, n):
        b = ml.MaskedBatch.from_padded(data, lengths=n)
        return b, ml.autobatch(lambda x: x.sum())(b), ml.batch([data[0], data[1, :1]])

    b, sums, made = f(data, n)
    assert sums.data.tolist() == [3.0, 3.0] and [x.tolist() for x in b] == [[1.0, 2.0], [3.0]]
    assert made.lengths.tolist() == [2, 1]
    with pytest.raises(ml.MaskError, match="not known under jit"):
        jax.jit(lambda d, m: ml.MaskedBatch.from_padded(d, m).data)(data, data > 0)
    with pytest.raises(ml.MaskError, match="under jit"):
        jax.jit(lambda b: ml.waste(b).padding)(b)


def test_a_data_loader_collates(name):
    """`ml.batch` is a `collate_fn`, and a batch goes through PyTorch's worker queues."""
    if name != "torch":
        return
    from torch.utils.data import DataLoader

    examples = [{"ids": list(range(n)), "label": n} for n in (3, 1, 2)]
    like = array(name, 0)
    (b,) = DataLoader(examples, batch_size=3, collate_fn=lambda xs: ml.batch(xs, like=like))
    assert b["ids"].lengths.tolist() == [3, 1, 2] and b["label"].data.tolist() == [3, 1, 2]
