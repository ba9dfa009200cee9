"""Whose frame is it? Users' lines are told from the libraries', wherever the environment lies."""

import pytest

from autodiff_lab import source


@pytest.mark.parametrize(
    "file, library",
    [
        ("/lessons/model.py", False),
        ("/x/ipykernel_12/345.py", False),
        ("<ipython-input-3-abc>", False),
        ("<string>", False),
        ("<frozen importlib._bootstrap>", True),
        ("/lib/python3/dist-packages/torch/nn/functional.py", True),
        ("/lessons/.venv/lib/python3.11/site-packages/jax/_src/nn/functions.py", True),
        ("/lessons/.venv/lib/python3.11/site-packages/their_model/layers.py", False),
        (source.__file__, True),
        (__file__, False),
    ],
)
def test_library_or_user(file, library):
    assert source.is_library(file) == library


def test_an_environment_inside_the_checkout_is_still_a_library():
    """`make lab` puts it there: JAX's own functions must not be taken for the user's."""
    inside = f"{source._OURS}/.venv/lib/python3.11/site-packages/jax/_src/nn/functions.py"
    assert source.is_library(inside)
