"""Source to source: programs with control flow, held against the frameworks' own gradients."""

import importlib

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import trees
from tests.autodiff_lab.programs import programs

NAMES = sorted(programs(np))
FRAMEWORKS = ("torch", "jax")


def library(framework):
    return importlib.import_module({"jax": "jax.numpy"}.get(framework, framework))


def arrays(framework, tree):
    """Numbers, and lists of numbers, as arrays; dictionaries, tuples and lists of them stay."""
    if isinstance(tree, dict):
        return {k: arrays(framework, v) for k, v in tree.items()}
    if isinstance(tree, tuple) or (isinstance(tree, list) and isinstance(tree[0], tuple)):
        return type(tree)(arrays(framework, v) for v in tree)
    lib = library(framework)
    return lib.tensor(tree) if framework == "torch" else lib.asarray(tree, dtype=lib.float32)


def expected(framework, f, args):
    """Value and gradient with respect to every argument, by the framework's own engine."""
    if framework == "jax":
        import jax

        return jax.value_and_grad(f, tuple(range(len(args))))(*args)
    import torch

    leaves, _, rebuild = trees.flatten(args)
    leaves = [x.detach().clone().requires_grad_() for x in leaves]
    y = f(*rebuild(leaves))
    grads = torch.autograd.grad(y, leaves, allow_unused=True)
    zeros = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, grads, strict=True)]
    return y.detach(), tuple(rebuild(zeros))


def agree(found, wanted, tolerance=2e-5):
    found, wanted = trees.leaves(found), trees.leaves(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and a.dtype == b.dtype
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def concrete(name, framework):
    """JAX's own engine cannot follow Python's branches on traced values."""
    return framework == "torch" or name not in BRANCHING


BRANCHING = {
    "nested_ifs", "early", "return_in_loop", "return_in_nested_loop", "bubble", "conditional",
    "conditional_in_loop", "dead_branch", "newton_with_break",
}  # fmt: skip


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_the_frameworks_own(framework, name):
    f, given = programs(library(framework))[name]
    args = [arrays(framework, x) for x in given]
    g = ad.transform(f, tuple(range(len(args))))
    if concrete(name, framework):
        agree(g(*args), expected(framework, f, args))
    else:
        torch_f, _ = programs(library("torch"))[name]
        wanted = expected("torch", torch_f, [arrays("torch", x) for x in given])
        values = [np.asarray(v) for v in trees.leaves(wanted)]
        for a, b in zip(trees.leaves(g(*args)), values, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=2e-5, atol=2e-5)
