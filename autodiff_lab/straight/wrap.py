"""Lines of at most a hundred columns."""

import textwrap

WIDTH = 100


def wrapped(line, indent="    "):
    """An indented line, broken after commas where it is too long; its comment stays in front."""
    text, mark, comment = line.partition("  # ")
    if len(indent + line) <= WIDTH:
        return indent + line
    broken = textwrap.fill(
        text.rstrip(), WIDTH, initial_indent=indent, subsequent_indent=indent + "        ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return f"{indent}# {comment}\n{broken}" if mark else broken


def words(text, most=60):
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."
