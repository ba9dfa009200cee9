"""What belongs together, and what the learner calls it."""

import types

import pytest

import autodiff_lab as ad
from kernel.tape_view.folds import MANY, Fold, path_to, tree
from kernel.tape_view.names import labels
from kernel.tape_view.picture import picture
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tape_view.tapes import chain, layers, lib, lstm, random, recorded

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


def outline(parts):
    """`name×count` of the folds, the operation of the nodes."""
    return [f"{p.name}×{p.count}" if isinstance(p, Fold) else p.op for p in parts]


@BOTH
def test_a_loop_of_calls_is_one_fold_and_a_call_by_itself_another(framework):
    parts = tree(layers(framework, turns=4))
    assert outline(parts) == ["input", "input", "layer×4", "layer×1", "sum"]
    loop = parts[2]
    assert outline(loop.parts) == [f"turn {k} of 4×1" for k in (1, 2, 3, 4)]
    assert outline(loop.parts[0].parts) == outline(parts[3].parts) == ["contract", "tanh"]


@BOTH
def test_a_loop_without_calls_is_found_by_its_repetition(framework):
    assert outline(tree(chain(framework, 20))) == ["input", "input", "loop×10", "sum"]


@BOTH
def test_a_loop_in_a_loop_is_found_inside_of_a_turn(framework):
    xp = lib(framework)

    def program(x):
        for _ in range(3):
            for _ in range(4):
                x = xp.sin(x) * 2
            x = xp.exp(-x)
        return x

    outer = tree(ad.record(program, random(framework, 2)))[1]
    assert outer.count == 3
    assert outline(outer.parts[0].parts) == ["loop×4", "negative", "exp"]


@BOTH
def test_every_node_is_in_exactly_one_place(framework):
    def leaves(parts):
        return [i for p in parts for i in (leaves(p.parts) if isinstance(p, Fold) else [p.index])]

    for tape in (lstm(framework, 60), layers(framework), chain(framework, 100)):
        assert leaves(tree(tape)) == list(range(len(tape.nodes)))


@BOTH
def test_the_folds_around_a_node_lead_to_it(framework):
    tape = lstm(framework, 60)
    for index in (30, len(tape.nodes) // 2):
        path = path_to(tree(tape), index)
        assert path and all(f.first <= index < f.stop for f in path)
        assert index in [getattr(p, "index", None) for p in path[-1].parts]
        assert all(len(f.parts) <= MANY for f in path)


def test_modules_are_folds_with_the_names_of_their_parent():
    nn = pytest.importorskip("torch").nn
    inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    f, params = ad.functional(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), inner))
    tape = ad.record(lambda p, x: f(p, x).sum(), params, random("torch", 2, 3))
    (whole,) = [p for p in tree(tape) if isinstance(p, Fold)]
    assert whole.name == "Sequential"
    assert outline(whole.parts) == ["linear", "relu", "2 Sequential×1"]


def test_modules_in_a_list_are_told_apart():
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList(torch.nn.Sequential(torch.nn.Tanh(), torch.nn.ReLU())
                                              for _ in range(2))  # fmt: skip

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x.sum()

    f, params = ad.functional(Net())
    tape = ad.record(lambda x: f(params, x), random("torch", 3))
    assert tape.nodes[1].scope[:2] == ("Net", "blocks.0 Sequential")
    assert [n.scope[-1] for n in tape.nodes[1:5]] == ["0 Tanh", "1 ReLU"] * 2


@BOTH
def test_the_reverse_walk_of_an_inner_gradient_is_a_fold(framework):
    xp = lib(framework)

    def program(x):
        return ad.grad(lambda y: (xp.sin(y) * y).sum())(x).sum()

    folds = [p for p in tree(recorded(program, random(framework, 3))) if isinstance(p, Fold)]
    assert [f.name for f in folds] == ["reverse walk"]


# ----- names -----
def named(framework, text):
    """The names on the tape of a function of x, w that is written down here."""
    import linecache

    text = f"def program(x, w):\n{text}"
    space, file = {"xp": lib(framework)}, f"<names {hash(text)}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    exec(compile(text, file, "exec"), space)
    tape = ad.record(space["program"], array(framework, [0.5, 1.0]), array(framework, [2.0, 3.0]))
    return labels(tape)[2:]


NAMES = {
    "one operation": ("  h = xp.sin(x)\n  return h", ["h"]),
    "the last is the variable": ("  h = xp.sin(x * w)\n  return h", ["v2", "h"]),
    "again": ("  h = xp.sin(x)\n  h = xp.sin(h)\n  return h", ["h", "h·2"]),
    "in place": ("  x = x * w\n  x += w\n  return x", ["x·2", "x·3"]),
    "two lines": ("  h = (x *\n       w)\n  return h", ["h"]),
    "an alias is no operation": ("  h = xp.sin(x)\n  g = h\n  return g * w", ["h", "v3"]),
    "turns of a loop": ("  for _ in range(3):\n    x = xp.sin(x) * w\n  return x",
                        ["v2", "x·2", "v4", "x·3", "v6", "x·4"]),
    "twice in one expression": ("  y = xp.sin(xp.sin(x))\n  return y", ["v2", "y"]),
    "what a function returns": ("  def f(v):\n    return xp.sin(v) * v\n  y = f(x)\n  return y",
                                ["v2", "y"]),
    "its own name stays": ("  def f(v):\n    s = xp.sin(v)\n    return s\n  y = f(x)\n  return y",
                           ["s"]),
    "a lambda on the line": ("  f = lambda v: xp.sin(v)\n  y = f(x)\n  return y", ["y"]),
    "two targets": ("  a, b = xp.sin(x), xp.cos(x)\n  return a + b", ["v2", "v3", "v4"]),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("text, names", NAMES.values(), ids=NAMES)
def test_names(framework, text, names):
    assert named(framework, text) == names


@BOTH
def test_no_two_nodes_have_one_name(framework):
    for tape in (lstm(framework, 10), layers(framework)):
        assert len(set(labels(tape))) == len(tape.nodes)


@BOTH
def test_where_there_is_no_text_nodes_keep_their_numbers(framework):
    space = {"xp": lib(framework)}
    exec("def program(x):\n  h = xp.sin(x)\n  return h", space)
    tape = ad.record(space["program"], array(framework, 1.0))
    assert labels(tape) == ["x", "v1"]
    assert isinstance(space["program"], types.FunctionType) and picture(tape).sources == ()
