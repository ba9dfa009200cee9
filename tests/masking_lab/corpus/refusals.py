"""A strategy that says it does not apply must say the truth.

For each reason that is given the words of the refusal, and what must stand in the program for it to
be true; and a line that is quoted must be the program's. A reason that is not on the list is not
taken on trust.
"""

import re

WRITES = r"\w\[[^\]]*\]\s*([-+*/]|//)?=(?!=)"  # x[i] = ..., x[i] += ...
WRITTEN = WRITES + r"|^\s*\w+ [-+*]= "  # or in place: total += v
DECIDES = r"\b(if|while|and|or|not|assert)\b|\b(min|max|abs|any|all|sorted|bool|int|float|range)\("

TRUE_WHERE = (
    (r"an entry is written to", WRITES),
    (r"the write at .* would be seen through", WRITTEN),
    (r"a (computed )?value decides|itself until a value says", DECIDES),
    (r"the assertion at .* values that nobody has", r"\bassert\b"),
    (r"goes on until something happens|trips that is not known", r"\b(for|while)\b"),
    (r"two ragged dims that do not match", r"\[[^\]]*:[^\]]*\]|\by\b"),
    (r"iteration over an array without dims", r"\b(for|max|min|sum)\b"),
    (r"Slice entries must be static", r"\[[^\]]*:"),
    (r"ZeroDivisionError", r"%|//"),  # vmap runs both sides of a branch
    (r"different dtypes", r"\[\]"),  # a list that stays empty sums to Python's 0
)


def is_true(words, text):
    """Does the program have what this reason for a refusal is about?"""
    quoted = [code for code in re.findall(r"line \d+: `([^`]+)`", words) if code not in text]
    return not quoted and any(
        re.search(said, words) and re.search(needs, text, re.MULTILINE)
        for said, needs in TRUE_WHERE
    )
