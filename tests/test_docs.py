"""README and CONTRIBUTING are true: their code runs, their picture is what the code draws today."""

import linecache
import re
from pathlib import Path

import pytest

from autodiff_lab.table import ROWS
from autodiff_lab.table.row import CACHES
from masking_lab.strategies import STRATEGIES

ROOT = Path(__file__).resolve().parent.parent
torch = pytest.importorskip("torch")


@pytest.fixture
def table():
    """Rows and strategies that a recipe adds are taken out again."""
    rows, strategies = dict(ROWS), dict(STRATEGIES)
    yield
    for known, before in ((ROWS, rows), (STRATEGIES, strategies)):
        known.clear()
        known.update(before)
    for cache in CACHES:
        cache.clear()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_python_block_runs(page, table):
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert len(blocks) >= 2
    for number, block in enumerate(blocks):
        file = f"{page}, block {number}"  # known to linecache, as a notebook's cell is
        linecache.cache[file] = (len(block), None, block.splitlines(True), file)
        exec(compile(block, file, "exec"), names)


def test_the_readmes_api_says_the_truth():
    line = next(li for li in (ROOT / "README.md").read_text().splitlines() if ".partials" in li)
    assert line.split("# ")[1] == f"the mathematics: {ROWS['sin'].partials!r}"


def test_the_readme_quotes_the_row_of_tanh():
    quoted = re.search(r"```text\n(.*), \.\.\.\)\n```", (ROOT / "README.md").read_text())
    assert ROWS["tanh"].source().startswith(quoted[1])


def test_the_picture_is_what_the_code_draws():
    import autodiff_lab as ad
    from kernel.tape_view.picture import picture
    from kernel.tape_view.svg import svg

    def f(x, w):
        h = torch.tanh(w @ x)
        return (h * h).sum()

    tape = ad.record(f, torch.tensor([1.0, 2.0]), torch.tensor([[0.5, 0.25], [1.0, -1.0]]))
    tape.backward()
    assert svg(picture(tape)) == (ROOT / ".github" / "tape.svg").read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)
    links = re.findall(r"\]\(([^)# ,]+)\)", prose)
    missing = [li for li in links if not li.startswith("../../") and not (ROOT / li).exists()]
    assert not missing
