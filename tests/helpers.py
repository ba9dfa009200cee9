"""What every test needs: arrays of either framework, their gradients, a tolerance per dtype."""

import importlib.util

import numpy as np

FRAMEWORKS = ("torch", "jax")  # conftest skips one that is not installed, and says so
TOLERANCE = {"float64": 1e-9, "float32": 2e-5}

if importlib.util.find_spec("jax"):
    import jax

    jax.config.update("jax_enable_x64", True)


def module(name):
    """`torch` or `jax.numpy`."""
    return importlib.import_module({"torch": "torch", "jax": "jax.numpy"}[name])


def array(name, value, dtype=None):
    value = np.asarray(value, dtype=dtype)
    if name == "torch":
        import torch

        return torch.tensor(value)
    import jax.numpy as jnp

    return jnp.asarray(value)


def sample(row, rng, shape):
    """An input for the row: numbers in its domain, or the kind of matrix that it names."""
    if not isinstance(row.domain, str):
        return rng.uniform(*row.domain, shape)
    if row.domain == "integers":
        return rng.integers(0, 5, shape)
    x = rng.uniform(-1.0, 1.0, shape)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return x
    eye = np.eye(shape[-1])
    turned = np.swapaxes(x, -1, -2)
    kinds = {
        "definite": lambda: x @ turned + eye,
        "symmetric": lambda: (x + turned) / 2 + np.diag(np.arange(float(shape[-1]))),
        "regular": lambda: x + 3.0 * eye,
    }
    return kinds[row.domain]()


def to_numpy(x):
    return x.detach().resolve_conj().numpy() if hasattr(x, "detach") else np.asarray(x)


def native_grad(f, argnums, create_graph=False):
    """The framework's own gradient: the oracle."""

    def gradient(*xs):
        if any(hasattr(x, "detach") for x in xs):
            return _torch_grad(f, argnums, xs, create_graph)
        import jax

        return jax.grad(f, argnums)(*xs)

    return gradient


def _torch_grad(f, argnums, xs, create_graph):
    import torch

    leaf = [x.detach() if hasattr(x, "detach") and not x.requires_grad else x for x in xs]
    for i in argnums:
        leaf[i] = leaf[i] if leaf[i].requires_grad else leaf[i].clone().requires_grad_()
    y = f(*leaf)
    picked = [leaf[i] for i in argnums]
    if not y.requires_grad:
        return [torch.zeros_like(x) for x in picked]
    found = torch.autograd.grad(y, picked, create_graph=create_graph, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(picked, found, strict=True)]


def allclose(ours, theirs, dtype):
    tolerance = TOLERANCE[dtype]
    a, b = to_numpy(ours), to_numpy(theirs)
    assert a.shape == b.shape, f"shape {a.shape} instead of {b.shape}"
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
