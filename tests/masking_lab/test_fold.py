"""Blocks on many examples are blocks on each: values, gradients, and how many calls it takes."""

import numpy as np
import pytest

import masking_lab as ml
from masking_lab import fold, models
from masking_lab.models.tree_lstm import join, leaf
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)
Scalar = lambda: fold.Scalar("float64")  # noqa: E731
Vector = lambda: fold.Vector(2, dtype="float64")  # noqa: E731
TREES = [(1.0, (2.0, -1.0)), 0.5, (((1.0, 2.0), 3.0), (4.0, 0.25)), (1.5, 2.5)]
LISTS = [[1.0, 2.0, -1.0], [0.5], [2.0, 0.25]]


def tree(lib, w):
    it = fold.ForwardDeclaration("it")
    both = fold.Record(it, it) >> fold.Function(lambda a, b, w: lib.tanh(a * w - b), w)
    return it.is_(fold.OneOf(type, {float: Scalar(), tuple: both}))


def scaled(lib, w):
    return Scalar() >> fold.Function(lambda x, w: lib.sin(x * w), w)


def step(lib, w):
    return fold.Function(lambda h, x, w: lib.tanh(h * w + x), w)


# What each makes of a framework and a weight, and what it is tried on.
def product(lib, w):
    return fold.Function(lambda a, b, w: a * b + w, w)


def norm(lib, w):
    return fold.Function(lambda x, w: x @ x * w, w)


def digits(word):
    return [float(c) for c in word]


numbers = fold.Map(Scalar())
BLOCKS = {
    "a function": (scaled, [1.0, 2.0, 3.0]),
    "Vector": (lambda lib, w: Vector() >> norm(lib, w), [[1.0, 2], [3, 4]]),
    "Map": (lambda lib, w: fold.Map(scaled(lib, w)), LISTS),
    "Fold": (lambda lib, w: numbers >> fold.Fold(step(lib, w), w), [*LISTS, []]),
    "Reduce": (lambda lib, w: numbers >> fold.Reduce(product(lib, w)), LISTS),
    "Reduce of nothing": (
        lambda lib, w: numbers >> fold.Reduce(step(lib, w), empty=w),
        [*LISTS, []],
    ),
    "Record by name": (
        lambda lib, w: fold.Record(a=Scalar(), b=scaled(lib, w)) >> lib.multiply,
        [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 0.5}],
    ),
    "AllOf": (lambda lib, w: fold.AllOf(scaled(lib, w), Scalar()) >> lib.subtract, [1.0, 2.0]),
    "GetItem": (lambda lib, w: fold.GetItem("x") >> scaled(lib, w), [{"x": 1.0}, {"x": 2.0}]),
    "OneOf": (
        lambda lib, w: fold.OneOf(lambda x: x > 1, {True: scaled(lib, w), False: Scalar()}),
        [1.0, 2.0, 3.0],
    ),
    "Optional": (lambda lib, w: fold.Optional(scaled(lib, w), w), [1.0, None, 2.0]),
    "InputTransform": (
        lambda lib, w: (
            fold.InputTransform(digits) >> fold.Map(scaled(lib, w)) >> fold.Fold(step(lib, w), w)
        ),
        ["123", "4", ""],
    ),
    "trees": (tree, TREES),
}


def total(x):
    return sum(total(y) for y in x) if isinstance(x, (list, tuple)) else (x * x).sum()


@both
@pytest.mark.parametrize("what", BLOCKS)
def test_on_many_is_on_each(what, name):
    (make, examples), lib, w = BLOCKS[what], module(name), array(name, 0.7)

    def batched(w):
        return total(make(lib, w).batch(examples).unbatch())

    def alone(w):
        block = make(lib, w)
        return total([block(x) for x in examples])

    found = make(lib, w).batch(examples).unbatch()
    for ours, x in zip(found, examples, strict=True):
        theirs = make(lib, w)(x)
        if isinstance(theirs, list):
            theirs = lib.stack(theirs)
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-12)
    ours, theirs = (native_grad(f, (0,))(w)[0] for f in (batched, alone))
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-10)


@both
def test_a_tree_lstm_of_blocks_is_the_model(name):
    """The example is a table; a block takes it apart into nodes."""
    f, lib, examples, w = models.load("tree_lstm", name)

    def nested(words, kids):
        at = lambda i: words[i] if kids[i, 0] < 0 else (at(kids[i, 0]), at(kids[i, 1]))  # noqa: E731
        return at(len(kids) - 1)

    node = fold.ForwardDeclaration("node")
    word = fold.Function(lambda i, w: leaf(lib, w["words"][i], w), w)
    pair = fold.Record(node, node) >> fold.Function(lambda a, b, w: join(lib, a, b, w), w)
    node.is_(fold.OneOf(lambda x: type(x) is tuple, {False: word, True: pair}))
    model = fold.InputTransform(nested) >> node >> fold.GetItem(0)
    found = ml.autobatch(model, "fold")(*ml.batch(examples)).unbatch()
    for ours, e in zip(found, examples, strict=True):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(f(lib, *e, w)), rtol=1e-12)


# ----- by depth -----
@both
def test_calls_are_as_many_as_the_deepest_example_is_deep(name, groups):
    block = tree(module(name), array(name, 0.7))
    for copies in (1, 10):
        groups.clear()
        block.batch(TREES * copies)
        assert groups == [4 * copies, 2 * copies, copies]


@both
def test_reduce_is_as_deep_as_the_logarithm(name, groups):
    lib = module(name)
    (fold.Map(Scalar()) >> fold.Reduce(lib.maximum)).batch(
        [[float(i) for i in range(64)]], like=array(name, 0.0)
    )
    assert groups == [32, 16, 8, 4, 2, 1]


@both
def test_reduce_takes_all(name):
    block = numbers >> fold.Reduce(lambda a, b: a + b)
    lists = [[float(i) for i in range(n)] for n in (1, 2, 3, 5, 7)]
    assert to_numpy(block.batch(lists, like=array(name, 0.0)).data).tolist() == [0, 1, 3, 10, 21]


@both
def test_a_tree_as_deep_as_python_takes_it(name):
    chain = 1.0
    for _ in range(200):
        chain = (chain, 0.5)
    block = tree(module(name), array(name, 0.9))
    assert to_numpy(block.batch([chain, 1.0]).data).shape == (2,)


@both
def test_gradients_of_the_examples(name):
    lib, w, xs = module(name), array(name, 0.7), [array(name, x) for x in (1.0, 2.0, -1.0)]

    def loss(run):
        return lambda a, b, c: total(run([(a, (b, c)), (c, a)]))

    def block():
        it = fold.ForwardDeclaration("it")
        both = fold.Record(it, it) >> fold.Function(lambda a, b, w: lib.tanh(a * w - b), w)
        return it.is_(fold.OneOf(lambda x: type(x) is tuple, {False: Scalar(), True: both}))

    ours = native_grad(loss(lambda e: block().batch(e).unbatch()), (0, 1, 2))(*xs)
    theirs = native_grad(loss(lambda e: [block()(x) for x in e]), (0, 1, 2))(*xs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-10)


# ----- what is refused -----
REFUSED = {
    r"Vector\(2\) takes numbers of shape \(2,\), and was given \[1.0, 2.0, 3.0\]": (
        lambda: Vector(), [1.0, 2.0, 3.0]),
    "Scalar.* takes one number, and was given 'x'": (lambda: Scalar(), "x"),
    "Map takes a list, or an array": (lambda: fold.Map(Scalar()), 3.0),
    "Record takes a tuple with parts 0, 1": (lambda: fold.Record(Scalar(), Scalar()), (1.0,)),
    "Record takes a dict with b": (
        lambda: fold.Record(a=Scalar(), b=Scalar()), {"a": 1.0, "c": 2.0}),
    "OneOf takes one of the cases 1, 2, not 3": (
        lambda: fold.OneOf(int, {1: Scalar(), 2: Scalar()}), 3.0),
    "Reduce takes a list that is not empty": (lambda: fold.Reduce(fold.AllOf(Scalar())), []),
    "GetItem takes what has an entry 'x'": (lambda: fold.GetItem("x"), {}),
    r"'tree'\) was declared, and nobody has said what it is; say tree.is_\(block\)": (
        lambda: fold.ForwardDeclaration("tree"), 1.0),
    "made of blocks and functions, and not of 3": (lambda: fold.Map(3), [1.0]),
    "Function takes a function, and not 3": (lambda: fold.Function(3), 1.0),
    "without an example nobody knows": (lambda: Scalar(), None),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    make, example = REFUSED[words]
    with pytest.raises(ml.MaskError, match=words):
        make().batch([] if example is None else [example], like=array("torch", 0.0))


@both
def test_a_computed_value_that_decides(name):
    def f(x):
        return x.sum() if x.sum() > 0 else x[0]

    b = ml.batch([array(name, np.ones(n)) for n in (2, 3)])
    with pytest.raises(
        ml.MaskError, match=r"'fold' does not apply: at line .*`return x.sum\(\) if"
    ):
        ml.autobatch(f, "fold")(b)
