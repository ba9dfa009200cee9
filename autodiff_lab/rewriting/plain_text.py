"""Verbs for Python's own numbers: those that write operators and math, and those that compute."""

import math
from types import SimpleNamespace

from ..writing.expr import Library, Writer
from ..xp.torch_kinks import TorchKinks


class PlainText(TorchKinks, Writer):
    name = library = "math"
    array, in_place = object, True
    properties: frozenset = frozenset()
    views: frozenset = frozenset()
    submodules: frozenset = frozenset()
    some_float, bool_type = float, bool

    def __init__(self):
        self.lib = Library(self, math, "math")

    def __getattr__(self, name):
        return getattr(self.lib, name)

    def abstract(self, compute, args):
        return None

    def dtype_text(self, x):
        return None

    def where(self, c, a, b):
        if not isinstance(c, bool):
            raise AttributeError("plain Python has no where")
        return a if c else b

    def square(self, x):
        return x * x

    def rsqrt(self, x):
        return 1 / self.lib.sqrt(x)

    def astype(self, x, dtype):
        return x

    def is_complex(self, dtype):
        return False

    def times(self, x, number):
        return x * number


class PlainNumbers(TorchKinks):
    """The verbs on Python's own numbers, for partials that do not fit a line."""

    name, lib, abs = "math", SimpleNamespace(**vars(math), Tensor=()), staticmethod(abs)

    def __getattr__(self, name):
        return getattr(math, name)

    def log(self, x):
        return math.log(x) if x > 0 else math.nan  # asked for where it is not used, too

    def where(self, c, a, b):
        return a if c else b

    def is_complex(self, dtype):
        return False

    def slope_of_abs(self, x):
        return (x > 0) - (x < 0)

    def real(self, x):
        return x
