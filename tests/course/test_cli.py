import json
import os

import pytest

from course import cli, copying


@pytest.fixture
def source(tmp_path):
    """A small course of our own, so that a test can publish a new version of it."""
    folder = tmp_path / "source"
    (folder / "data").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / ".ipynb_checkpoints").mkdir()
    files = ["index.ipynb", "tour.ipynb", "data/words.txt", "cli.py", "__pycache__/x.txt"]
    for name in [*files, ".ipynb_checkpoints/index.ipynb"]:
        (folder / name).write_text(f"{name} version 1")
    return folder


@pytest.fixture
def copy(source, tmp_path):
    return lambda: copying.copy_course(tmp_path / "work", "0.1.0", source)


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


ALL = ["data/words.txt", "index.ipynb", "tour.ipynb"]


def test_a_first_copy_brings_notebooks_and_data_but_no_code(copy, work):
    assert copy() == {"added": ALL, "updated": [], "kept": [], "same": []}
    found = sorted(p.relative_to(work).as_posix() for p in work.rglob("*") if p.is_file())
    assert found == [".tapestry.json", *ALL]


def test_a_second_copy_changes_nothing(copy):
    copy()
    assert copy()["same"] == ALL


def test_an_untouched_file_follows_the_new_version(copy, source, work):
    copy()
    (source / "tour.ipynb").write_text("version 2")
    assert copy()["updated"] == ["tour.ipynb"]
    assert (work / "tour.ipynb").read_text() == "version 2"


def test_a_changed_file_is_kept(copy, work):
    copy()
    (work / "tour.ipynb").write_text("my answers")
    assert copy()["kept"] == ["tour.ipynb"]
    assert (work / "tour.ipynb").read_text() == "my answers"
    assert not (work / "tour.new.ipynb").exists()


def test_a_changed_file_gets_the_new_version_beside_it_once(copy, source, work):
    copy()
    (work / "tour.ipynb").write_text("my answers")
    (source / "tour.ipynb").write_text("version 2")
    report = copy()
    assert (report["kept"], report["added"]) == (["tour.ipynb"], ["tour.new.ipynb"])
    assert (work / "tour.ipynb").read_text() == "my answers"
    assert (work / "tour.new.ipynb").read_text() == "version 2"
    (work / "tour.new.ipynb").unlink()
    assert copy()["added"] == []


def test_the_file_beside_is_the_learners_too_once_changed(copy, source, work):
    copy()
    (work / "tour.ipynb").write_text("my answers")
    (source / "tour.ipynb").write_text("version 2")
    copy()
    (work / "tour.new.ipynb").write_text("my other answers")
    (source / "tour.ipynb").write_text("version 3")
    copy()
    texts = {p.name: p.read_text() for p in work.glob("tour*")}
    assert texts == {
        "tour.ipynb": "my answers",
        "tour.new.ipynb": "my other answers",
        "tour.new.new.ipynb": "version 3",
    }


def test_a_deleted_file_comes_back(copy, work):
    copy()
    (work / "tour.ipynb").unlink()
    assert copy()["added"] == ["tour.ipynb"]


def test_a_file_that_was_there_before_us_is_the_learners(copy, work):
    work.mkdir()
    (work / "tour.ipynb").write_text("someone else's tour")
    assert copy()["kept"] == ["tour.ipynb"]
    assert (work / "tour.ipynb").read_text() == "someone else's tour"


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"files": 3}'])
def test_a_broken_manifest_loses_nothing(copy, source, work, text):
    copy()
    (work / ".tapestry.json").write_text(text)
    (work / "tour.ipynb").write_text("my answers")
    (source / "tour.ipynb").write_text("version 2")
    assert "tour.ipynb" in copy()["kept"]
    assert (work / "tour.ipynb").read_text() == "my answers"


def test_the_manifest_names_the_version(copy, work):
    copy()
    manifest = json.loads((work / ".tapestry.json").read_text())
    assert manifest["version"] == "0.1.0" and sorted(manifest["files"]) == ALL


def test_the_command_copies_the_real_course(tmp_path, capsys):
    assert cli.main(["course", str(tmp_path / "new" / "folder")]) == 0
    assert (tmp_path / "new" / "folder" / "index.ipynb").is_file()
    assert "index.ipynb" in capsys.readouterr().out


def test_a_file_in_place_of_the_folder(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert cli.main(["course", str(tmp_path / "taken")]) == 1
    assert "is a file: name a folder" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "some/file")

    monkeypatch.setattr(os, "replace", refuse)  # root may write anywhere: chmod would not do
    assert cli.main(["course", str(tmp_path / "work")]) == 1
    assert "cannot write some/file (Permission denied)" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert cli.main(["course", str(tmp_path / "taken" / "work")]) == 1
    assert "Not a directory" in capsys.readouterr().err


def test_the_courses_own_folder_is_refused(capsys):
    assert cli.main(["course", str(copying.HERE)]) == 1
    assert "name another folder" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["course"], ["lesson", "x"]])
def test_wrong_words_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2 and "usage: tapestry" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out.startswith("tapestry ")
