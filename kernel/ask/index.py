"""The index on disk: built once for what is installed, in a process of its own, and kept.

The file's name says for which versions of the frameworks and for which state of our own files it
was made, so a new one is made when any of them changes. `TAPESTRY_CACHE` names another folder; one
that cannot be written to is replaced by a folder for temporary files.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("torch", "jax", "jaxlib", "numpy", "bm25s", "tapestry-labs")
READS = {  # the folders of ours that an index is made from
    "words": ("autodiff_lab", "masking_lab", "kernel/ask", "kernel/concepts"),
    "shapes": ("autodiff_lab/table", "kernel/ask"),
}
FORGOTTEN = 30 * 24 * 3600  # seconds after which an index for other versions is thrown away
ABANDONED = 3600  # the same for half a file
NEEDS = {"words": "bm25s"}


class CannotBuild(Exception):
    """One sentence that says why there is no index, and what to do."""


def silent(share, words):
    """Progress that nobody wants to see."""


def arrays(kind, progress=silent):
    """The arrays of the index "words" or "shapes", built first where there is none yet."""
    name = f"{kind}-{state(kind)}.npz"
    for path in (folder() / name, spare_folder() / name):
        if path.is_file():
            with contextlib.suppress(Exception):  # a damaged file is written anew
                return _read(path)
    path = (folder() if _may_write(folder()) else spare_folder()) / name
    build(kind, path, progress)
    return _read(path)


def _read(path):
    import numpy as np

    with path.open("rb") as held, np.load(held) as file:  # NumPy leaves a damaged file open
        return dict(file)


def unpacked(array):
    """What `build.packed` made an array of bytes of."""
    return json.loads(array.tobytes())


def folder():
    told = os.environ.get("TAPESTRY_CACHE")
    if told:
        return Path(told)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("tapestry"))


def spare_folder():
    """Where a home cannot be written to: it may be mounted read-only, or full."""
    return Path(tempfile.gettempdir()) / f"tapestry-{getattr(os, 'getuid', int)()}"


def _may_write(place):
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
    except OSError:
        return False
    return True


@functools.cache
def state(kind):
    """A word that changes with every version and every file that an index is made from."""
    told = [f"{name} {_version(name)}" for name in PACKAGES] + [sys.version]
    for place in READS[kind]:
        files = sorted(p for p in (ROOT / place).rglob("*") if p.suffix in (".py", ".txt", ".md"))
        told += [f"{p} {s.st_size} {s.st_mtime_ns}" for p in files for s in (p.stat(),)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def build(kind, path, progress):
    """Run `kernel.ask.build`, and hand on what it says about how far it is."""
    needed = NEEDS.get(kind)
    if needed and importlib.util.find_spec(needed) is None:
        raise CannotBuild(
            f"Answers in words need the package {needed}, which is not installed: "
            f"run `%pip install {needed}` and ask again."
        )
    # -P: no file of the user's may stand in for a module of the standard library
    argv = [sys.executable, "-P", "-m", "kernel.ask.build", kind, str(path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, env=_environment(), **pipes) as worker:
        try:
            for line in worker.stdout:
                share, _, words = line.partition(" ")
                progress(float(share), words.strip())
            _, said = worker.communicate()
        except BaseException:  # the user interrupts, and the worker with them
            worker.kill()
            raise
    if worker.returncode:
        reason = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise CannotBuild(f"The index could not be built ({reason}).")
    progress(1.0, "done")
    _forget_old(path)


def _environment():
    """On the CPU: the worker must not take the memory of a GPU that the learner works on."""
    found = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    on_cpu = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **on_cpu, "PYTHONPATH": os.pathsep.join(p for p in found if p)}


def _forget_old(path):
    for other in path.parent.glob(f"{path.name.partition('-')[0]}-*.npz"):
        if other != path and _age(other) > FORGOTTEN:
            other.unlink(missing_ok=True)
    for part in path.parent.glob("*.part"):  # of a builder that was killed while it wrote
        if _age(part) > ABANDONED:
            part.unlink(missing_ok=True)


def _age(path):
    with contextlib.suppress(OSError):  # somebody else was quicker
        return time.time() - path.stat().st_mtime
    return 0
