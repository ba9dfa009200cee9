"""`python -m tests.course.glossary`: writes the glossary of the course from the concept cards.

The cards (`kernel.concepts`) are the truth: a term stands there once, and a test asks that the
notebook says what they say.
"""

import nbformat

from kernel.concepts import FILES, in_file
from tests.course.form import COURSE
from tests.course.rerun import rerun

PATH = COURSE / "glossary.ipynb"
TITLES = {
    "arrays": "Arrays", "derivatives": "Derivatives", "training": "Training", "masking": "Batches",
}  # fmt: skip

INTRO = """# Glossary

Each term has a card: type `?` and the term, `?padding mask`, and it opens, with an example and with
what the idea is called in PyTorch and in JAX. Other words for it find it too."""

SETUP = "%reload_ext kernel"


def cells():
    new = nbformat.v4
    found = [new.new_markdown_cell(INTRO), new.new_code_cell(SETUP)]
    return found + [new.new_markdown_cell(section(file)) for file in FILES]


def section(file):
    cards = sorted(in_file(file), key=lambda card: card.name.lower())
    heads = "| term | in one sentence | also called | lessons |\n| --- | --- | --- | --- |"
    return "\n".join([f"## {TITLES[file]}", "", heads, *map(row, cards)])


def row(card):
    told = card.text.replace("\n", " ").split(". ")[0].rstrip(".").replace("|", "\\|")
    lessons = ", ".join(link(n) for n in card.lessons)
    return f"| **{card.name}** | {told}. | {', '.join(card.aliases[:3])} | {lessons} |"


def link(number):
    path = next(COURSE.glob(f"{number:02}_*.ipynb"), None)
    return f"[{number:02}]({path.name})" if path else f"{number:02}"


def main():
    nbformat.write(nbformat.v4.new_notebook(cells=cells()), PATH)
    rerun(PATH)


if __name__ == "__main__":
    main()
