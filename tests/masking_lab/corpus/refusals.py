"""A strategy that says it does not apply must say the truth.

For each reason that is given the words of the refusal, and what must stand in the program for it to
be true. A reason that is not on the list is not taken on trust.
"""

import re

WRITES = r"\w\[[^\]]*\]\s*([-+*/]|//)?=(?!=)"  # x[i] = ..., x[i] += ...
WRITTEN = WRITES + r"|^\s*\w+ [-+*]= "  # or in place: total += v
DECIDES = r"\b(if|while|and|or|not|assert)\b|\b(min|max|abs|any|all|sorted|bool|int|float|range)\("

TRUE_WHERE = (
    (r"an entry is written to", WRITES),
    (r"the write at .* would be seen through", WRITTEN),
    (r"a computed value decides", DECIDES),
    (r"different dtypes", r"\[\]"),  # a list that stays empty sums to Python's 0
)


def is_true(words, text):
    """Does the program have what this reason for a refusal is about?"""
    return any(
        re.search(said, words) and re.search(needs, text, re.MULTILINE)
        for said, needs in TRUE_WHERE
    )
