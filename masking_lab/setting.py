"""A context variable that holds a value for a while."""

import contextlib


@contextlib.contextmanager
def setting(variable, value):
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
