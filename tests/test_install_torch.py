"""Never a silent 6 GB: which torch .ci/install_torch.py would fetch, without fetching it."""

import importlib.util

import pytest

CPU = ["filelock", "sympy>=1.13", "setuptools; python_version >= '3.12'"]
CUDA = [*CPU, "nvidia-cublas-cu12==12.4.5.8; platform_machine != 'riscv64'", "triton==3.2.0"]
ELSEWHERE = [*CPU, "nvidia-cublas-cu12 (==12.4.5.8) ; platform_machine == 'riscv64'"]


@pytest.fixture
def script(root, monkeypatch):
    """The script with a pip that only notes what it was asked for, on Linux without a GPU."""
    spec = importlib.util.spec_from_file_location("install_torch", root / ".ci/install_torch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.asked = []
    note = lambda *words: module.asked.append(" ".join(map(str, words))) or 0  # noqa: E731
    monkeypatch.setattr(module, "pip", note)
    monkeypatch.setattr(module.subprocess, "call", lambda words: note("uv:", *words[2:]))
    monkeypatch.setattr(module.platform, "system", lambda: "Linux")
    monkeypatch.setattr(module, "has_gpu", lambda: False)
    monkeypatch.setattr(module, "would_bring", lambda _: [])
    return module


@pytest.fixture
def asked(script, tmp_path):
    def ask(choice):
        assert script.install(choice, "2.13.0", tmp_path / "pins.txt") == 0
        return script.asked

    return ask


@pytest.mark.parametrize(
    "requires, found",
    [(CPU, []), (CUDA, ["nvidia-cublas-cu12", "triton"]), (ELSEWHERE, [])],
)
def test_cuda_packages_are_those_for_this_machine(script, requires, found):
    assert script.cuda_packages(requires) == found


def test_a_cpu_build_comes_from_pip(asked, tmp_path):
    assert asked("") == [f"install -c {tmp_path}/pins.txt torch==2.13.0"]


@pytest.mark.parametrize("would", [["nvidia-cublas-cu12"], None])
def test_where_pip_has_no_cpu_build_uv_is_asked_for_one(script, asked, monkeypatch, would):
    monkeypatch.setattr(script, "would_bring", lambda _: would)
    assert not any("torch==" in words for words in asked("") if not words.startswith("uv:"))
    assert "--torch-backend=cpu" in script.asked[-1] and "torch==2.13.0" in script.asked[-1]


def test_a_gpu_or_a_word_accepts_cuda(script, asked, monkeypatch, capsys):
    monkeypatch.setattr(script, "would_bring", lambda _: pytest.fail("nothing to ask"))
    assert len(asked("cuda")) == 1
    monkeypatch.setattr(script, "has_gpu", lambda: True)
    assert len(asked("")) == 2 and "several GB" in capsys.readouterr().out


def test_with_a_gpu_cpu_can_be_asked_for(script, asked, monkeypatch):
    monkeypatch.setattr(script, "has_gpu", lambda: True)
    monkeypatch.setattr(script, "would_bring", lambda _: ["triton"])
    assert "--torch-backend=cpu" in asked("cpu")[-1]


def test_other_words_go_to_pip(asked, tmp_path):
    words = asked("torch==2.13.0 --index-url 'some url'")
    assert words == [f"install -c {tmp_path}/pins.txt torch==2.13.0 --index-url some url"]


def test_another_version_than_the_pin_is_refused(script, monkeypatch):
    monkeypatch.setattr("sys.argv", ["install_torch.py"])
    monkeypatch.setenv("TORCH", "torch==2.6.0")
    monkeypatch.setattr(script, "installed", lambda: "2.6.0")
    with pytest.raises(SystemExit, match="gave torch 2.6.0 but constraints.txt pins"):
        script.main()


def test_nothing_is_done_when_the_pin_is_here(script, root, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["install_torch.py"])
    monkeypatch.setattr(script, "installed", lambda: script.pinned(root / "constraints.txt"))
    pytest.importorskip("torch")
    script.main()
    assert script.asked == [] and "is here already" in capsys.readouterr().out


def test_a_failure_says_how_to_go_on(script, monkeypatch):
    monkeypatch.setattr("sys.argv", ["install_torch.py"])
    monkeypatch.setattr(script, "installed", lambda: None)
    monkeypatch.setattr(script, "pip", lambda *_: 1)
    monkeypatch.setattr(script, "would_bring", lambda _: None)
    with pytest.raises(SystemExit, match=r"say TORCH=cuda .* or TORCH=\"torch=="):
        script.main()
