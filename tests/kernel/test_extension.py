"""Loading and unloading: everything works in between, and nothing is left after."""

import ast
import subprocess
import sys

import pytest

import autodiff_lab as ad
import kernel
from kernel.help_text import help_bundle
from tests.kernel.shells import bare


@pytest.fixture
def ip(tmp_path):
    """A shell that writes no history and leaves nothing to do at the end of the process."""
    with bare(tmp_path) as started:
        yield started


def state(ip):
    """Everything the extension touches."""
    hooks = dict(getattr(ip.inspector, "mime_hooks", {}))
    names = set(ip.user_ns), set(ip.user_ns_hidden)
    magics = {kind: set(table) for kind, table in ip.magics_manager.magics.items()}
    events = {name: list(callbacks) for name, callbacks in ip.events.callbacks.items()}
    return hooks, names, magics, events, set(vars(ip.inspector)), set(vars(ip))


def test_unloading_leaves_nothing_behind(ip):
    before = state(ip)
    kernel.load_ipython_extension(ip)
    assert state(ip) != before
    kernel.unload_ipython_extension(ip)
    assert state(ip) == before


def test_loading_twice_is_loading_once(ip):
    before = state(ip)
    kernel.load_ipython_extension(ip)
    loaded = state(ip)
    kernel.load_ipython_extension(ip)
    assert state(ip) == loaded
    kernel.unload_ipython_extension(ip)
    assert state(ip) == before


def test_unloading_without_loading_is_fine(ip):
    before = state(ip)
    kernel.unload_ipython_extension(ip)
    assert state(ip) == before


def test_a_name_of_the_users_is_neither_replaced_nor_removed(ip):
    ip.user_ns["show"] = mine = object()
    kernel.load_ipython_extension(ip)
    assert ip.user_ns["show"] is mine
    kernel.unload_ipython_extension(ip)
    assert ip.user_ns["show"] is mine


def test_a_name_the_user_took_over_stays(ip):
    kernel.load_ipython_extension(ip)
    assert ip.user_ns["show"] is kernel.show
    ip.user_ns["show"] = mine = object()
    kernel.unload_ipython_extension(ip)
    assert ip.user_ns["show"] is mine


def modern(ip):
    if not hasattr(ip.inspector, "mime_hooks"):
        pytest.skip("this IPython has no mime_hooks")


def test_other_peoples_hooks_are_asked_and_survive(ip):
    modern(ip)
    other = {"text/markdown": lambda data: "theirs", "x/y": lambda data: "xy"}
    ip.inspector.mime_hooks = dict(other)
    kernel.load_ipython_extension(ip)
    assert inspected(ip, ad.grad(abs))["text/markdown"].startswith("### gradient of abs")
    assert inspected(ip, print)["text/markdown"] == "theirs"
    kernel.unload_ipython_extension(ip)
    assert ip.inspector.mime_hooks == other


def test_a_hook_that_came_after_ours_survives_our_leaving(ip):
    modern(ip)
    kernel.load_ipython_extension(ip)
    ours = ip.inspector.mime_hooks["text/markdown"]
    later = lambda data: ours(data) or "later"  # noqa: E731
    ip.inspector.mime_hooks = {**ip.inspector.mime_hooks, "text/markdown": later}
    kernel.unload_ipython_extension(ip)
    assert ip.inspector.mime_hooks == {"text/markdown": later}
    assert inspected(ip, ad.grad(abs))["text/markdown"] == "later"


def test_two_questions_at_once_get_their_own_answers(ip):
    """A page is made once for all forms of one question, and never given to another."""
    modern(ip)
    kernel.load_ipython_extension(ip)
    hook = ip.inspector.mime_hooks["text/markdown"]
    first, second = (
        type("InspectorHookData", (), {"obj": obj, "detail_level": 0})()
        for obj in (ad.grad(abs), ad.grad(max))
    )
    assert "gradient of abs" in hook(first) and "gradient of max" in hook(second)
    assert "gradient of abs" in hook(first)


class Hostile:
    """Everything about it explodes."""

    def __getattribute__(self, name):
        if name in ("__class__", "__dict__", "__doc__"):
            return object.__getattribute__(self, name)
        raise RuntimeError("boom")

    def __repr__(self):
        raise RuntimeError("boom")

    def __eq__(self, other):
        raise RuntimeError("boom")

    __hash__ = None

    def __call__(self):
        raise RuntimeError("boom")


def test_an_object_without_a_row_gets_ipythons_own_help(ip):
    modern(ip)
    kernel.load_ipython_extension(ip)
    for obj in (Hostile(), Hostile, None, 3, "tanh", [1]):
        for hook in ip.inspector.mime_hooks.values():
            assert hook(obj) is None


def inspected(ip, obj, detail_level=0):
    ip.user_ns["thing"] = obj
    return ip.object_inspect_mime("thing", detail_level)


def test_help_shows_the_card_and_two_question_marks_add_the_row(ip):
    torch = pytest.importorskip("torch")
    kernel.load_ipython_extension(ip)
    short, long = inspected(ip, torch.tanh), inspected(ip, torch.tanh, 1)
    row = ad.table.ROWS["tanh"]
    assert short["text/markdown"] == help_bundle(torch.tanh)["text/markdown"]
    assert "tanh (pointwise)" in short["text/plain"] and "Docstring" in short["text/plain"]
    assert row.source() not in short["text/markdown"]
    assert row.source() in long["text/markdown"]
    assert row.source().splitlines()[-1].strip() in long["text/plain"]


LOAD = """
import kernel
from IPython.core.interactiveshell import InteractiveShell
kernel.load_ipython_extension(InteractiveShell(ipython_dir={folder!r}))
"""


def test_importing_the_package_imports_nothing_heavy():
    names = "torch jax bokeh IPython ipykernel autodiff_lab masking_lab numpy"
    assert imported("import kernel", names) == []


def test_loading_the_extension_imports_no_lab_and_no_framework(tmp_path):
    """A kernel starts as fast as without it; the labs come with the first question."""
    names = "torch jax bokeh autodiff_lab masking_lab"
    assert imported(LOAD.format(folder=str(tmp_path)), names) == []


def imported(code, names):
    """Which of the modules a fresh Python has after it ran the code."""
    code += f"\nimport sys\nprint([m for m in {names.split()} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(found.stdout.splitlines()[-1])
