"""Cells with something wrong in them: one sentence where it is a slip, and nothing left behind."""

import re

import pytest

from tests.kernel.shells import run, shell

CELL_MAGICS = ("%%both", "%%bench -r 3 -t 0.01", "%%gpu --cpu", "%%tape", "%%why_nan")
EACH = pytest.mark.parametrize("magic", CELL_MAGICS)


@pytest.fixture
def ip(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    with shell(tmp_path) as started:
        run(started, "import torch\nx = torch.tensor([0.5, 1.0])\ny = 1")
        yield started


WORDS = [
    ("%%bench -x 3\n1 + 1", "%%bench takes -r ROUNDS and -t SECONDS, and got '-x 3'"),
    ("%%bench -r 1\n1 + 1", "at least 3 rounds"),
    ("%%bench\n1 + 1\n1 + 1", "give the same ones names"),
    ("%%both 7\nx", "takes a name for its result or nothing, and got '7'"),
    ("%%tape 7\nx", "%%tape takes a name for the tape or nothing, and got '7'"),
    ("%%tape\n%time x", "and use no other magic in it"),
    ("%%gpu cuda\n1", "%%gpu takes torch, jax or --cpu, and got 'cuda'"),
    ("%why_nan nosuch", "the expression reads none by name (nosuch: not defined)"),
    ("%why_nan 1 +", "line 1 is not Python: invalid syntax: `1 +`"),
    ("%check", "%check takes an exercise and an answer"),
    ("%hint", "%hint takes an exercise"),
]


@pytest.mark.parametrize(("cell", "told"), WORDS)
def test_a_wrong_word_is_answered_in_one_sentence(ip, cell, told):
    _, printed = run(ip, cell, fails=True)
    assert printed.startswith("UsageError: ") and told in printed and printed.count("\n") == 1


TEXTS = [
    ("y = 2\nx +", "line 3 is not Python: invalid syntax: `x +`"),
    ("y = 2\nreturn x", "line 3 is not Python: 'return' outside function"),
    ("y = 2\nawait f(x)", "line 3 waits (`await f(x)`), and what runs under a magic cannot"),
    ("y = 2\nasync with x: pass", "line 3 waits (`async with x:`)"),
]


@EACH
@pytest.mark.parametrize(("text", "told"), TEXTS)
def test_what_cannot_run_is_refused_before_anything_ran(ip, magic, text, told):
    _, printed = run(ip, f"{magic}\n{text}", fails=True)
    assert printed.startswith("UsageError: ") and told in printed and printed.count("\n") == 1
    assert ip.user_ns["y"] == 1


@EACH
def test_waiting_inside_of_a_function_is_no_slip(ip, magic):
    run(ip, f"{magic}\nasync def f():\n    await g()\nx * 2")


@EACH
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ValueError('mine')"])
def test_an_exception_or_an_interrupt_passes_and_names_the_line(ip, magic, error):
    before = {n: ip.user_ns[n] for n in ("x", "y")}
    _, printed = run(ip, f"{magic}\nz = x * 2\nraise {error}", fails=True)
    assert f"----> 3 raise {error}" in re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert ("z" in ip.user_ns) == ("%%gpu" in magic), "%%gpu is the notebook's own cell"
    assert all(ip.user_ns[n] is value for n, value in before.items())
    assert run(ip, "float((x * 2).sum())")[0] == 3.0


@pytest.mark.parametrize("magic", ["%%bench", "%%tape", "%%why_nan"])
def test_a_cell_with_a_comment_only_is_refused(ip, magic):
    _, printed = run(ip, f"{magic}\n# nothing\n", fails=True)
    assert printed.startswith("UsageError: ") and printed.count("\n") == 1


def test_a_semicolon_keeps_a_value_from_being_shown(ip):
    assert run(ip, "%%gpu --cpu\nx * 2;")[0] is None
    assert run(ip, "%%gpu --cpu\nx * 2")[0] is not None
