"""A mutant, put into the modules that are there, and the tests that come to its place."""

import ast
import functools
import gc
import os
import pickle
import signal
import sys
import time
import traceback
from collections import defaultdict
from types import CodeType, FunctionType

from .find import ROOT, replaced

LIBRARIES = ("torch", "functorch", "sympy", "mpmath", "jax", "jaxlib", "scipy", "numpy")


def in_turn(tests, cost, name):
    """From the cheapest to the dearest, but one of each function before the second of any."""
    families = defaultdict(list)
    for test in sorted(tests, key=cost):
        families[name(test).split("[")[0]].append(test)
    ranked = [
        (i, cost(t), name(t), t) for family in families.values() for i, t in enumerate(family)
    ]
    return [t for *_, t in sorted(ranked, key=lambda r: r[:3])]


def forked(items, seconds, mutant=None, reached=None):
    """Run tests in a fork of this process, and tell of each what came of it.

    The fork is cheap, and whatever a test leaves behind goes with it. With a mutant it stops at the
    first test that fails. One that takes longer than `seconds` gives for it has failed too.
    """
    functions()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            _run(items, seconds, mutant, reached, os.fdopen(write, "wb"))
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(1)
    os.close(write)
    found = list(_told(read))
    os.waitpid(child, 0)
    if not found:
        raise RuntimeError(f"no test was begun for {mutant}")
    return found


def _told(read):
    """What the child told; of a test that it has only begun, that it failed."""
    begun = None
    with os.fdopen(read, "rb") as pipe:
        while True:
            try:
                told = pickle.load(pipe)
            except EOFError:
                break
            if "seconds" in told:
                yield told
            begun = None if "seconds" in told else told
    if begun:
        yield {**begun, "seconds": 0.0, "failed": True, "reached": [], "imports": []}


def _run(items, seconds, mutant, reached, pipe):
    def tell(**found):
        pickle.dump(found, pipe)
        pipe.flush()

    failed = []
    items[0].config.pluginmanager.register(_Reports(failed))
    if mutant:
        put(mutant)
    for item, following in zip(items, [*items[1:], None], strict=True):
        tell(id=item.nodeid)
        there = set(sys.modules)
        if reached is not None:
            reached.clear()
        failed.clear()
        signal.setitimer(signal.ITIMER_PROF, seconds.get(item.nodeid, 60.0))
        start = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        took = round(time.process_time() - start, 3)
        imports = sorted(n for n in set(sys.modules) - there if n.split(".")[0] in LIBRARIES)
        tell(id=item.nodeid, seconds=took, failed=bool(failed), reached=sorted(reached or ()),
             imports=imports)  # fmt: skip
        if failed and mutant:
            break


class _Reports:
    def __init__(self, failed):
        self.failed = failed

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)


# ----- putting it in -----
@functools.cache
def functions():
    """The functions that there are, by file; all of masking_lab has been imported."""
    found = defaultdict(list)
    for f in gc.get_objects():
        if type(f) is FunctionType:
            found[f.__code__.co_filename].append(f)
    gc.freeze()  # so that a fork's collector leaves alone, and shares, what is there
    return found


def put(mutant):
    """Give the functions that are there the mutant's code."""
    path = str(ROOT / mutant.file)
    tree = ast.parse((ROOT / mutant.file).read_text())
    new = {_key(c): c for c in _codes(compile(replaced(tree, mutant), path, "exec"))}
    for f in functions()[path]:
        f.__code__ = new[_key(f.__code__)]


def _codes(code):
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _key(code):
    """Where a function is in its file: two lambdas may share a line."""
    spots = [(line, column) for line, _, column, _ in code.co_positions() if column is not None]
    return code.co_qualname, code.co_firstlineno, min(spots, default=None)
