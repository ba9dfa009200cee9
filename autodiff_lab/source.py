"""Where in the user's source are we? Frames of the libraries are passed over.

A recording asks this for every operation, so what depends on the code alone is looked up once.
"""

import contextlib
import functools
import linecache
import os
import sys

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LABS = ("autodiff_lab", "masking_lab", "kernel")
LIBRARY = ("torch", "jax", "jaxlib", "numpy", *LABS)
MODELS = "/masking_lab/models/"  # they are read, and lifted, as the user's own code is


@functools.cache
def is_library(file):
    """Is this file one of the frameworks' or of the labs'?"""
    if is_model(file):
        return False
    parts = file.replace("\\", "/").split("/")
    for packages in ("site-packages", "dist-packages"):
        if packages in parts:  # asked first: a virtual environment may lie in the checkout
            return parts[parts.index(packages) + 1] in LIBRARY
    if file.startswith(_OURS):
        return file[len(_OURS) + 1 :].split(os.sep, 1)[0] in LABS
    return file.startswith(("<frozen", "<__array"))  # cells, the REPL and `-c` are the user's


def is_model(file):
    """Is it one of the models that come with the labs?"""
    return MODELS in file.replace("\\", "/")


def locate(stop_file):
    """`((file, line), scope)` of the innermost user frame above this call.

    The scope is what was called between the recorded function and the operation: the user's
    functions, modules, and what `WORDS` names. The search ends at the frame of `stop_file` that
    runs the recording.
    """
    frame, frames = sys._getframe(1), []  # pairs, as `path` reads them
    while frame is not None:
        code = frame.f_code
        if code.co_filename == stop_file and code.co_name == "run":
            break
        level = level_of(code.co_filename, code.co_name)
        if level == USER:
            frames.append((code.co_name, (code.co_filename, frame.f_lineno)))
        elif level is not None:
            frames.append(_SAID[level](frame) if level in _SAID else (level, 0))
        frame = frame.f_back
    return path(frames)


def path(frames):
    """The place and the scope, from pairs inside out: `(function, (file, line))`, `(word, serial)`.

    The outermost of the user's functions is the recorded one, which is no scope; nor is the
    `forward` that a module runs.
    """
    where, scope = None, []
    for k, (name, at) in enumerate(reversed(frames)):
        if type(at) is int:
            scope.append(called(name, where, at))
            continue
        if k and not (name == "forward" and scope and scope[-1].serial is not None):
            scope.append(called(name, where))
        where = at
    return where, tuple(scope)


class Call(str):
    """A name in a scope that knows `where` it was called: `(file, line)`, or None.

    What is no function of the user's, but a module or another level that a reader knows, has a
    `serial`: an int that tells calls of one line apart, where that is known, or 0.
    """

    where = serial = None


@functools.lru_cache(4096)
def called(name, where, serial=None):
    call = Call(name)
    call.where, call.serial = where, serial
    return call


# ----- which frames a reader wants to know of -----
USER, MODULE, CHECKPOINT = "the user's", "a module's", "checkpoint"
WORDS = {
    ("reverse.py", "walk"): "reverse walk",
    ("checkpointing/__init__.py", "checkpointed"): CHECKPOINT,
    ("torch/nn/modules/module.py", "_call_impl"): MODULE,
}


@functools.lru_cache(4096)
def level_of(file, function):
    """USER, MODULE, a word, or None for what a reader need not see."""
    if file == contextlib.__file__:  # what is raised inside a `with` passes through it
        return None
    if not is_library(file):
        return USER
    for (ending, name), word in WORDS.items():
        if function == name and file.replace("\\", "/").endswith(ending):
            return word
    return None


def _module(frame):
    """`0 Linear`: what the module that is running is called in the one that called it."""
    module = frame.f_locals["self"]
    around = getattr(frame.f_back.f_back.f_locals.get("self"), "_modules", {})
    names = [name for name, known in _with_lists(around) if known is module]
    return " ".join([*names[:1], type(module).__name__]), 0


def _with_lists(modules):
    """The modules by name, with those in a ModuleList or a ModuleDict among them."""
    for name, module in modules.items():
        yield name, module
        if type(module).__name__ in ("ModuleList", "ModuleDict"):
            yield from ((f"{name}.{key}", inner) for key, inner in module._modules.items())


def checkpoint(plan):
    """`checkpoint revolve, 100 steps, 4 snapshots`; a checkpointed function that keeps nothing is a
    `checkpoint`.
    """
    words = [plan.name] if plan.loops or plan.name != "none" else []
    words += ["until"] * (plan.until is not None) + [f"{plan.steps} steps"] * bool(plan.steps)
    words += [f"{plan.snapshots} snapshots"] * bool(plan.snapshots)
    return f"{CHECKPOINT} {', '.join(words)}".strip()


def _checkpointed(frame):
    return checkpoint(frame.f_locals["plan"]), frame.f_locals["serial"]


_SAID = {MODULE: _module, CHECKPOINT: _checkpointed}


# ----- in words, for errors -----
def here():
    """The user's line in words, for an error: "line 12: `y = torch.foo(x)`"."""
    return words(locate("")[0])


def words(where):
    if where is None:
        return "an unknown line"
    return f"line {where[1]}: `{linecache.getline(*where).strip()}`"
