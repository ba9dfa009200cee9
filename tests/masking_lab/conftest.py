"""What several files of tests here look at."""

import weakref

import pytest

from masking_lab.strategies import lazy


@pytest.fixture
def groups(monkeypatch):
    """The sizes of the groups that `lazy` and `fold` have run, in order."""
    found, run = [], lazy.execute

    def counted(verbs, group, readers):
        found.append(len(group))
        return run(verbs, group, readers)

    monkeypatch.setattr(lazy, "execute", counted)
    return found


@pytest.fixture
def runs(monkeypatch):
    """The functions that are lines, each time that one is called. There are none before."""
    from masking_lab.lifting import straight

    seen, call = [], straight.Line.__call__

    def counted(line, f, args, flat):
        found = call(line, f, args, flat)
        if line.run:
            seen.append(f)
        return found

    monkeypatch.setattr(straight, "_lines", weakref.WeakKeyDictionary())
    monkeypatch.setattr(straight.Line, "__call__", counted)
    return seen
