"""What every notebook of the course has in common; what they compute is nbval's business."""

import copy

import nbformat
import pytest

from tests.course import glossary, map
from tests.course.form import COURSE, NOTEBOOKS, faults
from tests.course.rerun import tidy


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_is_in_form(path):
    assert faults(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_is_kept_as_it_is_saved_by_us(path):
    notebook = nbformat.read(path, 4)
    tidied = copy.deepcopy(notebook)
    tidy(tidied, path.stem)
    assert tidied == notebook, "save it by `make notebooks`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_is_linked_in_the_index(path):
    cells = nbformat.read(COURSE / "index.ipynb", 4).cells
    text = "".join(c.source for c in cells if c.cell_type == "markdown")
    assert path.name == "index.ipynb" or f"({path.name})" in text


def test_faults_are_found(tmp_path):
    new = nbformat.v4
    outputs = [new.new_output("stream", name="stderr", text="/ho" + "me/me: late"),
               new.new_output("display_data", {"text/html": '<img src="x">'})]  # fmt: skip
    first = new.new_markdown_cell("## Two\n\n![](a.png) $x^2$")
    cells = [first, new.new_code_cell("1", outputs=outputs)]
    path = tmp_path / "00_bad.ipynb"
    nbformat.write(new.new_notebook(cells=cells), path)
    found = " ".join(faults(path))
    for word in ("title", "top to bottom", "path of one", "stderr", "alt text", "without a name",
                 "TeX", "stub of 00.softplus"):  # fmt: skip
        assert word in found


def test_the_glossary_says_what_the_cards_say():
    sources = [cell.source for cell in nbformat.read(glossary.PATH, 4).cells]
    assert sources == [cell.source for cell in glossary.cells()], (
        "run python -m tests.course.glossary"
    )


def test_the_map_draws_the_table_of_the_index():
    text = map.told(nbformat.read(map.INDEX, 4))
    found = map.lessons(text)
    assert [path.stem[:2] for path in NOTEBOOKS if path.stem[:2].isdigit()] == list(found)
    assert map.PATH.read_text(encoding="utf-8") == map.svg(found), "run python -m tests.course.map"
    assert map.IMAGE.findall(text) == [map.alt(found)], "run python -m tests.course.map"


def test_on_the_map_a_lesson_stands_to_the_right_of_what_it_comes_after():
    found = map.lessons(map.told(nbformat.read(map.INDEX, 4)))
    at = map.places(found)
    assert len(set(at.values())) == len(at), "two in one place"
    assert all(at[n][0] > at[a][0] for n, lesson in found.items() for a in lesson.after)
