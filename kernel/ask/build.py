"""`python -m kernel.ask.build words FILE`: make an index, in a process of its own.

It imports the frameworks that are installed and bm25s, which the kernel itself then never has to.
Each line on the standard output is progress: a share from 0 to 1 and a few words. The file appears
in one step, so that two kernels may build at once and nobody ever reads half an index.
"""

import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np


def build_words(progress):
    """The arrays of an index of all entries."""
    from .entries import entries
    from .harvest import harvest
    from .lexicon import lexicon

    progress(0.05, "reading the documentation of what is installed")
    found = harvest()
    progress(0.6, f"{len(found)} functions: finding twins")
    made = entries(found)
    progress(0.8, f"{len(made)} answers: weighing words")
    return {"entries": packed([e.shown() for e in made]), **lexicon(made)}


def build_shapes(progress):
    """Signatures, and the calls that have them: each with the entry whose twins belong to it."""
    from .entries import leaders
    from .harvest import harvest
    from .probe import probe, units

    progress(0.01, "reading what is installed")
    twin = leaders(harvest())
    found: dict = {}
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        todo = units()
        waiting = [pool.submit(probe, unit) for unit in todo]
        for i, (unit, done) in enumerate(zip(todo, waiting, strict=True)):
            progress(0.1 + 0.85 * i / len(todo), f"trying shapes on {unit[0]}")
            for signature, name, call in done.result():
                found.setdefault(signature, []).append((name, call, twin(name)))
    return {"shapes": packed(found)}


def packed(value):
    """JSON as an array of bytes: an index is one file, and holds no pickles."""
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def write(path, arrays):
    """All or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.savez(file, **arrays)
    os.replace(file.name, path)


def main(what, path):
    make = {"words": build_words, "shapes": build_shapes}[what]
    write(Path(path), make(lambda share, words: print(f"{share:.2f} {words}", flush=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
