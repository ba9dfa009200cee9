"""The figures themselves. Frameworks are imported where a row is built: either may be absent."""

import numpy as np

from tests.bench import models
from tests.bench.harness import bench

OPS, WIDTH = 1000, 10
BATCH, PIXELS, HIDDEN, CLASSES = 128, 784, 256, 10
OURS, LINE = "autodiff_lab", "ad.compile"


def chain(tanh):
    """1,000 operations on ten numbers: all overhead, no work."""

    def f(x):
        for _ in range(OPS // 2):
            x = tanh(x * 1.01)
        return x.sum()

    return f, np.linspace(0.1, 1, WIDTH, dtype=np.float32)


def mlp(xp, array):
    """784-256-10 on a batch of 128, cross entropy: mostly matrix products."""
    random = np.random.default_rng(0)
    normal = lambda *shape: random.normal(size=shape).astype(np.float32)  # noqa: E731
    params = {
        "w1": normal(PIXELS, HIDDEN) / PIXELS**0.5,
        "b1": normal(HIDDEN),
        "w2": normal(HIDDEN, CLASSES) / HIDDEN**0.5,
        "b2": normal(CLASSES),
    }
    x = array(normal(BATCH, PIXELS))
    labels = array(np.eye(CLASSES, dtype=np.float32)[random.integers(CLASSES, size=BATCH)])

    def loss(p):
        z = xp.tanh(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]
        return (xp.log(xp.exp(z).sum(-1)) - (z * labels).sum(-1)).mean()

    return loss, {name: array(value) for name, value in params.items()}


def torch_contenders(f, x):
    import torch

    import autodiff_lab as ad

    def autograd():
        names = list(x) if isinstance(x, dict) else None
        given = [v.detach().requires_grad_() for v in (x.values() if names else [x])]
        y = f(dict(zip(names, given, strict=True)) if names else given[0])
        grads = torch.autograd.grad(y, given)
        return y.detach(), dict(zip(names, grads, strict=True)) if names else grads[0]

    func = torch.func.grad_and_value(f)
    return {
        "torch.autograd": autograd,
        "torch.func": lambda: func(x)[::-1],
        OURS: lambda: ad.value_and_grad(f)(x),
    }


def straight_contenders(f, x):
    """The straight line beside torch's own gradient."""
    import autodiff_lab as ad

    baseline, line = torch_contenders(f, x)["torch.autograd"], ad.compile(f, x)
    return {"torch.autograd": baseline, LINE: lambda: line(x)}


def jax_contenders(f, x, jit):
    import jax

    import autodiff_lab as ad

    wrap = compiled if jit else synced
    return {
        "jax.grad": wrap(jax.value_and_grad(f), x),
        OURS: wrap(ad.value_and_grad(f), x),
    }


def synced(f, x):
    import jax

    return lambda: jax.block_until_ready(f(x))


def compiled(f, x):
    """Under `jax.jit`, with what XLA counts in the compiled program."""
    import jax

    program = jax.jit(f).lower(x).compile()
    counted = program.cost_analysis()
    counted = counted[0] if isinstance(counted, list) else counted  # a list of one in older JAX
    call = synced(program, x)
    call.cost = {"flops": counted.get("flops"), "bytes": counted.get("bytes accessed")}
    return call


@bench("chain of 1,000 ops, torch", baseline="torch.autograd", needs=("torch",), must={OURS: 1.25})
def chain_torch():
    import torch

    f, x = chain(torch.tanh)
    return torch_contenders(f, torch.asarray(x))


@bench("MLP 784-256-10, torch", baseline="torch.autograd", needs=("torch",), must={OURS: 1.1})
def mlp_torch():
    import torch

    return torch_contenders(*mlp(torch, torch.asarray))


@bench("small CNN, torch", baseline="torch.autograd", needs=("torch",), must={OURS: 1.1})
def cnn_torch():
    return torch_contenders(*models.cnn_torch())


@bench("LSTM of 100 steps, torch", baseline="torch.autograd", needs=("torch",), must={OURS: 1.1})
def lstm_torch():
    return torch_contenders(*models.lstm_torch())


@bench("hvp of the MLP, torch", baseline="torch.autograd", needs=("torch",), must={OURS: 1.5})
def hvp_torch():
    """Forward over reverse, against PyTorch's double backward."""
    import torch

    import autodiff_lab as ad

    f, x = mlp(torch, torch.asarray)
    v = {name: torch.cos(value) for name, value in x.items()}

    def twice():
        given = {name: value.detach().requires_grad_() for name, value in x.items()}
        leaves = list(given.values())
        first = torch.autograd.grad(f(given), leaves, create_graph=True)
        second = torch.autograd.grad(first, leaves, list(v.values()))
        return dict(zip(x, second, strict=True))

    return {"torch.autograd": twice, OURS: lambda: ad.hvp(f, (x,), (v,))}


@bench("100,000 nodes, torch", baseline="in tapes of 100", needs=("torch",),
       must={"in one tape": 1.5})  # fmt: skip
def length_torch():
    """The time per node does not depend on the tape's length, and nothing recurses along it."""
    import torch

    import autodiff_lab as ad

    def gradients(length):
        def f(x):
            for _ in range(length // 2):
                x = torch.tanh(x * 1.01)
            return x.sum()

        x, both = torch.linspace(0.1, 1, WIDTH), ad.value_and_grad(f)

        def run():
            for _ in range(100_000 // length):
                both(x)
            return 100_000

        return run

    return {"in tapes of 100": gradients(100), "in one tape": gradients(100_000)}


@bench("chain of 1,000 ops, jax, compiled", baseline="jax.grad", needs=("jax",), must={OURS: 1.1})
def chain_jax_compiled():
    import jax.numpy as jnp

    f, x = chain(jnp.tanh)
    return jax_contenders(f, jnp.asarray(x), jit=True)


@bench("MLP 784-256-10, jax, compiled", baseline="jax.grad", needs=("jax",), must={OURS: 1.1})
def mlp_jax_compiled():
    import jax.numpy as jnp

    return jax_contenders(*mlp(jnp, jnp.asarray), jit=True)


@bench("chain of 1,000 ops, jax, eager", baseline="jax.grad", needs=("jax",), must={OURS: 0.5})
def chain_jax_eager():
    import jax.numpy as jnp

    f, x = chain(jnp.tanh)
    return jax_contenders(f, jnp.asarray(x), jit=False)


@bench("MLP 784-256-10, jax, eager", baseline="jax.grad", needs=("jax",), must={OURS: 0.5})
def mlp_jax_eager():
    import jax.numpy as jnp

    return jax_contenders(*mlp(jnp, jnp.asarray), jit=False)


@bench("chain of 1,000 ops, jax, tracing", baseline="jax.grad", needs=("jax",), must={OURS: 1.0})
def chain_jax_tracing():
    import jax.numpy as jnp

    f, x = chain(jnp.tanh)
    return tracing_contenders(f, jnp.asarray(x))


@bench("MLP 784-256-10, jax, tracing", baseline="jax.grad", needs=("jax",), must={OURS: 1.0})
def mlp_jax_tracing():
    import jax.numpy as jnp

    return tracing_contenders(*mlp(jnp, jnp.asarray))


def tracing_contenders(f, x):
    """How long `jax.jit` would take to trace the gradient, each time anew."""
    import jax

    import autodiff_lab as ad

    def traced(gradient):
        values = gradient(x)  # to be compared
        return lambda: jax.make_jaxpr(lambda x: gradient(x))(x) and values

    return {"jax.grad": traced(jax.value_and_grad(f)), OURS: traced(ad.value_and_grad(f))}


# ----- ad.compile: the straight line against torch's eager gradient -----
@bench("chain of 1,000 ops, straight line, torch", baseline="torch.autograd", needs=("torch",),
       must={LINE: 0.7})  # fmt: skip
def chain_straight():
    import torch

    f, x = chain(torch.tanh)
    return straight_contenders(f, torch.asarray(x))


@bench("LSTM of 100 steps, straight line, torch", baseline="torch.autograd", needs=("torch",),
       must={LINE: 0.9})  # fmt: skip
def lstm_straight():
    return straight_contenders(*models.lstm_torch())


@bench("MLP 784-256-10, straight line, torch", baseline="torch.autograd", needs=("torch",),
       must={LINE: 1.0})  # fmt: skip
def mlp_straight():
    import torch

    return straight_contenders(*mlp(torch, torch.asarray))


@bench("small CNN, straight line, torch", baseline="torch.autograd", needs=("torch",),
       must={LINE: 1.0})  # fmt: skip
def cnn_straight():
    return straight_contenders(*models.cnn_torch())


@bench("MLP 784-256-10, straight line, jax", baseline="jax.grad", needs=("jax",))
def mlp_straight_jax():
    """Jitted by default: against jax.jit, and the same lines dispatched one by one."""
    import jax
    import jax.numpy as jnp

    import autodiff_lab as ad

    f, x = mlp(jnp, jnp.asarray)
    line = ad.compile(f, x)
    (variant,) = line.variants
    return {
        "jax.grad": compiled(jax.value_and_grad(f), x),
        LINE: synced(line, x),
        "ad.compile, not jitted": synced(lambda x: variant.unjitted(list(x.values())), x),
    }
