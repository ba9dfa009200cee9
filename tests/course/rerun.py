"""`python -m tests.course.rerun [NOTEBOOK ...]`: run notebooks and save them as they are kept here.

Kept are sources and outputs, and the metadata that something reads: no times, no versions, cell ids
that say where they stand. So a diff shows what changed for a reader, and nothing else.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.course.form import COURSE, NOTEBOOKS

KERNEL = {"display_name": "Tapestry", "language": "python", "name": "tapestry"}


def rerun(path):
    notebook = nbformat.read(path, 4)
    client = NotebookClient(notebook, kernel_name="tapestry", timeout=300, record_timing=False)
    client.coalesce_streams = True
    client.resources = {"metadata": {"path": str(COURSE)}}
    client.execute()
    tidy(notebook, path.stem)
    nbformat.write(notebook, path)


def tidy(notebook, stem):
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # cells have ids
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    word = "-".join(stem.split("_")[:2])
    for n, cell in enumerate(notebook.cells):
        cell.id = f"{word}-{n:02}"
        kept = {k: v for k, v in cell.metadata.items() if k in ("nbgrader", "tags")}
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", ()):
            output.pop("transient", None)


if __name__ == "__main__":
    for name in [Path(arg).resolve() for arg in sys.argv[1:]] or NOTEBOOKS:
        print(name.name, flush=True)
        rerun(name)
