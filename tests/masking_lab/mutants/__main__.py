"""`python -m tests.masking_lab.mutants [FILE ...]`: lists the mutants that no test notices.

Each runs in a process of its own, forked from one that has imported the frameworks, against tests
from the quickest to the slowest, with a limit of time: a loop that does not end is noticed too. No
file is changed: the process reads the mutant where Python reads the module. Mutants that nobody
could see are in `equivalent.py`.
"""

import argparse
import importlib.machinery
import os
import signal
import sys
import time

from .equivalent import EQUIVALENT
from .find import ROOT, files, mutants

TESTS = (
    ["test_telling.py", "test_corners.py", "test_meaning.py", "test_errors.py", "-k", "torch"],
    ["test_lifting.py", "test_origins.py", "test_masked_batch.py", "-k", "not jax"],
    ["test_rules.py", "test_autobatch.py", "-k", "torch"],
    ["test_telling.py", "test_meaning.py", "test_corners.py", "test_errors.py", "-k", "jax"],
    ["test_corpus.py", "-k", "torch"],
    ["test_lifting.py", "test_autobatch.py", "-k", "jax"],
)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.masking_lab.mutants", description=__doc__
    )
    parser.add_argument("files", nargs="*", help="of masking_lab; all if none is named")
    parser.add_argument("--limit", type=float, default=300, help="seconds for a group of tests")
    parser.add_argument("--groups", type=int, default=len(TESTS), help="how many groups of tests")
    args = parser.parse_args()
    groups = TESTS[: args.groups]
    _import_frameworks()
    if not all(passed(None, tests, args.limit) for tests in groups):
        sys.exit("the tests fail without any mutant; mend them first")
    chosen = [p for p in files() if not args.files or p.name in args.files]
    found = [m for p in chosen for m in mutants(p) if (m.file, m.change) not in EQUIVALENT]
    alive = []
    for i, mutant in enumerate(found, start=1):
        survived = all(passed(mutant, tests, args.limit) for tests in groups)
        print(f"{i}/{len(found)} {'ALIVE ' if survived else 'killed'} {mutant}", flush=True)
        alive += [mutant] if survived else []
    print(f"{len(found)} mutants, {len(alive)} alive; {len(EQUIVALENT)} more are equivalent")
    print(*alive, sep="\n")
    return int(bool(alive))


def _import_frameworks():
    for name in ("pytest", "torch", "jax", "autodiff_lab", "tests.helpers"):
        importlib.import_module(name)


def passed(mutant, tests, limit):
    """Do the tests pass in time, with the mutant in the place of its file?"""
    child = os.fork()
    if child == 0:
        os._exit(_run(mutant, tests))
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run(mutant, tests):
    import pytest

    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    if mutant:
        _put(mutant)
    folder = ROOT / "tests/masking_lab"
    there = [str(folder / t) for t in tests if t.endswith(".py") and (folder / t).exists()]
    rest = [t for t in tests if not t.endswith(".py")]
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *there, *rest]))


def _put(mutant):
    """From now on Python compiles the mutant for its module."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader, name):
        if loader.path == str(ROOT / mutant.file):
            return compile(mutant.source, loader.path, "exec")
        return original(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code


if __name__ == "__main__":
    sys.exit(main())
