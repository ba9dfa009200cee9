"""Questions in a cell: what is caught, what stays IPython's, and what happens when things break."""

import threading

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import kernel
from kernel.ask import build, catch, index, roads
from tests.kernel.shells import bare


@pytest.fixture
def ip(tmp_path):
    """A shell with the extension; `ip.shown` is what its pager was given."""
    pager = lambda self, data, start=0, screen_lines=0: self.shown.append(data)  # noqa: E731
    with bare(tmp_path) as started:
        started.shown = []
        started.set_hook("show_in_pager", pager, 1)
        InteractiveShell._instance, before = started, InteractiveShell._instance
        kernel.load_ipython_extension(started)
        yield started
        InteractiveShell._instance = before


@pytest.fixture
def told(monkeypatch):
    """The questions that reach us, without an index: each is answered with itself."""
    heard = []

    def answered(question):
        heard.append(question)
        return {"text/plain": question, "text/markdown": question}

    monkeypatch.setattr(catch, "bundle", answered)
    monkeypatch.setattr(catch, "_for_unknown", lambda ip, meth, name: None)
    return heard


# ----- what is caught -----
@pytest.mark.parametrize(
    "cell, questions",
    [
        ("?average only over the valid tokens", ["average only over the valid tokens"]),
        ("?  numpy to torch ?", ["numpy to torch"]),
        ("how do I sum over rows?", ["how do I sum over rows"]),
        ("?(A,B),(B,C)->(A,C)", ["(A,B),(B,C)->(A,C)"]),
        ("?why isn't it \"working\" {x} $y %z", ["why isn't it \"working\" {x} $y %z"]),
        ("y = 2\n?first one\ny += 1\n?don't stop\ny += 1", ["first one", "don't stop"]),
        ("for y in (2,):\n    ?how do I indent\n    y", ["how do I indent"]),
    ],
)  # fmt: skip
def test_a_question_in_words_is_caught_and_the_cell_goes_on(ip, told, cell, questions):
    assert ip.run_cell(cell).success
    assert told == questions and [d["text/plain"] for d in ip.shown] == questions
    assert ip.user_ns.get("y", 2) == (4 if "+=" in cell else 2)


@pytest.mark.parametrize(
    "cell",
    [
        "s = '''\n?how do I sum\n'''",
        's = """a\n?how do I sum\n"""',
        "s = ['?how do I sum', 'is it so?']",
        "# ?how do I sum\ns = 1",
        "%%capture s\n'?how do I sum'",
        "s = 1  # is this a question?",
    ],
)
def test_text_that_only_looks_like_a_question_is_left_alone(ip, told, cell):
    assert ip.run_cell(cell).success and not told and not ip.shown


def test_strings_keep_every_letter(ip, told):
    ip.run_cell("s = '''\n?how do I sum\n'''")
    assert ip.user_ns["s"] == "\n?how do I sum\n"


@pytest.mark.parametrize("cell", ["x?", "?x", "x??", "??x", "?x.real", "x.real?", "?x.*al", "?"])
def test_ipythons_own_question_marks_are_as_before(ip, told, cell):
    ip.user_ns["x"] = 3
    transform = ip.input_transformer_manager.transform_cell
    ours = transform(cell)
    kernel.unload_ipython_extension(ip)
    assert transform(cell) == ours
    kernel.load_ipython_extension(ip)
    ip.run_cell(cell)
    assert not told and len(ip.shown) == 1


def test_a_question_after_lines_that_are_no_python_is_caught():
    lines = catch.transform(["!echo don't\n", "%time x('\n", "?after a magic\n"])
    assert lines[2] == "get_ipython().run_line_magic('ask', 'after a magic')\n"


def test_a_cell_without_a_question_is_the_same_list():
    lines = ["x = 1\n", "y = 2\n"]
    assert catch.transform(lines) is lines


# ----- with the index -----
def test_an_answer_has_both_forms_and_leaves_no_output(ip, capsys):
    pytest.importorskip("bm25s")
    catch.bundle("running total")  # builds the index, and says so
    capsys.readouterr()
    assert ip.run_cell("?running total").result is None
    (shown,) = ip.shown
    assert set(shown) == {"text/plain", "text/markdown"}
    assert "cumsum" in shown["text/plain"] and "1. `" in shown["text/markdown"]
    assert capsys.readouterr().out == ""


def test_a_name_python_does_not_know_is_looked_up_here(ip, capsys):
    pytest.importorskip("bm25s")
    for cell in ("?sofmax", "sofmax?", "torch.sofmax?"):
        ip.run_cell(cell)
        assert "softmax" in ip.shown.pop()["text/plain"]
    assert "not found" not in capsys.readouterr().out
    ip.run_cell("?zzzqqqxxx")
    assert not ip.shown and "Object `zzzqqqxxx` not found" in capsys.readouterr().out


def test_what_is_not_known_is_said_so(ip):
    pytest.importorskip("bm25s")
    ip.run_cell("?what is the best pizza in town")
    assert "I do not know" in ip.shown[0]["text/plain"]
    ip.run_cell("?(A,B->C")
    assert "each shape in brackets" in ip.shown[1]["text/plain"]


HARD = [" ", "\\", "`" * 9, "a" * 10_000, "\x00 \x01", "é à ü 漢字 question", "?" * 50, "%s %d {0}",
        "$x^2$ | a | b", "<script>alert(1)</script> to numpy", "(" * 100 + "->" + ")" * 100,
        "(A" + ",A" * 500 + ")->(A)", "(A),(B),(C),(D),(E),(F),(G),(H)->(A)",
        "from to", "to to to"]  # fmt: skip


@pytest.mark.parametrize("question", HARD)
def test_no_question_raises(monkeypatch, question):
    from kernel.ask.shapes import Shapes

    pytest.importorskip("bm25s")
    roads.ranker()
    monkeypatch.setitem(roads._LOADED, "shapes", Shapes({"(A)->(A)": [("torch.exp", "x", "exp")]}))
    shown = catch.bundle(question)
    assert shown["text/plain"] and "could not be answered" not in shown["text/plain"]


# ----- when things break -----
@pytest.fixture
def empty(monkeypatch, tmp_path):
    """No index yet, on disk or in memory."""
    monkeypatch.setenv("TAPESTRY_CACHE", str(tmp_path / "new" / "folder"))
    monkeypatch.setattr(roads, "_LOADED", {})
    return tmp_path / "new" / "folder"


def test_without_bm25s_one_sentence_says_what_to_do(ip, empty, monkeypatch):
    monkeypatch.setattr(index.importlib.util, "find_spec", lambda name: None)
    ip.run_cell("?running total")
    assert "%pip install bm25s" in ip.shown[0]["text/plain"]
    ip.run_cell("?zzzqqqxxx")  # IPython's own sentence, and no exception
    assert len(ip.shown) == 1


def test_a_worker_that_fails_is_told_in_one_sentence(empty, monkeypatch):
    monkeypatch.setattr(index.sys, "executable", "no-such-python")
    assert "could not" in catch.bundle("running total")["text/plain"]
    monkeypatch.undo()


def test_an_interrupt_stops_the_worker_and_leaves_no_half_index(empty, monkeypatch):
    monkeypatch.setenv("TAPESTRY_CACHE", str(empty))

    def interrupt(share, words):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.arrays("words", interrupt)
    assert not list(empty.glob("*"))


def test_a_damaged_index_is_built_anew(empty, monkeypatch):
    path = index.folder() / f"words-{index.state('words')}.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half an ind")
    whole = {"a": np.ones(1)}
    monkeypatch.setattr(index, "build", lambda kind, to, progress: build.write(to, whole))
    assert list(index.arrays("words")) == ["a"]


def test_two_kernels_may_build_at_once(tmp_path):
    path = tmp_path / "index.npz"
    arrays = {"a": np.arange(10_000)}
    workers = [threading.Thread(target=build.write, args=(path, arrays)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [p.name for p in tmp_path.iterdir()] == ["index.npz"]
    assert (np.load(path)["a"] == arrays["a"]).all()


def test_another_version_is_another_index(monkeypatch):
    before = index.state("words")
    monkeypatch.setattr(index, "_version", lambda name: "9.9")
    index.state.cache_clear()
    assert index.state("words") != before
    index.state.cache_clear()


def test_progress_is_told_while_an_index_is_built(empty):
    pytest.importorskip("bm25s")
    heard = []
    held = index.arrays("words", lambda share, words: heard.append(share))
    assert heard == sorted(heard) and heard[-1] == 1.0 and len(held["terms"]) > 1000
    assert len(list(empty.glob("*"))) == 1


def test_where_the_cache_cannot_be_written_a_temporary_folder_serves(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder can be made below a file")
    monkeypatch.setenv("TAPESTRY_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(index.tempfile, "gettempdir", lambda: str(tmp_path))
    built = []

    def making(kind, to, progress):
        built.append(to)
        build.write(to, {"a": np.ones(1)})

    monkeypatch.setattr(index, "build", making)
    assert list(index.arrays("words")) == list(index.arrays("words")) == ["a"]
    assert len(built) == 1 and index.spare_folder() == built[0].parent


@pytest.mark.parametrize("held", [b"", b"PK\x03\x04half", b"x" * 1000])
def test_whatever_is_in_a_damaged_file(empty, monkeypatch, held):
    path = index.folder() / f"words-{index.state('words')}.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(held)
    whole = {"a": np.ones(1)}
    monkeypatch.setattr(index, "build", lambda kind, to, progress: build.write(to, whole))
    assert list(index.arrays("words")) == ["a"]
