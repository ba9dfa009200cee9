"""The user's lines that a tape ran through, to stand beside the picture."""

import ast
import linecache
from collections import defaultdict
from os.path import basename

from .names import statements

MOST = 120  # lines of all files together
PYTHON = 60  # nodes of a tape that is written out as Python


def sources(tape):
    """`(title, ((number, text), ...))` for each file, and the numbers of the files by name.

    Names of cells change from run to run, so a picture holds the numbers.
    """
    used = defaultdict(set)
    for node in tape.nodes:
        for at in (node.where, *(getattr(call, "where", None) for call in node.scope or ())):
            if at:
                used[at[0]].add(at[1])
    return _texts(used)


def written(tape, files):
    """The lines of `to_source`, each with the place that it comes from."""
    from autodiff_lab import to_source

    if len(tape.nodes) > PYTHON:
        return ()
    try:
        text = to_source(tape)
    except Exception:  # an operation that is no line; and whatever it is, the picture stands
        return ()
    places = [at and at[0] in files and (files[at[0]], at[1]) or None for at in text.places]
    return tuple(zip(text.splitlines(), places, strict=True))


def of_lines(file, lines):
    """The same for some lines of one file."""
    return _texts({file: set(lines)})


def _texts(used):
    found, numbers, left = [], {}, MOST
    for file, lines in used.items():
        shown = _shown(file, lines)[:left]
        left -= len(shown)
        if shown:
            found.append((_title(file), tuple((k, _text(file, k)) for k in shown)))
            numbers[file] = len(numbers)
    return tuple(found), numbers


def _shown(file, lines):
    """The innermost functions around the lines, or the statements, if the file can be read."""
    text = linecache.getlines(file)
    try:
        tree = ast.parse("".join(text))
    except SyntaxError:
        return sorted(lines) if text else []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [(n.lineno, n.end_lineno) for n in ast.walk(tree) if isinstance(n, kinds)]
    found: set = set()
    for k in lines:
        around = [(stop - start, start, stop) for start, stop in functions if start <= k <= stop]
        statement = statements(file).get(k)
        if around:
            _, start, stop = min(around)
        else:
            start, stop = (statement.lineno, statement.end_lineno) if statement else (k, k)
        found |= set(range(start, stop + 1))
    return sorted(k for k in found if k <= len(text))


def _text(file, line):
    return linecache.getline(file, line).rstrip()[:100]


def _title(file):
    cell = "ipykernel" in file or "<ipython" in file
    return "cell" if cell else basename(file)
