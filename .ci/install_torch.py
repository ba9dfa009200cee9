"""Install the pinned torch into this Python, and never gigabytes of CUDA by surprise.

On Linux a plain `pip install torch` may bring several gigabytes of CUDA packages. So:

    TORCH unset     the CPU build, unless this machine has an NVIDIA GPU
    TORCH=cpu       the CPU build
    TORCH=cuda      whatever pip finds, CUDA packages included
    TORCH="..."     these words after `pip install`: a wheel's path, or an --index-url of your own

Needs nothing but the standard library and the pip of the Python that runs it.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOW = (
    "say TORCH=cuda to accept the CUDA build (several GB), or "
    'TORCH="torch=={pin} --index-url URL" with an index that holds CPU builds'
)


def pip(*args: str) -> int:
    return subprocess.call([sys.executable, "-m", "pip", *args])


def pinned(constraints: Path) -> str:
    found = re.search(r"^torch==([^\s;#]+)", constraints.read_text(), re.M)
    if found is None:
        sys.exit(f"{constraints} pins no torch: add a line like torch==2.13.0.")
    return found[1]


def installed() -> str | None:
    """The version that is here, without its local part: 2.13.0 for 2.13.0+cpu."""
    try:
        return importlib.metadata.version("torch").partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def has_gpu() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def cuda_packages(requires: list[str]) -> list[str]:
    """Those of a wheel's requirements that are CUDA packages and apply to this machine."""
    try:
        from packaging.requirements import Requirement
    except ImportError:  # a bare environment: pip is here and carries its own
        from pip._vendor.packaging.requirements import Requirement

    wanted = [Requirement(text) for text in requires]
    here = [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [name for name in here if re.match(r"nvidia-|cuda-|triton", name)]


def would_bring(requirement: str) -> list[str] | None:
    """The CUDA packages that pip would install with it; None if pip finds no torch at all."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed"]
        if pip(*words, "--report", str(report), requirement) != 0:
            return None
        (chosen,) = json.loads(report.read_text())["install"]
    return cuda_packages(chosen["metadata"].get("requires_dist", []))


def install_cpu(pin: str, constraints: Path) -> int:
    requirement = f"torch=={pin}"
    if would_bring(requirement) == []:
        return pip("install", "-c", str(constraints), requirement)
    print(f"pip would bring CUDA packages with {requirement}: asking uv for the CPU build.")
    if pip("install", "--quiet", "-c", str(ROOT / "constraints.txt"), "uv") != 0:
        return 1
    # uv knows by itself where torch's CPU builds live, so that we need not say it
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    return subprocess.call([*uv, "--torch-backend=cpu", "-c", str(constraints), requirement])


def install(choice: str, pin: str, constraints: Path) -> int:
    plain = ["install", "-c", str(constraints)]
    if choice not in ("", "cpu", "cuda"):
        return pip(*plain, *shlex.split(choice))
    if choice == "" and has_gpu():
        print("An NVIDIA GPU is here: installing torch with CUDA (several GB; TORCH=cpu: without).")
        choice = "cuda"
    if choice == "cuda" or platform.system() != "Linux":
        return pip(*plain, f"torch=={pin}")
    return install_cpu(pin, constraints)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--constraints", type=Path, default=ROOT / "constraints.txt")
    constraints = parser.parse_args().constraints
    pin, choice = pinned(constraints), os.environ.get("TORCH", "")
    if installed() == pin:
        return print(f"torch {importlib.metadata.version('torch')} is here already.")
    if install(choice, pin, constraints) != 0:
        sys.exit(f"torch {pin} could not be installed (above: why); {HOW.format(pin=pin)}.")
    if installed() != pin:
        sys.exit(f"TORCH={choice!r} gave torch {installed()} but {constraints.name} pins {pin}.")


if __name__ == "__main__":
    main()
