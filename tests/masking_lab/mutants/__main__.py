"""`python -m tests.masking_lab.mutants [FILE ...]`: lists the mutants that no test notices.

First it finds out, once, which tests of masking_lab come to which place (`reach`). Then each mutant
is put into a fork of a process that has everything imported, and the tests that come to its place
run there, from the quickest to the slowest, until one fails. What was found is kept in
`.pytest_cache/mutants`, so that a run may be broken off: the next judges what is left, and mutants
of files that have changed. Mutants that nobody could see are in `equivalent.py`.
"""

import argparse
import importlib
import itertools
import json
import os
import pkgutil
import sys
import time
import zlib

import pytest

from . import judge, reach
from .equivalent import EQUIVALENT
from .find import ROOT, files, mutants

VERDICTS = ROOT / ".pytest_cache/mutants/verdicts.jsonl"


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.masking_lab.mutants", description=__doc__
    )
    parser.add_argument("files", nargs="*", help="of masking_lab; all if none is named")
    parser.add_argument("--record", action="store_true", help="look at new tests first")
    parser.add_argument("--budget", type=float, default=60, help="seconds of tests for a mutant")
    parser.add_argument("--only", default="", help="the tests to look at, as pytest's -k")
    args = parser.parse_args()
    if args.record or not reach.MAP.exists():
        reach.probe()  # before masking_lab is imported
        run(reach.Recorder(), args.only)
        rest = [arg for arg in sys.argv[1:] if arg != "--record"]
        os.execv(sys.executable, [sys.executable, "-m", __package__, *rest])  # without probes
    chosen = [p for p in files() if not args.files or p.name in args.files]
    judging = Judging([m for p in chosen for m in mutants(p)], args.budget)
    run(judging, args.only)
    return judging.report()


def run(plugin, only):
    """Pytest collects; instead of running the tests it lets the plugin run what it wants."""
    _import_all()
    tests = str(ROOT / "tests/masking_lab")
    options = ["-q", "-p", "no:cacheprovider", "-n", "0", "-m", "not slow"]
    return int(pytest.main([*options, "-k", only, tests], plugins=[plugin]))


def _import_all():
    """So that the mutant finds its function there, and no fork has to import anything."""
    for package in map(importlib.import_module, ("autodiff_lab", "masking_lab")):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


class Judging:
    """A plugin of pytest: in the place of the tests it runs the mutants."""

    def __init__(self, found, budget):
        self.budget = budget
        self.found = [m for m in found if m.key not in EQUIVALENT]
        self.verdicts = {v["key"]: v for v in self._known()}

    def _known(self):
        there = VERDICTS.read_text() if VERDICTS.exists() else ""
        return map(json.loads, there.splitlines())

    def pytest_runtestloop(self, session):
        items = {item.nodeid: item for item in session.items}
        tests = [t for t in reach.recorded() if t["id"] in items and not t["failed"]]
        tests += reach.siblings(tests, items)
        reach.import_all({name for t in tests for name in t["imports"]})
        self.seconds = {t["id"]: 5 * t["seconds"] + 3 for t in tests}
        for i, m in enumerate(self.found, start=1):
            old = self.verdicts.get(m.key, {})
            start, names = time.time(), self.coming(m, tests, old)
            if old.get("text") == text(m) and (old["killer"] or old["tests"] == len(names)):
                continue
            verdict = self.judged(m, names, items)
            self.verdicts[m.key] = verdict
            with VERDICTS.open("a") as out:
                print(json.dumps(verdict), file=out)
            word = "killed" if verdict["killer"] else "ALIVE "
            print(f"{i}/{len(self.found)} {word} {time.time() - start:5.1f} s of "
                  f"{verdict['tests']:4} {m}", file=sys.__stderr__, flush=True)  # fmt: skip
        return True

    def coming(self, mutant, tests, old):
        """The tests that come to the mutant, the one that noticed it last time first."""
        place = mutant.place
        tests = [t for t in tests if place in t["reached"]]
        tests = judge.in_turn(tests, lambda t: t["seconds"], lambda t: t["id"])
        spent = itertools.accumulate(t["seconds"] for t in tests)
        names = [t["id"] for t, s in zip(tests, spent, strict=True) if s <= self.budget]
        return sorted(names, key=lambda name: name != old.get("killer"))

    def judged(self, mutant, names, items):
        found = judge.forked([items[n] for n in names], self.seconds, mutant) if names else []
        killer = next((test["id"] for test in found if test["failed"]), None)
        return {"key": mutant.key, "text": text(mutant), "tests": len(names), "killer": killer}

    def report(self):
        alive = [m for m in self.found if not self.verdicts[m.key]["killer"]]
        killed = len(self.found) - len(alive)
        print(f"{killed} mutants killed, {len(alive)} alive; {len(EQUIVALENT)} are equivalent")
        for m in alive:
            print(m, "" if self.verdicts[m.key]["tests"] else "  (no test comes there)")
        return int(bool(alive))


def text(mutant):
    """A number for the file as it is now."""
    return zlib.crc32((ROOT / mutant.file).read_bytes())


if __name__ == "__main__":
    sys.exit(main())
