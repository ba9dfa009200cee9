"""What every notebook of the course has in common; what they compute is nbval's business."""

from pathlib import Path

import nbformat
import pytest

COURSE = Path(__file__).resolve().parents[2] / "course"
NOTEBOOKS = sorted(COURSE.glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def cells(path, kind):
    return [c for c in nbformat.read(path, 4).cells if c.cell_type == kind]


def test_it_runs_on_the_tapestry_kernel(path):
    assert nbformat.read(path, 4).metadata.kernelspec.name == "tapestry"


def test_it_was_run_from_top_to_bottom_and_saved(path):
    counts = [c.execution_count for c in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))
    errors = [o for c in cells(path, "code") for o in c.outputs if o.output_type == "error"]
    assert not errors


def test_it_has_one_title_and_headings_in_order(path):
    lines = [li for c in cells(path, "markdown") for li in c.source.splitlines()]
    levels = [len(li) - len(li.lstrip("#")) for li in lines if li.startswith("#")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_it_is_linked_in_the_index(path):
    text = "".join(c.source for c in cells(COURSE / "index.ipynb", "markdown"))
    assert path.name == "index.ipynb" or f"({path.name})" in text


def test_it_stays_readable(path):
    code = cells(path, "code")
    assert len(code) <= 32 and all(len(c.source.splitlines()) <= 12 for c in code)
    assert path.stat().st_size < 400_000


def test_exercises_carry_nbgraders_metadata(path):
    ids = [c.metadata.nbgrader.grade_id for c in cells(path, "code") if "nbgrader" in c.metadata]
    assert len(ids) == len(set(ids))
    if path.stem != "index":
        graded = [c for c in cells(path, "code") if c.metadata.get("nbgrader", {}).get("grade")]
        assert graded and all(c.metadata.nbgrader.points > 0 for c in graded)
