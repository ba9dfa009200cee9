"""Copy the course into a folder, and never over something the learner changed.

The folder remembers in `.tapestry.json` a hash of each file as we last offered it. A file whose
bytes still have that hash is ours to update; any other file is the learner's.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
MANIFEST = ".tapestry.json"


class CopyError(Exception):
    """The folder cannot be used: one sentence for the learner."""


def copy_course(target: str | Path, version: str, source: Path = HERE) -> dict[str, list[str]]:
    """Bring `target` up to date; return what happened to the files: added, updated, kept, same."""
    folder = Path(target).expanduser()
    check(folder, source)
    report: dict[str, list[str]] = {"added": [], "updated": [], "kept": [], "same": []}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        offered = read_manifest(folder)
        for name in shipped(source):
            for verb, at in offer(folder, name, (source / name).read_bytes(), offered):
                report[verb].append(at)
        manifest = {"version": version, "files": offered}
        write(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise CopyError(
            f"cannot write {error.filename or folder} ({error.strerror}): "
            "name another folder, or free this one."
        ) from error
    return report


def check(folder: Path, source: Path) -> None:
    if folder.resolve().is_relative_to(source):
        raise CopyError(f"{folder} holds the course's own files: name another folder to work in.")
    if folder.exists() and not folder.is_dir():
        raise CopyError(f"{folder} is a file: name a folder for the notebooks.")


def shipped(source: Path) -> list[str]:
    """The notebooks and what they need: everything but code, caches and hidden files."""
    paths = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    return sorted(p.as_posix() for p in paths if p.suffix not in (".py", ".pyc") and visible(p))


def visible(path: Path) -> bool:
    return not any(part.startswith((".", "__")) for part in path.parts)


def offer(
    folder: Path, name: str, new: bytes, offered: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Put `new` at `name` if that is ours to write, else beside it; remember that we offered it."""
    path, known = folder / name, offered.get(name)
    offered[name] = digest(new)
    if not os.path.lexists(path):
        write(path, new)
        yield "added", name
    elif (old := path.read_bytes()) == new:
        yield "same", name
    elif digest(old) == known:
        write(path, new)
        yield "updated", name
    else:
        yield "kept", name
        if known != digest(new):  # the learner has not seen this version yet
            beside = path.with_name(f"{path.stem}.new{path.suffix}").relative_to(folder)
            yield from offer(folder, beside.as_posix(), new, offered)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_manifest(folder: Path) -> dict[str, str]:
    """Without a readable manifest every file counts as the learner's, which loses nothing."""
    try:
        files = json.loads((folder / MANIFEST).read_text())["files"]
        return {str(name): str(hash) for name, hash in files.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write(path: Path, data: bytes) -> None:
    """All or nothing: a full disk must not leave half a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
