"""The magics, through the shell: what a learner types, and what they see."""

import json
import os
import re
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.completer import provisionalcompleter
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook, new_output

import kernel
from kernel.cells import bench as clock
from kernel.cells import completion, gpu, record
from tests.helpers import FRAMEWORKS
from tests.kernel.shells import run, shell
from tests.kernel.test_views import forms

SETUP = {
    "torch": "import torch as xp\nx = xp.tensor([0.5, -1.0, 2.0])",
    "jax": "import jax.numpy as xp\nx = xp.array([0.5, -1.0, 2.0])",
}
BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


@pytest.fixture
def ip(tmp_path):
    with shell(tmp_path) as started:
        yield started


@pytest.fixture
def both(ip):
    """A shell with an array of torch."""
    for name in FRAMEWORKS:
        pytest.importorskip(name)
    run(ip, "import torch\nx = torch.tensor([0.5, -1.0, 2.0])")
    return ip


# ----- %%both -----
def test_both_agree_where_they_do(both):
    result, _ = run(both, "%%both\ny = xp.tanh(x)\nprint('here')\nxp.sum(y * 2)")
    assert result and result.alt == "torch and jax agree in all that the cell gives."
    assert [row[1] for row in result.rows()[1]] == ["printed", "y: float32[3]", "result: float32[]"]
    assert type(result.jax["y"]).__module__.startswith("jax")
    forms(result)


DIFFERENT = [
    ("xp.var(x)", "result: 2.25 on torch, 1.5 on jax"),
    ("a = xp.sum(x)\nb = a + (1 if xp.__name__ == 'torch' else 2)", "b: 2.5 on torch, 3.5 on jax"),
    ("x[:2] if xp.__name__ == 'torch' else x", "result: shape (2,) on torch, (3,) on jax"),
    ("{'a': [x, x * len(xp.__name__)]}", "result['a'][1] at [0]: 2.5 on torch, 4.5 on jax"),
    ("print(xp.__name__)", "printed: 'torch' on torch, 'jax.numpy' on jax"),
    ("xp.__name__", "result: 'torch' on torch, 'jax.numpy' on jax"),
    ("x[0] = 5.0\nx", "jax raises TypeError: "),
    ("if xp.__name__ == 'torch': q = 1.0", "q is there on torch only"),
]


@pytest.mark.parametrize(("cell", "told"), DIFFERENT)
def test_both_tells_the_first_difference(both, cell, told):
    result, _ = run(both, f"%%both\n{cell}")
    assert not result and told in result.alt
    first = [row for row in result.rows()[1] if row[-1].startswith("FIRST")]
    assert len(first) == 1 and told in first[0][-1]


def test_both_converts_what_functions_read_and_leaves_the_notebook_as_it_was(both):
    run(both, "w = torch.tensor([2.0, 2.0, 2.0])\ndef f(a): return xp.sum(a * w)")
    before = dict(both.user_ns)
    result, _ = run(both, "%%both\nx += 1\nz = 3\ndef g(a): return xp.exp(a)\nf(x)")
    assert result and result.torch["result"].item() == 9.0
    after = both.user_ns
    assert after["x"] is before["x"] and after["x"].tolist() == [0.5, -1.0, 2.0]
    assert "z" not in after and "xp" not in after and callable(after["g"])
    run(both, "%%both kept\ng(x)")
    assert both.user_ns["kept"].torch["result"].shape == (3,)


def test_a_name_that_only_one_framework_has_comes_with_the_others_name(both):
    result, _ = run(both, "%%both\nxp.array([1.0])")
    assert "torch raises AttributeError" in result.alt and "on both it is xp.asarray" in result.alt
    assert "(line 2)" in result.alt
    result, _ = run(both, "%%both\nxp.concat([x, x], dim=0)")
    assert "jax raises TypeError" in result.alt


def test_an_error_on_both_sides_is_the_cells_error(both):
    _, printed = run(both, "%%both\nq = 1\nxp.sum(nowhere)", fails=True)
    assert "NameError" in printed and "----> 3 xp.sum(nowhere)" in plain(printed)
    assert "q" not in both.user_ns and "xp" not in both.user_ns


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ----- %why_nan -----
MADE = [
    ("%why_nan xp.log(x - 0.75).sum()", "log(v1): at [0] v1 is -0.25; line 1: xp.log(x - 0.75)"),
    ("%%why_nan\nh = x * 1000\nxp.exp(h) - xp.exp(h)", "the first infinity is made by"),
    ("%why_nan f(x)", "line 5: return xp.sqrt(x)"),
    ("%why_nan (xp.sqrt(x * 0) * 0).sum()", "No value is NaN, but the adjoint of v1 is"),
    ("%why_nan x / 0", "; but v1 = divide(x, 0) is infinite"),
    ("%why_nan xp.tanh(x)", "No NaN: 2 values looked at, all finite."),
    ("%why_nan xp.log(bad)", "The input bad holds NaN when it comes in"),
]


@BOTH
@pytest.mark.parametrize(("cell", "told"), MADE)
def test_why_nan_names_the_first_that_made_one(ip, framework, cell, told):
    run(ip, f"{SETUP[framework]}\nbad = x * float('nan')\ndef f(x):\n    return xp.sqrt(x)")
    result, _ = run(ip, cell)
    assert told in result.alt
    assert bool(result) is ("No NaN" in told or "infinite" in told)
    forms(result)


@BOTH
def test_why_nan_after_a_nan_asks_about_the_cell_before(ip, framework):
    run(ip, SETUP[framework])
    run(ip, "def loss(x):\n    y = xp.log(x)\n    return y.sum()")
    run(ip, "z = 2 * loss(x)")
    result, _ = run(ip, "%why_nan")
    assert "= log(x): at [1] x is -1; line 2: y = xp.log(x). 3 of 4 values" in result.alt
    assert [row[1] for row in result.rows()[1]] == ["-1", "nan"]


@BOTH
def test_why_nan_of_a_tape(ip, framework):
    run(ip, f"{SETUP[framework]}\nimport autodiff_lab as ad")
    run(ip, "tape = ad.record(lambda x: xp.log(x), x)")
    assert "made by v1 = log(x)" in run(ip, "%why_nan tape")[0].alt


def test_why_nan_refuses_in_a_sentence(ip):
    _, printed = run(ip, "%why_nan 1 + 1", fails=True)
    assert printed.startswith("UsageError: %why_nan follows arrays of torch or jax")


# ----- %%bench -----
@BOTH
def test_bench_tells_medians_ratios_and_who_is_wrong(ip, framework):
    run(ip, SETUP[framework])
    cell = "y = x * 2\nxp.tanh(y)  # tanh\nxp.tanh(y) * 1.0\nxp.sin(y)  # another"
    result, _ = run(ip, f"%%bench -r 5 -t 0.05\n{cell}")
    assert [t.name for t in result.times] == ["tanh", "xp.tanh(y) * 1.0", "another"]
    assert "y" not in ip.user_ns and 3 <= result.rounds <= 5
    low, middle, high = result.times[0].quartiles
    assert 0 < low <= middle <= high and result.times[0].ratio == (1, 1, 1)
    assert [bool(t.differs) for t in result.times] == [False, False, True]
    assert "another" in result.alt and "but its result differs" in repr(result)
    forms(result)


def test_times_are_taken_in_turn_and_compared_within_a_round():
    """On a clock that shows each call's price, and a machine that gets slower and slower."""
    now, load, order = [0.0], [1.0], []

    def costs(name, seconds):
        def call():
            order.append(name)
            now[0] += seconds * load[0]
            load[0] *= 1.01
            return 0.0

        return call

    calls = {"a": costs("a", 0.1), "b": costs("b", 0.3)}
    found = clock.timed(calls, rounds=8, seconds=1e9, clock=lambda: now[0])
    assert found.times[1].ratio[1] == pytest.approx(3.0, rel=0.02)
    assert order[-16:] == ["a", "b", "b", "a"] * 4
    assert found.times[1].quartiles[2] / found.times[1].quartiles[0] > 1.05
    assert "b 400 ms" not in found.alt and "times the time of a" in found.alt


def test_what_cannot_be_told_apart_is_said_to_be_so():
    times = [clock.Timed("a", 1.0, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
             clock.Timed("b", 1.0, (0.9, 1.1, 1.2), (0.95, 1.1, 1.2))]  # fmt: skip
    assert "b 1.1 s, not to be told apart from a" in clock.Bench(tuple(times), 9).alt


# ----- %%gpu -----
CELL = "%%gpu\nprint('warm')\ny = 6 * 7\ny"


def executed(notebook, folder):
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return notebook


def texts(cell):
    return [o.get("text") or o["data"]["text/plain"] for o in cell.outputs]


def test_a_gpu_cell_shows_its_record_where_there_is_no_accelerator(tmp_path, root, monkeypatch):
    """Through nbclient: recorded on a device that we make up, saved, and run again without it."""
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    setup = "%load_ext kernel\nimport kernel.cells.gpu as g\n"
    device = "g.accelerator = lambda names: 'NVIDIA Test'"
    no_device = "g.accelerator = lambda names: None"
    path = tmp_path / "lesson.ipynb"
    cells = [new_code_cell(setup + device), new_code_cell(CELL)]
    recorded = executed(new_notebook(cells=cells), tmp_path)
    assert re.match(r"Ran on NVIDIA Test, \d{4}-\d\d-\d\d", texts(recorded.cells[1])[0])
    assert texts(recorded.cells[1])[1:] == ["warm\n", "42"]
    recorded.cells[0].source = setup + no_device
    nbformat.write(recorded, path)
    again = executed(nbformat.read(path, 4), tmp_path)
    note, *rest = texts(again.cells[1])
    assert note.startswith("Recorded on NVIDIA Test, ") and note.endswith("Not set here: y.")
    assert "There is no accelerator here" in note and rest == ["warm\n", "42"]
    assert gpu.outputs_in(again.cells[1]) == again.cells[1].outputs  # it is a record again


def test_a_record_survives_clearing_in_the_metadata(ip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpu, "accelerator", lambda names: None)
    path, cell = tmp_path / "lesson.ipynb", new_code_cell(CELL)
    record_ = {"device": "NVIDIA Test", "date": "2026-11-21", "versions": {}}
    note = new_output("display_data", {}, metadata={"tapestry": {"recorded": record_}})
    cell.outputs = [note, new_output("stream", text="warm\n")]
    nbformat.write(new_notebook(cells=[new_code_cell("1"), cell]), path)
    assert "warm\n" in run(ip, CELL)[1]
    assert record.keep(path) == 1
    kept = nbformat.read(path, 4)
    kept.cells[1].outputs = []
    nbformat.write(kept, path)
    assert "Recorded on NVIDIA Test, 2026-11-21." in run(ip, CELL)[1]
    kept.cells[1].metadata = {}
    nbformat.write(kept, path)
    assert run(ip, CELL) == (None, f"{gpu.NOTHING}\n")
    assert run(ip, CELL.replace("6", "5"))[1] == f"{gpu.NOTHING}\n"


def test_a_failed_run_or_one_on_the_cpu_is_no_record():
    made = {"recorded": {"device": "A", "date": "", "versions": {}}}
    note = {"output_type": "display_data", "data": {}, "metadata": {"tapestry": made}}
    error = {"output_type": "error"}
    assert gpu.outputs_in({"outputs": [note]}) == [note]
    assert gpu.outputs_in({"outputs": [note, error]}) is None
    on_cpu = json.loads(json.dumps(note).replace('"A"', '"CPU"'))
    assert gpu.outputs_in({"outputs": [on_cpu]}) is None
    assert gpu.outputs_in({"outputs": [error]}) is None


def test_an_accelerator_counts_if_all_that_are_meant_see_it(monkeypatch):
    monkeypatch.setattr(gpu, "_of_torch", lambda: "H200")
    monkeypatch.setattr(gpu, "_of_jax", lambda: None)
    assert gpu.accelerator(["torch"]) == "H200"
    assert gpu.accelerator(["torch", "jax"]) is None and gpu.accelerator([]) is None
    assert gpu._meant("import jax.numpy as jnp") == ["jax"]


def test_what_the_frameworks_say_of_their_devices_is_believed(monkeypatch):
    """By devices that we make up: one of each kind, and a driver that is broken."""
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA Test")
    assert gpu.accelerator(["torch"]) == "NVIDIA Test"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert gpu.accelerator(["torch"]) == "mps"
    tpu = SimpleNamespace(platform="tpu", device_kind="TPU v4")
    monkeypatch.setattr(jax, "devices", lambda: [tpu])
    assert gpu.accelerator(["jax"]) == "TPU v4"

    def no_driver():
        raise RuntimeError("CUDA driver is too old")

    monkeypatch.setattr(jax, "devices", no_driver)
    assert gpu.accelerator(["jax"]) is None


def test_a_cell_that_fails_on_the_device_shows_its_error(ip, monkeypatch):
    monkeypatch.setattr(gpu, "accelerator", lambda names: "NVIDIA Test")
    told = run(ip, "%%gpu\nprint('warm')\nraise RuntimeError('out of memory')", fails=True)[1]
    assert "Ran on NVIDIA Test, 2" in told and "warm" in told and "out of memory" in told


def test_on_the_cpu_if_asked(ip):
    result, _ = run(ip, "%%gpu --cpu\nq = np.ones(2) if 'np' in globals() else 5\nq")
    assert result == 5 and ip.user_ns["q"] == 5


# ----- %check and %hint -----
class Registry:
    """What `course.exercises` is to the magics."""

    @staticmethod
    def names():
        return ["04.fan_out", "04.other"]

    @staticmethod
    def check(name, *answers):
        if name not in Registry.names():
            raise ValueError(f"there is no exercise {name}")
        return name, answers

    @staticmethod
    def hint(name):
        return f"hint for {name}"


@pytest.fixture
def exercises(ip, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "course.exercises", Registry)
    return ip


def test_check_and_hint_ask_the_registry(exercises):
    run(exercises, "def fan_out(x): return 1\nmine = 3")
    assert run(exercises, "%check 04.fan_out mine")[0] == ("04.fan_out", (3,))
    assert run(exercises, "%check 04.fan_out mine, mine + 1")[0] == ("04.fan_out", (3, 4))
    name, (answer,) = run(exercises, "%check 04.fan_out")[0]
    assert answer is exercises.user_ns["fan_out"]
    assert run(exercises, "%hint 04.fan_out")[0] == "hint for 04.fan_out"
    _, printed = run(exercises, "%check 09.none mine", fails=True)
    assert printed == "UsageError: there is no exercise 09.none\n"
    _, printed = run(exercises, "%check 09.none", fails=True)
    assert printed == "UsageError: there is no exercise 09.none\n"
    _, printed = run(exercises, "%check 04.other", fails=True)
    assert "looks for your answer under the name other" in printed
    for wrong in ("mine +", "yours"):
        _, printed = run(exercises, f"%check 04.fan_out {wrong}", fails=True)
        assert f"%check 04.fan_out cannot read the answer `{wrong}`: " in printed


def test_without_the_course_it_says_so(ip, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "course.exercises", None)
    _, printed = run(ip, "%hint 04.fan_out", fails=True)
    assert "not installed here" in printed


# ----- help, Tab, leaving -----
MAGICS = {"cell": ("both", "bench", "gpu", "why_nan"), "line": ("why_nan", "check", "hint")}


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in MAGICS.items() for n in names])
def test_each_magic_has_help(ip, kind, name):
    sign = {"cell": "%%", "line": "%"}[kind]
    text = ip.object_inspect_mime(f"{sign}{name}")["text/plain"]
    assert f"%{name}" in plain(text) and "Docstring" in plain(text)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%%bo", ["%%both"]),
        ("%%bench -", ["%%bench -r ", "%%bench -t "]),
        ("%%gpu to", ["%%gpu torch"]),
        ("%check 04.f", ["%check 04.fan_out"]),
        ("%hint 04.", ["%hint 04.fan_out", "%hint 04.other"]),
    ],
)
def test_tab_completes_names_and_options(exercises, line, offered):
    exercises.Completer.use_jedi = False
    with provisionalcompleter():  # the road of Jupyter's Tab
        found = list(exercises.Completer.completions(line, len(line)))
    assert [line[: c.start] + c.text for c in found] == offered


def test_other_peoples_magics_and_completers_come_back(tmp_path):
    with shell(tmp_path) as ip:
        kernel.unload_ipython_extension(ip)
        mine = lambda line: "mine"  # noqa: E731
        ip.register_magic_function(mine, "line", "check")
        completers = set(ip.strdispatchers["complete_command"].strs)
        kernel.load_ipython_extension(ip)
        assert ip.magics_manager.magics["line"]["check"] is not mine
        kernel.unload_ipython_extension(ip)
        assert ip.magics_manager.magics["line"]["check"] is mine
        assert set(ip.strdispatchers["complete_command"].strs) == completers
        assert not completers & set(completion.OPTIONS)
        assert "Cells" not in ip.magics_manager.registry
