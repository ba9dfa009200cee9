"""`python -m tests.bench [WORD ...]`: the rows with one of the words in their name, or all."""

import argparse
import importlib.util
import sys
from pathlib import Path

from tests.bench import harness, machine, report

FOLDER = Path(__file__).resolve().parents[2] / ".bench"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=harness.__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    machine.limit_threads(args.threads)
    import tests.bench.rows  # after the limit, since they may import the frameworks
    import tests.bench.rows_ask
    import tests.bench.rows_checkpoint
    import tests.bench.rows_jacobians
    import tests.bench.rows_kernel
    import tests.bench.rows_leaderboard
    import tests.bench.rows_masking
    import tests.bench.rows_masking_jax
    import tests.bench.rows_peers
    import tests.bench.rows_program_counters
    import tests.bench.rows_sequences
    import tests.bench.rows_source
    import tests.bench.rows_stencils
    import tests.bench.rows_strategies
    import tests.bench.rows_taylor
    import tests.bench.rows_training
    import tests.bench.rows_view  # noqa: F401

    described = machine.describe(args.threads)
    print(report.machine_lines(described), report.HEAD, sep="\n\n")
    rows = [found for row in chosen(args.words) if (found := measured(row, args.rounds))]
    for path in report.store(FOLDER, described, rows):
        print(f"stored {path}")
    return int(report.failed(rows))


def chosen(words: list[str]) -> list[harness.Row]:
    rows = [row for row in harness.ROWS.values() if not words or any(w in row.name for w in words)]
    if not rows:
        sys.exit(f"no row has {' or '.join(words)} in its name: {', '.join(harness.ROWS)}.")
    return rows


def measured(row: harness.Row, rounds: int) -> dict | None:
    missing = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if missing:
        return print(f"{row.name}\n  left out: {', '.join(missing)} is not installed")
    found = harness.attempt(row, rounds)
    print(report.row_lines(found), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
