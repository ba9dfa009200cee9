"""Which tests come to which place: a mutant there can be noticed by these only.

The modules are compiled with a probe at each place, once, before anything imports them; the tests
then run in forks, a few in each, so that what one leaves in a cache hides little from the next.
"""

import ast
import builtins
import contextlib
import importlib.machinery
import json
import sys

from .find import ROOT, files, places
from .judge import forked, in_turn

MAP = ROOT / ".pytest_cache/mutants/reached.jsonl"  # a line for each test
TOGETHER = 40  # tests of one fork: what they leave in caches hides little from each other
_reached = set()


def probe():
    """From now on Python compiles masking_lab with probes."""
    builtins._reached = _reached.add
    watched = {str(p): str(p.relative_to(ROOT)) for p in files()}
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader, name):
        if loader.path not in watched:
            return original(loader, name)
        tree = ast.parse(loader.get_data(loader.path))
        return compile(_probed(tree, watched[loader.path]), loader.path, "exec")

    importlib.machinery.SourceFileLoader.get_code = get_code


def _probed(tree, file):
    """`(_reached("the place") or expression)` for each place."""
    named = {id(node): f"{file}  {scope}  {ast.unparse(node)}" for scope, node, _ in places(tree)}
    return ast.fix_missing_locations(_Probes(named).visit(tree))


class _Probes(ast.NodeTransformer):
    def __init__(self, named):
        self.named = named

    def visit(self, node):
        name = self.named.get(id(node))
        inner = self.generic_visit(node)
        if name is None:
            return inner
        call = ast.Call(ast.Name("_reached", ast.Load()), [ast.Constant(name)], [])
        return ast.copy_location(ast.BoolOp(ast.Or(), [call, inner]), node)


class Recorder:
    """A plugin of pytest: runs the tests in forks, and writes down the places that it came to."""

    def pytest_runtestloop(self, session):
        known = {test["id"] for test in recorded()}
        todo = [item for item in session.items if item.nodeid not in known]
        self.look_at(in_turn(todo, lambda item: "jax" in item.nodeid, lambda item: item.nodeid))
        return True

    def look_at(self, todo):
        MAP.parent.mkdir(parents=True, exist_ok=True)
        with MAP.open("a") as out:
            for i in range(0, len(todo), TOGETHER):
                for found in forked(todo[i : i + TOGETHER], {}, reached=_reached):
                    print(json.dumps(found), file=out, flush=True)
                    import_all(found["imports"])
                print(f"{i}/{len(todo)} tests looked at", file=sys.__stderr__, flush=True)


def import_all(names):
    """What a test imports late is there for the forks that follow."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def recorded():
    """What is known of the tests: id, seconds, whether it passes, the places that it comes to."""
    return [json.loads(line) for line in MAP.read_text().splitlines()] if MAP.exists() else []


def siblings(tests, names):
    """Tests that nobody has looked at yet: they may come where others of their function come."""
    families = {}
    for test in tests:
        known = families.setdefault(test["id"].split("[")[0], {**test, "reached": []})
        known["reached"] = [*known["reached"], *test["reached"]]
    looked_at = {test["id"] for test in tests}
    return [
        {**families[name.split("[")[0]], "id": name}
        for name in names
        if name not in looked_at and name.split("[")[0] in families
    ]
