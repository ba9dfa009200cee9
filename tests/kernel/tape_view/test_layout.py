"""Where the boxes go: layers apart, edges to the right, the same every time."""

import random

import pytest

from kernel.tape_view.layout import columns, layered
from kernel.tape_view.picture import picture
from kernel.tape_view.scene import HEIGHT, MAX_WIDTH
from tests.helpers import FRAMEWORKS
from tests.kernel.tape_view.tapes import chain, layers, small


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
def test_every_box_of_every_scene_stands_inside_it_and_alone(framework):
    for scene in picture(chain(framework, 60)).scenes + picture(layers(framework)).scenes:
        assert scene.width <= MAX_WIDTH + 100
        assert len(set(scene.places)) == len(scene.places) == len(scene.boxes)
        for x, y in scene.places:
            assert 0 <= x <= scene.width - scene.box_width and 0 <= y <= scene.height - HEIGHT


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_edges_of_the_flat_scene_are_the_parents(framework):
    tape = small(framework)
    drawn = picture(tape)
    scene = drawn.scenes[drawn.flat]
    joined = {(e.source, e.target) for e in scene.edges}
    reads = {(p.index, n.index) for n in tape.nodes for p in n.parents if p.index is not None}
    assert joined == reads
    for edge in scene.edges:
        x, y = scene.places[edge.target]
        assert edge.pieces[-1][-1] == (x, y + HEIGHT // 2)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_edges_between_folds_are_those_of_the_nodes_inside(framework):
    """Every value read across a border is an edge or comes from a port, and nothing else is."""
    tape = layers(framework)
    drawn = picture(tape)
    for scene in drawn.scenes:
        spans = [(drawn.boxes[b].first, drawn.boxes[b].last) for b in scene.boxes]
        inside = range(spans[scene.ports][0], spans[-1][1] + 1)

        def owner(i, spans=spans):
            return next((k for k, (a, z) in enumerate(spans) if a <= i <= z), None)

        reads = {(owner(p.index), owner(i)) for i in inside for p in tape.nodes[i].parents}
        assert {(e.source, e.target) for e in scene.edges} == {(a, b) for a, b in reads if a != b}
