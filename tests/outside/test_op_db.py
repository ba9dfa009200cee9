"""PyTorch's own operator database: what becomes of each of its entries is listed, and stays so."""

import pytest

pytest.importorskip("torch")

from tests.outside import op_db  # noqa: E402

PARTS = 12  # the first is for every day, the others are slow
PARTS_OF_ALL = [pytest.param(i, marks=pytest.mark.slow if i else ()) for i in range(PARTS)]


def differences(dtype, part):
    """Entries whose outcome is not the listed one; on another PyTorch only what is wrong."""
    version, tables = op_db.listed()
    known = version == op_db.version()
    names = list(op_db.entries(op_db.DTYPES[dtype]))[part::PARTS]
    for name, found, why in op_db.outcomes(names, op_db.DTYPES[dtype]):
        expected, _ = tables[dtype].get(name, ("passed", ""))
        if found == "WRONG" or (known and found != expected):
            yield f"{name} was {expected}, and is {found} {why}"


@pytest.mark.parametrize("part", PARTS_OF_ALL)
@pytest.mark.parametrize("dtype", op_db.DTYPES)
def test_each_entry_is_as_listed(dtype, part):
    """vjp, jvp and second order. An entry that begins to pass is moved: write the list anew."""
    assert list(differences(dtype, part)) == []


def test_how_many_pass(capsys):
    _, tables = op_db.listed()
    with capsys.disabled():
        for dtype, table in tables.items():
            total = len(op_db.entries(op_db.DTYPES[dtype]))
            print(f"\noperator database, {dtype}: {total - len(table)} of {total} entries pass")
    assert len(op_db.entries()) - len(tables["float64"]) >= 300
    assert not [name for table in tables.values() for name, (found, _) in table.items()
                if found not in ("refused", "in part", "no oracle")]  # fmt: skip
