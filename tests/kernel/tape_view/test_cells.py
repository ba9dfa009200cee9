"""`%%tape`, tapes that display themselves, and what `Out` keeps of them."""

import builtins
import gc
import re
import weakref

import pytest
from IPython.utils.capture import capture_output

import kernel
from tests.helpers import FRAMEWORKS, array
from tests.kernel.shells import shell

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


@pytest.fixture
def ip(tmp_path):
    with shell(tmp_path) as started:
        yield started


@pytest.fixture(params=FRAMEWORKS)
def notebook(ip, request, monkeypatch):
    """A notebook of either framework with an array `x`, and `xp`."""
    monkeypatch.delattr(builtins, "_", raising=False)  # where a doctest left one IPython binds none
    xp = pytest.importorskip("torch" if request.param == "torch" else "jax.numpy")
    ip.user_ns.update(xp=xp, x=array(request.param, [0.5, 1.0], "float32"))
    run(ip, "import autodiff_lab as ad")
    return ip


def run(ip, text):
    """Run a cell as a front end does; what it printed."""
    with capture_output(display=False) as shown:
        result = ip.run_cell(text, store_history=True)
    ip.last = result
    return shown.stdout


def numbers(value):
    return [round(float(v), 4) for v in value]


def test_the_tape_of_a_cell_is_drawn_and_its_variables_are_there(notebook):
    shown = run(notebook, "%%tape\nh = xp.tanh(x)\nloss = (h * h).sum()\nloss * 2")
    words = [re.split(r"\(|  +", line)[:2] for line in shown.splitlines()]
    assert [row[0] for row in words[3:]] == ["x", "h", "v2", "loss", "v4"]
    assert "Output: v4 = 1.587" in shown and "not computed" not in shown
    assert numbers(notebook.user_ns["h"]) == [0.4621, 0.7616]
    assert type(notebook.user_ns["h"]) is type(notebook.user_ns["x"])


def test_lines_are_counted_from_the_top_of_the_cell(notebook):
    run(notebook, "%%tape t\nh = xp.tanh(x)\n\ny = h * 2")
    assert [n.line for n in notebook.user_ns["t"].nodes] == [None, 2, 4]
    assert [n.code for n in notebook.user_ns["t"].nodes] == ["", "h = xp.tanh(x)", "y = h * 2"]


def test_a_cell_reads_containers_functions_and_what_it_assigns_first(notebook):
    run(notebook, "params = {'w': x, 'b': x * 2}\ndef act(v):\n    return xp.tanh(v)\nh = x")
    shown = run(notebook, "%%tape t\nh = act(x * params['w'])\ng = h + params['b']\nh = h * 2")
    tape = notebook.user_ns["t"]
    assert [n.name for n in tape.inputs] == ["x", "params['w']", "params['b']"]
    assert [n.op for n in tape.outputs] == ["add", "multiply"]  # g and h
    assert "not computed" in shown


def test_what_the_functions_of_the_notebook_read_is_an_input_too(notebook):
    run(notebook, "w = x * 3\ndef inner(v):\n    return v * w\ndef f(v):\n    return inner(v) + 1")
    run(notebook, "%%tape t\nf(x).sum()")
    assert [n.name for n in notebook.user_ns["t"].inputs] == ["x", "w"]
    assert numbers(notebook.user_ns["t"].nodes[1].adjoint) == [0.5, 1.0]
    assert numbers(notebook.user_ns["w"]) == [1.5, 3.0]


def test_after_an_error_every_name_has_its_value_again(notebook):
    x = notebook.user_ns["x"]
    run(notebook, "h = x")
    run(notebook, "%%tape\nh = xp.tanh(x)\nnew = h + 1\nraise KeyError('mine')")
    assert isinstance(notebook.last.error_in_exec, KeyError)
    assert notebook.user_ns["x"] is x and notebook.user_ns["h"] is x
    assert "new" not in notebook.user_ns


def test_a_mask_leak_of_a_cell_is_found_and_the_notebook_is_left_alone(notebook):
    run(notebook, "mask = x < 0.7\ndef mean(v):\n    return v.sum() / v.shape[0]")
    run(notebook, "%%tape t\nkept = xp.where(mask, x, xp.zeros_like(x))\nm = mean(kept)\nm * 2")
    before = dict(notebook.user_ns)
    shown = run(notebook, "show(t, padding={'x': [True, False]})")
    assert "counts the padding; with 3 places in place of 2 along dim 0 of x" in shown
    for n in ("x", "mask", "kept", "m", "mean"):
        assert notebook.user_ns[n] is before[n]


def test_a_cell_that_overwrites_its_input(notebook):
    run(notebook, "%%tape t\nx = x * 2\nx = x + 1")
    assert numbers(notebook.user_ns["x"]) == [2.0, 3.0]
    assert [n.op for n in notebook.user_ns["t"].nodes] == ["input", "multiply", "add"]


def test_a_function_that_a_cell_defines_can_be_called_later(notebook):
    run(notebook, "%%tape\ndef f(v):\n    return v * x\ny = f(x)")
    run(notebook, "z = f(x)")
    assert numbers(notebook.user_ns["z"]) == numbers(notebook.user_ns["y"]) == [0.25, 1.0]


def test_a_cell_without_arrays_is_refused_in_one_line(notebook, capsys):
    notebook.run_cell("n = 3")
    notebook.run_cell("%%tape\nn + 1")
    seen = capsys.readouterr()
    assert "%%tape found no array to begin from: the cell reads n" in seen.out + seen.err
    assert "Traceback" not in seen.out + seen.err


# ----- tapes display themselves -----
TAPE = "ad.record(lambda x: xp.tanh(x) * 2, x)"


def test_a_tape_on_the_last_line_is_drawn_in_every_form(notebook):
    run(notebook, f"tape = {TAPE}")
    bundle, _ = notebook.display_formatter.format(notebook.user_ns["tape"])
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert "tanh(x)" in run(notebook, "tape")


def test_a_sea_on_the_last_line_is_drawn_too(notebook):
    run(notebook, "def f(v):\n    return v * v")
    assert "floats" in run(notebook, "ad.sea(f)")


def test_out_keeps_the_picture_and_not_the_activations(notebook):
    run(notebook, TAPE)
    keys = [k for k in notebook.user_ns["_oh"]]
    shown = notebook.user_ns["_oh"][keys[-1]]
    assert "tanh(x)" in repr(shown) and notebook.user_ns["_"] is shown
    run(notebook, "_.nodes")
    assert "give the tape a name" in str(notebook.last.error_in_exec)


def test_no_value_of_a_shown_tape_survives_the_cell(notebook):
    kept = notebook.user_ns["kept"] = []
    notebook.user_ns["weakref"] = weakref
    run(notebook, f"tape = {TAPE}\nkept += [weakref.ref(n.value) for n in tape.nodes[1:]]\ntape")
    run(notebook, "del tape")
    run(notebook, "1")
    gc.collect()
    assert len(kept) == 2 and [v for v in kept if v() is not None] == []


def test_a_tape_with_a_name_stays_a_tape(notebook):
    run(notebook, f"tape = {TAPE}\ntape")
    assert len(run(notebook, "print(tape.nodes[1].op)")) and notebook.user_ns["tape"].nodes


def test_after_unloading_a_tape_is_an_object_like_any_other(notebook):
    run(notebook, f"tape = {TAPE}")
    kernel.unload_ipython_extension(notebook)
    assert run(notebook, "tape").splitlines()[-1].startswith("Out[")
    bundle, _ = notebook.display_formatter.format(notebook.user_ns["tape"])
    assert set(bundle) == {"text/plain"}
    assert "tape" not in notebook.magics_manager.magics["cell"]
