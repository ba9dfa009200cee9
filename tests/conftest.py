"""Settings for every test run, and the summary a person reads at its end."""

import collections
import contextlib
import functools
import importlib.util
import itertools
import os
import sys
import zlib
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
AREAS = {
    "autodiff_lab": ("tests/autodiff_lab/", "autodiff_lab/"),
    "masking_lab": ("tests/masking_lab/", "masking_lab/"),
    "kernel": ("tests/kernel/", "kernel/"),
    "course": ("tests/course/",),
    "notebooks": ("course/",),
    "browser": ("tests/browser/",),
    "packaging": ("tests/test_packaging.py", "tests/test_install_torch.py"),
    "outside": ("tests/outside/",),
    "docs": ("tests/test_docs.py",),
    "bench": ("tests/bench/",),
}
# Files so long that the workers share their tests; the tests of any other file stay together.
SPREAD = (
    "test_table.py", "test_rules.py", "test_honest.py", "test_op_db.py", "test_lax.py",
    "test_autobatch.py",
)  # fmt: skip
COLUMNS = {"passed": "passed", "xpassed": "passed", "failed": "failed", "error": "failed"}
COLUMNS |= {"skipped": "skipped", "xfailed": "skipped"}

with contextlib.suppress(ImportError):
    import setuptools  # noqa: F401  it insists on coming before the standard library's distutils

# No test module has imported a framework yet: one thread for each worker and the kernels it starts.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# XLA compiles hundreds of tiny programs here: keep them between runs, or tests mostly wait for it.
# (Older than 0.7, JAX at times reads back another program than it has kept.)
if importlib.util.find_spec("jax") and not version("jax").startswith(("0.5.", "0.6.")):
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# The indexes of `?how do I ...` are built once for all tests, and not in the user's own folder.
os.environ.setdefault("TAPESTRY_CACHE", str(ROOT / ".pytest_cache" / "tapestry"))

# The same examples in every run: a red build can be repeated.
settings.register_profile("tapestry", derandomize=True, deadline=None)
settings.load_profile("tapestry")


@functools.cache
def is_here(framework):
    return importlib.util.find_spec(framework) is not None


def pytest_addoption(parser):
    parser.addoption("--sample", type=int, default=1, metavar="N", help="run one test in N")


def pytest_collection_modifyitems(config, items):
    """Of a sample, keep its tests. One with a parameter "torch" or "jax" needs that framework."""
    n = config.getoption("sample")
    if n > 1:
        left_out = {i for i in items if "[" in i.nodeid and zlib.crc32(i.nodeid.encode()) % n}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [i for i in items if i not in left_out]
    for item in items:
        params = getattr(item, "callspec", None)
        for name in params.params.values() if params else ():
            if name in ("torch", "jax") and not is_here(name):
                item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


_finished = itertools.count(1)


def pytest_runtest_teardown(item):
    """JAX keeps every program it compiled; after some hundreds of tests that is gigabytes."""
    if "jax" in sys.modules and next(_finished) % 200 == 0:
        sys.modules["jax"].clear_caches()


def pytest_xdist_make_scheduler(config, log):
    """As `--dist loadfile`, but the tests of the longest files go to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::", 1)[0]
            return nodeid if file.endswith(SPREAD) else file

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def area_of(nodeid):
    starts = ((area, start) for area, heads in AREAS.items() for start in heads)
    return next((area for area, start in starts if nodeid.startswith(start)), "other")


def pytest_terminal_summary(terminalreporter):
    """For each area its counts and seconds, then every skip with its reason."""
    rows = collections.defaultdict(collections.Counter)
    skips = collections.Counter()
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if not hasattr(report, "nodeid") or not hasattr(report, "when"):
                continue
            row = rows[area_of(report.nodeid)]
            row["seconds"] += getattr(report, "duration", 0.0)
            if outcome in COLUMNS:
                row[COLUMNS[outcome]] += 1
            if COLUMNS.get(outcome) == "skipped":
                skips[area_of(report.nodeid), reason_of(report)] += 1
    write_summary(terminalreporter, rows, skips)


def reason_of(report):
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def write_summary(out, rows, skips):
    out.section("by area")
    out.write_line(f"{'':14}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
    for area in [*AREAS, "other"]:
        if row := rows.get(area):
            counts = "".join(f"{row[column]:8}" for column in ("passed", "failed", "skipped"))
            out.write_line(
                f"{area:14}{counts}{row['seconds']:9.1f}", red=bool(row["failed"]), bold=True
            )
    for (area, reason), count in sorted(skips.items()):
        out.write_line(f"SKIPPED {count} in {area}: {reason}", yellow=True)


@pytest.fixture(scope="session")
def root():
    """The checkout that the tests run in."""
    return ROOT
