"""`python -m tests.kernel.ask_quality [-v]`: how often a question in words is answered.

P@1: the first answer is accepted; hit@5: one of the first five is. Of the questions that have no
answer here, the share to which we say so. Both halves are reported; with -v the misses of the tuned
half are listed, and of no other: the untouched half stays a measurement.
"""

import sys
from pathlib import Path

from kernel.ask import roads
from kernel.ask.homes import long

FOLDER = Path(__file__).parent
HALVES = ("tuned", "untouched")
LATER = "later"  # questions that were added, and looked at, while tuning


def questions(half):
    """(question, the names that are accepted)"""
    for line in _lines(f"questions_{half}.txt"):
        question, _, names = line.partition(" | ")
        yield question, {long(name) for name in names.split()}


def off_topic():
    """The two halves of the questions that have no answer."""
    lines = _lines("questions_off_topic.txt")
    return {"tuned": lines[: len(lines) // 2], "untouched": lines[len(lines) // 2 :]}


def _lines(name):
    text = (FOLDER / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def hits(question, accepted):
    """For each of the five first answers, whether it is accepted; none if we say we do not know."""
    found = roads.answer(question)
    return [bool(accepted & set(e["names"])) for e in found.entries[:5]] if found.sure else []


def figures(half):
    """{"questions", "P@1", "hit@5", "said so"} of a half."""
    asked = [hits(*pair) for pair in questions(half)]
    nothing = [roads.answer(question).sure for question in off_topic().get(half, ())]
    return {
        "questions": len(asked),
        "P@1": sum(h[:1] == [True] for h in asked) / len(asked),
        "hit@5": sum(any(h) for h in asked) / len(asked),
        "said so": nothing.count(False) / len(nothing) if nothing else 1.0,
    }


def main(words):
    print(f"{'':12}{'questions':>10}{'P@1':>8}{'hit@5':>8}{'said so':>9}")
    for half in (*HALVES, LATER):
        f = figures(half)
        shares = f"{f['P@1']:8.3f}{f['hit@5']:8.3f}{f['said so']:9.2f}"
        print(f"{half:12}{f['questions']:10}{shares}")
    looked_at = [*questions("tuned"), *questions(LATER)] if "-v" in words else []
    for question, accepted in looked_at:
        if hits(question, accepted)[:1] != [True]:
            print(f"\n{question}")
            for entry in roads.answer(question).entries[:5]:
                print(f"    {entry['concept']:22}{' '.join(entry['names'][:4])}")


if __name__ == "__main__":
    main(sys.argv[1:])
