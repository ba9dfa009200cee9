"""Where a question is caught: `?how do I ...` in a cell, before IPython reads its own `?`.

IPython takes what follows a `?` for the name of an object. A line with words or shapes after its
`?` (or a `?` after its words) becomes a call of the magic `%ask`. A single name stays IPython's;
only where Python knows no such name are we asked, instead of "Object `sofmax` not found".
"""

import re
import sys
import tokenize

MAGIC = "ask"
SINGLE = re.compile(r"^\?{0,2}%{0,2}[\w.*\[\]'\"]*\s*\?{0,2}$")  # a name, a wildcard, `x[0]`
ASKED = re.compile(r"^\s*\?+\s*(?P<words>\S.*?)\s*$")
WORDS = re.compile(r"^(?P<words>[A-Za-z][\w'’,/.-]*( [\w'’,/.=()+*-]+){2,})\s*\?$")
INSIDE = ("multi-line", "triple-quoted", "EOF in")


def install(ip, undo):
    """The transformer, the magic, and the ear for names that Python does not know."""
    transforms = ip.input_transformer_manager.line_transforms  # cell magics are done, `?` is not
    transforms.append(transform)
    undo.callback(_remove, transforms, transform)
    ip.register_magic_function(_magic(ip), "line", MAGIC)
    undo.callback(ip.magics_manager.magics["line"].pop, MAGIC, None)
    _wrap_inspect(ip, undo)


def _remove(transformers, ours):
    if ours in transformers:
        transformers.remove(ours)


# ----- the text of a cell -----
def transform(lines):
    """The lines of a cell, with questions in words made calls of the magic."""
    if not any("?" in line for line in lines):
        return lines
    done: list = []
    for line in lines:
        question = asked(line)
        if question and not _inside(done):
            end = "\n" if line.endswith("\n") else ""
            indent = line[: len(line) - len(line.lstrip())]
            line = f"{indent}get_ipython().run_line_magic({MAGIC!r}, {question!r}){end}"
        done.append(line)
    return done


def asked(line):
    """The question in words or by shape that a line is, or None."""
    text = line.strip()
    if SINGLE.match(text):
        return None
    if found := ASKED.match(text):
        return found["words"].rstrip("?").rstrip() or None
    found = WORDS.match(text)
    return found["words"] if found and not _is_python(found["words"]) else None


def _is_python(text):
    try:
        compile(text, "<words>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _inside(lines):
    """Whether the next line stands inside a string or brackets that these lines have opened."""
    rest = iter([line for line in lines if not line.lstrip().startswith(("%", "!"))])
    try:
        for _ in tokenize.generate_tokens(lambda: next(rest, "")):
            pass
    except (tokenize.TokenError, SyntaxError) as error:
        return any(words in str(error) for words in INSIDE)
    return False


# ----- answering -----
def _magic(ip):
    from IPython.core.magic import no_var_expand

    @no_var_expand
    def ask(line):
        """`%ask how do I average only over the valid tokens`, the same as `?how do I ...`."""
        page(ip, bundle(line))

    return ask


def _wrap_inspect(ip, undo):
    """`?sofmax`: IPython looks a name up in one method, and says so if it finds nothing."""
    original = ip._inspect

    def inspect(meth, oname, *args, **kwargs):
        found = _for_unknown(ip, meth, oname)
        return page(ip, found) if found else original(meth, oname, *args, **kwargs)

    ip._inspect = inspect
    undo.callback(_unwrap, ip, inspect)


def _unwrap(ip, ours):
    if vars(ip).get("_inspect") is ours:
        del ip._inspect


def _for_unknown(ip, meth, name):
    """The answer for a name that neither Python nor IPython knows, or None."""
    try:
        if meth != "pinfo" or ip.object_inspect(name)["found"]:
            return None
        from . import rendering, roads

        found = roads.by_unknown_name(name, Progress())
        return found and rendering.bundle(found)
    except Exception:
        return None


def bundle(question):
    """The answer to a question in the forms of a front end. It never raises."""
    from . import rendering
    from .index import CannotBuild
    from .roads import answer

    try:
        return rendering.bundle(answer(question, Progress()))
    except CannotBuild as error:
        return {"text/plain": str(error), "text/markdown": str(error)}
    except Exception as error:
        told = f"This question could not be answered ({type(error).__name__}: {error})."
        return {"text/plain": told, "text/markdown": told}


def page(ip, data):
    """Show it as IPython shows help: in the front end's pager, and not as an output."""
    from IPython.core import page

    page.page(data)


class Progress:
    """One line that says how far the index is; nothing if there is none to build."""

    def __init__(self):
        self.shown = None

    def __call__(self, share, words):
        text = f"Tapestry reads what is installed, this once: {share:4.0%}, {words}"
        if "ipykernel" not in sys.modules:
            end = "\n" if share == 1 else ""
            print(f"\r{text:<100.100}", end=end, file=sys.stderr, flush=True)
            return
        from IPython.display import display

        data = {"text/plain": text}
        if self.shown is None:
            self.shown = display(data, raw=True, display_id=True)
        else:
            self.shown.update(data, raw=True)
