"""Where public functions live, and which homes speak of the same things.

`HOMES` is read from top to bottom: a function that several modules offer is known by the first of
its names. Functions of one family that have the same last name are twins (`torch.sum`, `np.sum`),
and become one answer. The number says how far down an answer from there starts: nobody who asks
in words wants an in-place method or an internal of the compiler first.
"""

HOMES = {  # module or class: (family, weight)
    "autodiff_lab": ("calculus", 1.0),
    "masking_lab": ("masking", 1.0),
    "masking_lab.MaskedBatch": ("masking", 1.0),
    "autodiff_lab.random": ("random", 1.0),
    "autodiff_lab.surgery": ("surgery", 1.0),
    "autodiff_lab.optim": ("optim", 0.95),
    "autodiff_lab.nn": ("networks", 0.95),
    "autodiff_lab.nn.ops": ("networks", 0.9),
    "kernel": ("kernel", 1.0),
    "kernel.plots": ("kernel.plots", 0.8),
    "torch": ("arrays", 1.0),
    "jax": ("calculus", 1.0),
    "jax.numpy": ("arrays", 1.0),
    "jax.lax": ("lax", 0.95),
    "jax.nn": ("arrays", 0.95),
    "numpy": ("arrays", 0.95),
    "torch.func": ("calculus", 1.0),
    "torch.Tensor": ("arrays", 0.95),
    "torch.nn.functional": ("arrays", 1.0),
    "torch.nn": ("layers", 1.0),
    "torch.linalg": ("linalg", 1.0),
    "jax.numpy.linalg": ("linalg", 1.0),
    "numpy.linalg": ("linalg", 0.95),
    "jax.scipy.linalg": ("linalg", 0.9),
    "jax.lax.linalg": ("linalg", 0.85),
    "torch.special": ("arrays", 0.9),
    "jax.scipy.special": ("arrays", 0.9),
    "torch.fft": ("fft", 1.0),
    "jax.numpy.fft": ("fft", 1.0),
    "numpy.fft": ("fft", 0.95),
    "jax.random": ("random", 1.0),
    "numpy.random": ("random", 0.95),
    "numpy.random.Generator": ("random", 0.85),
    "torch.random": ("random", 0.9),
    "torch.Generator": ("generator", 0.85),
    "torch.optim": ("optim", 1.0),
    "torch.optim.lr_scheduler": ("schedules", 0.95),
    "torch.optim.Optimizer": ("optimizer", 0.95),
    "torch.optim.swa_utils": ("optimizer", 0.85),
    "torch.nn.init": ("initial", 0.95),
    "jax.nn.initializers": ("initial", 0.95),
    "torch.nn.utils": ("nn.utils", 0.95),
    "torch.nn.utils.rnn": ("rnn", 1.0),
    "torch.nn.utils.parametrize": ("parametrize", 0.85),
    "torch.nn.utils.parametrizations": ("parametrize", 0.85),
    "torch.nn.utils.prune": ("prune", 0.85),
    "torch.nn.Module": ("module", 0.95),
    "torch.nn.attention": ("attention", 0.85),
    "torch.nn.attention.flex_attention": ("attention", 0.8),
    "torch.autograd": ("calculus", 0.95),
    "torch.autograd.functional": ("calculus", 0.9),
    "torch.autograd.forward_ad": ("forward_ad", 0.9),
    "torch.autograd.graph": ("graph", 0.85),
    "torch.autograd.profiler": ("profile", 0.8),
    "torch.utils.checkpoint": ("checkpoint", 1.0),
    "torch.utils.data": ("data", 0.95),
    "torch.utils.dlpack": ("dlpack", 0.9),
    "torch.utils.benchmark": ("benchmark", 0.95),
    "torch.utils.flop_counter": ("flops", 0.95),
    "torch.profiler": ("profile", 0.95),
    "torch.distributions": ("distributions", 0.95),
    "torch.cuda": ("cuda", 0.95),
    "torch.accelerator": ("cuda", 0.9),
    "torch.mps": ("cuda", 0.75),
    "torch.amp": ("amp", 0.95),
    "torch.backends.cuda": ("backends", 0.75),
    "torch.testing": ("testing", 0.9),
    "torch.sparse": ("sparse", 0.9),
    "torch.masked": ("masked", 0.95),
    "torch.nested": ("nested", 0.9),
    "torch.fx": ("fx", 0.85),
    "torch.jit": ("jit", 0.85),
    "torch.compiler": ("compiler", 0.85),
    "torch.export": ("export", 0.85),
    "torch.library": ("library", 0.8),
    "torch.signal.windows": ("windows", 0.85),
    "torch.nn.parallel": ("parallel", 0.9),
    "torch.distributed": ("distributed", 0.8),
    "torch.multiprocessing": ("processes", 0.75),
    "torch.hub": ("hub", 0.8),
    "jax.tree": ("tree", 1.0),
    "jax.tree_util": ("tree", 0.9),
    "torch.utils._pytree": ("tree", 0.6),
    "jax.debug": ("debug", 1.0),
    "jax.ops": ("arrays", 1.0),
    "jax.image": ("image", 0.95),
    "jax.dlpack": ("dlpack", 0.9),
    "jax.sharding": ("sharding", 0.95),
    "jax.errors": ("errors", 0.95),
    "jax.config": ("config", 0.9),
    "jax.numpy.ndarray": ("array", 0.9),
    "jax.scipy.stats": ("stats", 0.85),
    "jax.scipy.stats.norm": ("stats.norm", 0.9),
    "jax.scipy.stats.multivariate_normal": ("stats.multivariate", 0.85),
    "jax.scipy.optimize": ("optimize", 0.95),
    "jax.scipy.signal": ("signal", 0.9),
    "jax.scipy.ndimage": ("ndimage", 0.9),
    "jax.scipy.interpolate": ("interpolate", 0.9),
    "jax.scipy.integrate": ("integrate", 0.9),
    "jax.scipy.sparse.linalg": ("sparse.linalg", 0.9),
    "jax.test_util": ("testing", 0.9),
    "jax.profiler": ("profile", 0.9),
    "jax.export": ("export", 0.85),
    "jax.stages": ("stages", 0.8),
    "jax.stages.Compiled": ("stages", 0.8),
    "jax.flatten_util": ("tree", 0.9),
    "torch.overrides": ("overrides", 0.75),
    "torch.nn.Transformer": ("transformer", 0.8),
    "jax.distributed": ("distributed", 0.75),
    "jax.custom_derivatives": ("calculus", 0.85),
    "jax.experimental.checkify": ("checkify", 0.9),
    "jax.experimental.jet": ("calculus", 0.85),
    "jax.experimental.ode": ("ode", 0.85),
    "jax.experimental.shard_map": ("calculus", 0.85),
    "jax.experimental.sparse": ("sparse", 0.85),
    "jax.experimental": ("experimental", 0.85),
    "jax.experimental.pallas": ("pallas", 0.7),
    "numpy.ndarray": ("arrays", 0.85),
    "numpy.testing": ("testing", 0.85),
    "numpy.lib.stride_tricks": ("strides", 0.9),
    "numpy.ma": ("numpy.ma", 0.8),
    "numpy.char": ("numpy.char", 0.6),
    "numpy.polynomial.polynomial": ("polynomial", 0.65),
}
FALSE_FRIENDS = frozenset(  # the same name, and another meaning
    """torch.Tensor.repeat torch.transpose torch.Tensor.transpose torch.equal torch.Tensor.equal
    torch.split torch.Tensor.split torch.Tensor.size torch.select torch.Tensor.select
    torch.Tensor.type torch.Tensor.view jax.numpy.ndarray.view
    """.split()
)
FRAMEWORKS = ("torch", "jax", "numpy")
SHORT = {
    "jax.numpy.": "jnp.",
    "numpy.": "np.",
    "autodiff_lab.": "ad.",
    "masking_lab.": "ml.",
    "torch.nn.functional.": "F.",
}


def home_of(name):
    """The home a dotted name lives in, and what it is called there."""
    home, _, leaf = name.rpartition(".")
    return ("kernel", name.lstrip("%")) if name.startswith("%") else (home, leaf)


def short(name):
    """A dotted name as people write it: `jnp.sum`. `long` is the way back.

    >>> short("jax.numpy.sum"), long("jnp.sum")
    ('jnp.sum', 'jax.numpy.sum')
    """
    return next((s + name[len(p) :] for p, s in SHORT.items() if name.startswith(p)), name)


def long(name):
    return next((p + name[len(s) :] for p, s in SHORT.items() if name.startswith(s)), name)


def side(name):
    """Whose a dotted name is: "torch", "jax", "numpy" or "ours"."""
    first = name.partition(".")[0]
    return first if first in FRAMEWORKS else "ours"  # magics too
