"""The picture of a tape as data: where the boxes are, and what they say."""

import random

import pytest

import autodiff_lab as ad
from kernel.layout import columns, layered
from kernel.picture import HEIGHT, MAX_WIDTH, picture
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tapes import chain, small


def random_graph(seed, n=40):
    rng = random.Random(seed)
    return [tuple(sorted(rng.sample(range(i), min(i, rng.choice((0, 1, 2)))))) for i in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_of_a_column_keep_apart_and_readers_stand_to_the_right(seed):
    parents = random_graph(seed)
    column, height, routes = layered(parents)
    for i, ps in enumerate(parents):
        assert all(column[p] < column[i] for p in ps)
    for c in set(column):
        level = sorted(h for h, k in zip(height, column, strict=True) if k == c)
        assert all(b - a >= 1 for a, b in zip(level, level[1:], strict=False))
    for (a, b), points in routes.items():
        assert [c for c, _ in points] == list(range(column[a] + 1, column[b]))


def test_the_layout_is_the_same_every_time():
    assert layered(random_graph(3)) == layered(random_graph(3))


def test_a_box_stands_next_to_its_first_reader():
    assert columns([(), (0,), (1,), (), (3,), (2, 4)]) == [0, 1, 2, 1, 2, 3]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_node_has_its_box_inside_the_picture(framework):
    tape = chain(framework, 60)
    drawn = picture(tape)
    assert [b.index for b in drawn.boxes] == list(range(len(tape.nodes)))
    assert drawn.width <= MAX_WIDTH + 100
    for x, y in drawn.places:
        assert 0 <= x <= drawn.width - drawn.box_width and 0 <= y <= drawn.height - HEIGHT
    corners = set(drawn.places)
    assert len(corners) == len(drawn.places)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_edge_ends_at_its_box(framework):
    drawn = picture(chain(framework, 30))
    joined = {(e.source, e.target) for e in drawn.edges}
    assert joined == {(p, k) for k, b in enumerate(drawn.boxes) for p in b.parents}
    for edge in drawn.edges:
        x, y = drawn.places[edge.target]
        assert edge.pieces[-1][-1] == (x, y + HEIGHT // 2)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_constants_are_written_into_the_operation(framework):
    boxes = picture(small(framework)).boxes
    assert [b.name for b in boxes] == ["x", "w", "v2", "v3", "v4", "v5", "v6", "v7"]
    assert boxes[4].call in ("multiply(2, v3)", "multiply(v3, 2)")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_not_computed_is_not_zero(framework):
    assert {b.below for b in picture(small(framework, backward=False)).boxes} == {"not computed"}
    after = picture(small(framework)).boxes
    assert [b.name for b in after if b.adjoint is None] == ["v5"]  # floor: nothing flows there


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_sum_mark_counts_what_flows_back_and_not_what_reads(framework):
    """x is read twice here, but nothing flows back through floor."""
    assert [b.terms for b in picture(small(framework)).boxes][:2] == [1, 1]
    tape = ad.record(lambda x: (x + 1) * (x + 1) * x, array(framework, 2.0))
    tape.backward()
    assert picture(tape).boxes[0].terms == 3


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_long_tape_says_what_it_leaves_out(framework):
    tape = chain(framework, 100)
    drawn = picture(tape, max_nodes=10)
    gap = drawn.boxes[5]
    assert gap.kind == "gap" and gap.value == f"{len(tape.nodes) - 10} nodes not drawn"
    assert f"{len(tape.nodes) - 10} nodes are left out" in drawn.summary
    assert drawn.boxes[6].parents and drawn.boxes[-1].index == len(tape.nodes) - 1
