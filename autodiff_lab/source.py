"""Where in the user's source are we? Frames of the libraries are passed over."""

import linecache
import os
import sys

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARY = ("torch", "jax", "jaxlib", "numpy", "autodiff_lab", "masking_lab")
MODELS = "/masking_lab/models/"  # they are read, and lifted, as the user's own code is


def is_library(file):
    """Is this file one of the frameworks' or of the labs'?"""
    if is_model(file):
        return False
    parts = file.replace("\\", "/").split("/")
    for packages in ("site-packages", "dist-packages"):
        if packages in parts:  # asked first: a virtual environment may lie in the checkout
            return parts[parts.index(packages) + 1] in LIBRARY
    if file.startswith(_OURS):
        return file[len(_OURS) + 1 :].split(os.sep, 1)[0] in ("autodiff_lab", "masking_lab")
    return file.startswith(("<frozen", "<__array"))  # cells, the REPL and `-c` are the user's


def is_model(file):
    """Is it one of the models that come with the labs?"""
    return MODELS in file.replace("\\", "/")


def locate(stop_file):
    """`((file, line), scope)` of the innermost user frame above this call.

    The scope is the names of the user's functions between the recorded function and the operation;
    the search ends at the frame of `stop_file` that runs the recording.
    """
    frame, where, names = sys._getframe(1), None, []
    while frame is not None:
        code = frame.f_code
        if code.co_filename == stop_file and code.co_name == "run":
            break
        if not is_library(code.co_filename):
            where = where or (code.co_filename, frame.f_lineno)
            names.append(code.co_name)
        frame = frame.f_back
    return where, tuple(reversed(names[:-1]))


def here():
    """The user's line in words, for an error: "line 12: `y = torch.foo(x)`"."""
    return words(locate("")[0])


def words(where):
    if where is None:
        return "an unknown line"
    return f"line {where[1]}: `{linecache.getline(*where).strip()}`"
