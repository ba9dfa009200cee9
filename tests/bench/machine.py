"""The machine: kept to one thread, and described."""

import datetime
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = ("torch", "jax", "jaxlib", "numpy")


def limit_threads(count: int) -> None:
    """Call it before any framework is imported: both read the environment and the affinity then."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)
    if hasattr(os, "sched_setaffinity"):  # Linux: XLA's thread pool has no other bound
        # from the end: the first cores tend to serve the system's interrupts
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(count)


def describe(threads: int) -> dict:
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": threads,
        "os": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "load": round(os.getloadavg()[0], 2),
    }


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    try:
        words = ["git", "describe", "--always", "--dirty"]
        return subprocess.check_output(words, stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return None
