"""The public callables of what is installed, with the first sentence of their documentation.

This imports the frameworks, so it runs in a process of its own (`build`), never in the kernel.
"""

import importlib
import importlib.util
import inspect
import re
import warnings
from dataclasses import dataclass

from .homes import HOMES, home_of, side

REST = 700  # characters of a docstring, after its first sentence
HOSTS = {"", "builtins", "jaxlib", "ml_dtypes"} | {home.partition(".")[0] for home in HOMES}
SKIPPED_DOC = re.compile(r"^(LAX-backend|See :?\w*:?`?torch|In-place version of|Refer to|\.\. )")


@dataclass(frozen=True)
class Found:
    name: str  # the dotted name
    thing: object
    first: str  # the first sentence of its documentation
    rest: str


def harvest():
    """Everything public in `HOMES`: a list of `Found`, in the order of the homes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a deprecated name warns when it is touched
        found = list(_without_guests(found for home in HOMES for found in _in(home)))
        return found + magics()


def _without_guests(found):
    """What a module only imported for its own use is known by its first name."""
    first: dict = {}  # with the things themselves, so that no id is used twice
    for f in found:
        home = home_of(f.name)[0]
        host, _ = first.setdefault(id(f.thing), (home, f.thing))
        known = host == home or side(host) != side(home) or _lives_in(f.thing, home)
        if known or not (inspect.isclass(f.thing) or HOMES[home][1] < 1):
            yield f


def _lives_in(thing, home):
    return str(getattr(thing, "__module__", "")).startswith(home)


def magics():
    """What our own extension adds to IPython: `%%both` and the like, with what they say."""
    import kernel

    shell = _bare_shell()
    before = {kind: set(table) for kind, table in shell.magics_manager.magics.items()}
    kernel.load_ipython_extension(shell)
    after = shell.magics_manager.magics
    return [
        Found("%" * (1 + (kind == "cell")) + name, after[kind][name], *sentences(after[kind][name]))
        for kind in after
        for name in sorted(set(after[kind]) - before[kind])
    ]


def _bare_shell():
    """A shell that keeps no history."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


def _in(home):
    place = locate(home)
    if place is None:
        return
    is_class = inspect.isclass(place)
    for leaf in sorted(_public(place)):
        thing = _attribute(place, leaf)
        if is_class and (leaf not in vars(place) and _inherited(place, leaf)):
            continue
        if not is_class and (not callable(thing) or _from_elsewhere(thing, home)):
            continue
        if leaf.endswith("_ipython_extension"):
            continue
        first, rest = sentences(thing)
        yield Found(f"{home}.{leaf}", thing, first, rest)


def locate(dotted):
    """The module or class of a dotted name, or None where it is not installed."""
    words = dotted.split(".")
    if importlib.util.find_spec(words[0]) is None:
        return None
    for n in range(len(words), 0, -1):
        try:
            found = importlib.import_module(".".join(words[:n]))
            for word in words[n:]:
                found = getattr(found, word)
            return found
        except (ImportError, AttributeError):
            continue
    return None


def _public(place):
    listed = getattr(place, "__all__", None) if inspect.ismodule(place) else None
    # torch lists little of what it offers, so its listing only adds
    return {n for n in [*dir(place), *(listed or ())] if not n.startswith("_")}


def _attribute(place, leaf):
    try:
        return getattr(place, leaf)
    except Exception:  # a name that is announced and then refused
        return None


def _from_elsewhere(thing, home):
    """Helpers of the standard library, and typing's names, which modules drag along."""
    root = str(getattr(thing, "__module__", "") or "").partition(".")[0]
    return root not in {"", "builtins", "jaxlib", "ml_dtypes"} | {
        h.partition(".")[0] for h in HOMES
    }


def _inherited(cls, leaf):
    return any(leaf in vars(base) for base in (object, dict, type))


def sentences(thing):
    """The first sentence of the documentation, and what follows."""
    try:
        text = inspect.getdoc(thing) or ""
    except Exception:
        return "", ""
    parts = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text)]
    parts = [p for p in parts if p and not _is_signature(p) and not SKIPPED_DOC.match(p)]
    if not parts:
        return "", ""
    first, _, more = re.sub(r"(?<=[a-z)\]`])\.\s", ".\0", parts[0], count=1).partition("\0")
    return plain(first)[:300], plain(" ".join([more, *parts[1:]]))[:REST]


def _is_signature(text):
    return bool(re.match(r"^[\w.]+\(.*\)( ->.*)?( ?(::|\.\.).*)?$", text))


def plain(text):
    """Without the marks of reStructuredText."""
    text = re.sub(r":[\w:]+:`~?\.?([^`<]*)(<[^`]*>)?`", r"\1", text)
    text = re.sub(r"(^|\s)\.\. \w+::", " ", text)
    return re.sub(r"[`*]+", "", text).strip()
