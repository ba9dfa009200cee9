"""What a picture in a page carries along: its script, its style, and its image as an address.

Nothing is loaded, so an output works offline, in Colab's frames and in exported pages alike; since
every picture carries all of it, comments and indentation are left out.
"""

import functools
from importlib.resources import files


@functools.cache
def script(root, package, *names):
    """Scripts that together say `start(root)`; it is called for each element of class `root`."""
    parts = [*(_asset(package, name) for name in names), _asset(__package__, "wake.js")]
    lines = (line.strip() for part in parts for line in part.replace("@ROOT@", root).splitlines())
    inside = "\n".join(line for line in lines if line and not line.startswith("//"))
    return f"(() => {{\n{inside}\n}})();"


def style(package, name, **values):
    """A style sheet, in which `@NAME@` stands for a value."""
    text = _asset(package, name)
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def address(text):
    """SVG as an address inside double quotes: only what would end or change either is encoded."""
    for sign, code in (("%", "%25"), ("#", "%23"), ('"', "%22"), ("&", "&amp;")):
        text = text.replace(sign, code)
    return text


@functools.cache
def _asset(package, name):
    return files(package).joinpath(name).read_text(encoding="utf-8")
