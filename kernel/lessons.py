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
TOUR = 0, "A tour"


def of_row(row):
    """The lessons that have to do with a row, the one that teaches its kind of thing first."""
    found = SECTIONS.get(row.section, (4,))
    return tuple(dict.fromkeys((*found, *((6,) if row.kinks else ()))))


def links(numbers):
    """Links to the lessons that are there: beside the notebook that asks, or in the course."""
    found = [(_title(n), _file(n)) for n in numbers]
    return ", ".join(f"[{title}]({file})" for title, file in found if file)


def _title(number):
    return f"{number:02d} {TITLES.get(number, TOUR[1])}"


def _file(number):
    """A path that a link from the notebook can follow, or None."""
    for folder in (Path.cwd(), COURSE):
        for path in sorted(folder.glob(f"{number:02d}_*.ipynb")):
            return path.name if folder == Path.cwd() else f"{COURSE.name}/{path.name}"
    return None
