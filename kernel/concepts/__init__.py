"""Cards for ideas rather than operations, in the words of somebody who does not know the name yet.

They stand in the Markdown files beside this page, to be read and edited as text:

    ## padding mask
    also: mask out padding, ignore the padding, valid positions
    torch: torch.nn.utils.rnn.pad_sequence          (dotted names, apart by spaces; `-` for none)
    jax: -
    ours: ml.batch ml.MaskedBatch                    (a long line goes on in the next, indented)
    rows: softmax where                              (rows of the table that have to do with it)
    lesson: 11 12                                    (the first is the one that teaches it)

    What it is, in two to five sentences.

        >>> an example, which the tests run

A card states no mathematics: for that it names rows.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

FILES = ("arrays", "derivatives", "training", "masking")
PROMPT = "    >>> "


@dataclass(frozen=True)
class Concept:
    name: str  # "padding mask"
    aliases: tuple[str, ...]  # other words for it, as people say them
    text: str  # a paragraph or two of Markdown
    example: str  # a doctest
    torch: tuple[str, ...]  # dotted names of PyTorch ...
    jax: tuple[str, ...]  # ... and JAX
    ours: tuple[str, ...]  # ad.grad, ml.batch, ...
    rows: tuple[str, ...]  # names of rows of the table
    lessons: tuple[int, ...]


@functools.cache
def concepts():
    """All concept cards, by name, in the order of the files."""
    folder = Path(__file__).parent
    found = [card for file in FILES for card in parse((folder / f"{file}.md").read_text("utf-8"))]
    return {card.name: card for card in found}


def parse(text):
    """The cards of a file. What stands before the first of them is for its readers."""
    return [_card(part) for part in re.split(r"^## ", text, flags=re.M)[1:]]


def _card(part):
    head, _, body = part.partition("\n\n")
    name, *lines = re.sub(r"\n +", " ", head).splitlines()
    fields = {k: v.strip() for k, _, v in (line.partition(":") for line in lines)}
    words, prompt, example = body.partition(PROMPT)
    return Concept(
        name=name.strip(),
        aliases=tuple(alias.strip() for alias in fields["also"].split(",")),
        text=words.strip(),
        example="\n".join(line[4:] for line in (prompt + example).splitlines()).strip(),
        lessons=tuple(map(int, _words(fields["lesson"]))),
        **{k: _words(fields[k]) for k in ("torch", "jax", "ours", "rows")},
    )


def _words(text):
    return tuple(word for word in text.split() if word != "-")
