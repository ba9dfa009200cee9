"""Whom does PyTorch ask what a call means? Before 2.7 tensors only, and no size: `zeros((n, 2))`.

Nor does any version ask the sizes of `w.expand(n, 2)` where `w` is a plain tensor. So lifted code
hands such calls over to lanes itself.
"""

import functools

from ..lane import Lane


@functools.cache
def asks_sizes():
    import torch

    class Size:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return True

    try:
        return torch.zeros((Size(),))
    except TypeError:
        return False


def answered(f, args, kwargs):
    """A call with lanes among its arguments of what is not lifted."""
    import torch

    owner = getattr(f, "__self__", None)
    if isinstance(owner, torch.Tensor):
        f, args = getattr(torch.Tensor, f.__name__), (owner, *args)
    elif asks_sizes() or f not in torch.overrides.get_testing_overrides():
        return f(*args, **kwargs)
    return Lane.__torch_function__(f, (), args, kwargs)
