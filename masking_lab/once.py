"""What is found out about lengths is found out once.

A loop asks for the same mask, or for the shortest length, at every step. On PyTorch the answer is
kept for the array that it was asked of, as it is: an array that is written into is asked again.
JAX's arrays are asked each time, since under tracing nothing may be kept.
"""

import functools
import sys
import weakref

MANY = 64  # answers that are kept per question


def once(question):
    """`question(lengths, *more)`, answered once for each array."""
    answers: dict = {}

    @functools.wraps(question)
    def asked(lengths, *more):
        torch = sys.modules.get("torch")
        if torch is None or type(lengths) is not torch.Tensor or inside_vmap():
            return question(lengths, *more)
        key = id(lengths), lengths._version, more
        found = answers.get(key)
        if found is None:
            if len(answers) >= MANY:
                answers.clear()
            found = answers[key] = lengths, question(lengths, *more)  # while it is kept, so is id
        return found[1]

    return asked


class Remembered:
    """What is known about things, by identity, as long as they live. (Two pieces of code are equal
    where their text is: a `WeakKeyDictionary` takes one for the other, and forgets both.)"""

    def __init__(self):
        self._found = {}

    def add(self, x, known=True):
        key = id(x)
        self._found[key] = weakref.ref(x, lambda ref: self._forget(key, ref)), known

    def get(self, x, otherwise=None):
        ref, known = self._found.get(id(x), (None, None))
        return known if ref is not None and ref() is x else otherwise

    def __contains__(self, x):
        return self.get(x) is not None

    def __bool__(self):
        return bool(self._found)

    def _forget(self, key, ref):
        if self._found.get(key, (None,))[0] is ref:
            del self._found[key]


def inside_vmap():
    """Inside PyTorch's vmap and its like an array means something else at each level."""
    return sys.modules["torch"]._C._functorch.peek_interpreter_stack() is not None
