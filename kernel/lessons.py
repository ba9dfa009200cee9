"""The lessons of the course, and which of them teaches a row. A link is shown where its file is."""

from pathlib import Path

TITLES = {
    1: "A tensor is a view",
    2: "Four ways to a slope",
    3: "Forward mode",
    4: "Reverse mode: the tape",
    5: "Control flow and recursion",
    6: "Bending the gradient",
    7: "Second derivatives and beyond",
    8: "Memory for time",
    9: "Source to source, and the sea of nodes",
    10: "Three ways to write a network",
    11: "Padding goes wrong, silently",
    12: "The mask travels with the data",
    13: "Loops and branches for a whole batch",
    14: "Seven ways to batch, one leaderboard",
}
SECTIONS = {  # sections of the table that one lesson is about
    "shape.py": (1,), "indexing.py": (1, 12), "composite.py": (10, 12), "activation.py": (10, 6),
    "normalisation.py": (10, 11), "loss.py": (10, 11), "attention.py": (11, 10),
    "convolution.py": (10,), "pooling.py": (10,), "contraction.py": (4, 10), "stencil.py": (8,),
    "reduction.py": (12, 11), "scan.py": (12, 5), "sorting.py": (6, 12),
    "complex_numbers.py": (7,), "fourier.py": (7,), "constant.py": (6,),
    "linalg.py": (6,), "decomposition.py": (6,), "pointwise.py": (2, 4), "special.py": (2, 4),
}  # fmt: skip
COURSE = Path(__file__).parent.parent / "course"
TOUR = "A tour"


def of_row(row):
    """The lessons that have to do with a row, the one that teaches its kind of thing first."""
    found = SECTIONS.get(row.section, (4,))
    return tuple(dict.fromkeys((*found, *((6,) if row.kinks else ()))))


def links(numbers):
    """The lessons that are there: a link to one beside the notebook that asks, else its place."""
    return ", ".join(filter(None, map(_link, numbers)))


def _link(number):
    title = f"{number:02d} {TITLES.get(number, TOUR)}"
    for path in sorted(Path.cwd().glob(f"{number:02d}_*.ipynb")):
        return f"[{title}]({path.name})"
    for path in sorted(COURSE.glob(f"{number:02d}_*.ipynb")):
        return f"{title} (`{COURSE.name}/{path.name}`)"
    return ""
