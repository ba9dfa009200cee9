"""What several files of tests here look at."""

import pytest

from masking_lab.strategies import lazy


@pytest.fixture
def groups(monkeypatch):
    """The sizes of the groups that `lazy` and `fold` have run, in order."""
    found, run = [], lazy.execute

    def counted(verbs, group):
        found.append(len(group))
        return run(verbs, group)

    monkeypatch.setattr(lazy, "execute", counted)
    return found
