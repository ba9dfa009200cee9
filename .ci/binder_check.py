"""Build what Binder builds, from the same files in the same order, and run the tour in it.

repo2docker (2026.4) takes Python from binder/runtime.txt, runs `pip install -r
binder/requirements.txt` from the checkout's root and then binder/postBuild; beside a binder/
folder it reads neither pyproject.toml nor constraints.txt by itself. A fresh virtual environment
stands in for its image; JupyterLab, which the image has, is not needed to run a kernel.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".binder-check"
TOUR = "course/00_tour.ipynb"


def run(*words, **kwargs) -> None:
    print("+", *words, flush=True)
    if subprocess.call(list(map(str, words)), **kwargs) != 0:
        sys.exit(f"binder-check: {words[0]} failed (above: why).")


def check_python(python: str) -> None:
    wanted = (ROOT / "binder/runtime.txt").read_text().strip().removeprefix("python-")
    ask = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    found = subprocess.check_output(ask, text=True).strip()
    if found != wanted:
        sys.exit(
            f"binder-check: Binder will use Python {wanted} but {python} is {found}: "
            f"make binder-check PYTHON=python{wanted}"
        )


def environment() -> dict[str, str]:
    """As in the image: its own `python` is the first on the path."""
    return {
        **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "TORCH")},
        "PATH": f"{FOLDER / 'bin'}:{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def check_installed(env: dict[str, str]) -> None:
    """The package must come from site-packages: Binder has no editable install."""
    ask = "import autodiff_lab, torch; print(autodiff_lab.__file__, torch.version.cuda)"
    with tempfile.TemporaryDirectory() as elsewhere:
        words = [str(FOLDER / "bin/python"), "-c", ask]
        told = subprocess.check_output(words, cwd=elsewhere, env=env, text=True)
    if not re.search(r"site-packages.* None$", told.strip()):
        sys.exit(f"binder-check: wanted the installed package and a CPU torch, found {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    python = parser.parse_args().python
    check_python(python)
    shutil.rmtree(FOLDER, ignore_errors=True)
    run(python, "-m", "venv", FOLDER)
    env = environment()
    pip = FOLDER / "bin/pip"
    run(pip, "install", "-q", "--no-cache-dir", "-r", "binder/requirements.txt", cwd=ROOT, env=env)
    run(ROOT / "binder/postBuild", cwd=ROOT, env=env)
    check_installed(env)
    with tempfile.TemporaryDirectory() as elsewhere:
        tour = shutil.copy(ROOT / TOUR, elsewhere)
        run(FOLDER / "bin/python", ROOT / ".ci/run_tour.py", tour, cwd=elsewhere, env=env)
    size = sum(f.lstat().st_size for f in FOLDER.rglob("*") if f.is_file()) / 1e9
    kernel = json.loads((FOLDER / "share/jupyter/kernels/tapestry/kernel.json").read_text())
    print(f"Binder gets {kernel['display_name']!r} as a kernel, {size:.1f} GB of packages.")


if __name__ == "__main__":
    main()
