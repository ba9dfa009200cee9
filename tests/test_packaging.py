"""The house as a whole: what the wheel holds, who imports whom, what a file may say."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

PACKAGES = ("autodiff_lab", "masking_lab", "kernel", "course")
FRAMEWORKS = {"torch", "jax"}
FRONT_ENDS = {"bokeh", "ipykernel", "IPython", "jupyterlab", "jupyter_client", "nbformat", "nbval"}
SHARED = {"spec", "jupyter_server_config"}  # folders of kernel/ that go where Jupyter looks
LONGEST_FILE = 400


def python(*words, **kwargs):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ----- the wheel -----


@pytest.fixture(scope="session")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), cwd=root)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The wheel installed by pip into a prefix of its own, without what it depends on."""
    prefix = tmp_path_factory.mktemp("prefix")
    pip = ["-m", "pip", "install", "--no-deps", "--no-index", "--no-warn-script-location"]
    python(*pip, "--ignore-installed", "--prefix", str(prefix), str(wheel))
    return prefix


def test_the_wheel_holds_all_sources_and_notebooks(root, wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        files = [p for p in committed(root) if p.parts[0] == package and p.parts[1] not in SHARED]
        assert files and {p.as_posix() for p in files} <= held
    assert {"course/index.ipynb", "course/00_tour.ipynb"} <= held


def test_the_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.startswith("tapestry_labs-")} == set(PACKAGES)


def test_installing_the_wheel_installs_the_kernel(installed):
    spec = installed / "share/jupyter/kernels/tapestry"
    assert json.loads((spec / "kernel.json").read_text())["display_name"] == "Tapestry"
    assert {p.name for p in spec.iterdir()} == {"kernel.json", "logo-64x64.png", "logo-svg.svg"}


def test_installing_the_wheel_enables_the_server_extension(installed):
    config = installed / "etc/jupyter/jupyter_server_config.d/tapestry.json"
    enabled = json.loads(config.read_text())["ServerApp"]["jpserver_extensions"]
    assert enabled == {"kernel.server": True}


def test_the_installed_command_hands_out_the_notebooks(installed, tmp_path):
    (site,) = installed.rglob("site-packages")
    told = python("-m", "course", "course", "here", cwd=tmp_path, env=environ(PYTHONPATH=site))
    assert (tmp_path / "here/00_tour.ipynb").is_file() and "jupyter lab here" in told
    assert (installed / "bin/tapestry").exists() or (installed / "Scripts/tapestry.exe").exists()


def test_the_kernel_of_this_environment_starts_with_the_extension():
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="tapestry", startup_timeout=120)
    try:
        ask = {"loaded": "'kernel' in get_ipython().extension_manager.loaded"}
        content = client.execute_interactive("", user_expressions=ask, timeout=60)["content"]
        assert content["user_expressions"]["loaded"]["data"]["text/plain"] == "True"
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
        kernel.context.term()


# ----- imports -----


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_imports_no_framework(package):
    found = imported_by(package)
    assert not found & FRAMEWORKS
    if package.endswith("_lab"):
        assert not found & FRONT_ENDS


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(root, package):
    above = set(PACKAGES[PACKAGES.index(package) + 1 :])
    forbidden = above | (FRONT_ENDS if package.endswith("_lab") else set())
    for path in sorted((root / package).rglob("*.py")):
        wrong = imports_of(path) & forbidden
        assert not wrong, f"{path.relative_to(root)} imports {', '.join(sorted(wrong))}"


ALONE = {
    "torch": "import torch; x = torch.tensor([1.0, 2.0])",
    "jax": "import jax.numpy as jnp; x = jnp.array([1.0, 2.0])",
}


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_one_framework_alone_is_enough(framework):
    (other,) = FRAMEWORKS - {framework}
    code = f"""
import sys
class Absent:  # as if the other were not installed
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {other!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
{ALONE[framework]}
import autodiff_lab as ad, masking_lab
print(ad.grad(lambda x: (x * x).sum())(x).tolist())
"""
    assert python("-c", code).strip() == "[2.0, 4.0]"


def imported_by(package):
    code = f"import sys, {package}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(python("-c", code).split())


def imports_of(path):
    """The top-level packages that a file imports by absolute name, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


# ----- what a file may say -----

# written in pieces, so that this file passes its own test
HOSTS = ["pypi" + ".org", "python" + "hosted", "download.py" + "torch", "ana" + "conda.org"]
HOSTS += ["npm" + "js", "js" + "delivr", "deb.deb" + "ian"]
OURS = re.compile(r"(?<![\w.:/~])/(?:work|opt|tmp|root|home|Users)/\w")


def test_no_file_names_a_registry_or_a_path_of_some_machine(root):
    for path, text in texts(root):
        hosts = [host for host in HOSTS if host in text]
        assert not hosts, f"{path} names {hosts[0]}: leave it to pip's configuration"
        found = OURS.search(text)
        assert not found, f"{path} names a path of one machine: {text[found.start() :][:40]!r}"


def test_no_file_is_too_long_to_read(root):
    for path, text in texts(root):
        lines = text.count("\n")
        long = path.suffix == ".py" and lines > LONGEST_FILE
        assert not long, f"{path} has {lines} lines, more than {LONGEST_FILE}: split it"


def committed(root):
    """What git has or would add, as paths relative to the root."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    names = dict.fromkeys(done.stdout.splitlines())
    return [path.relative_to(root) for name in names if (path := root / name).is_file()]


def texts(root):
    for path in committed(root):
        try:
            yield path, (root / path).read_text()
        except UnicodeDecodeError:
            continue


def environ(**more):
    return {**os.environ, **{name: str(value) for name, value in more.items()}}
