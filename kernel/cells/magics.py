"""The magics, with their help: a docstring here is what `%%both?` shows."""

from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class


@magics_class
class Cells(Magics):
    @cell_magic
    def both(self, line, cell):
        """Run the cell twice, with `xp` as torch and as jax.numpy, and compare the results.

            %%both
            y = xp.tanh(x * w)
            xp.sum(y)

        Arrays of the notebook that the cell reads are given to each framework as its own. Compared
        are the last value, every name that the cell assigns, and what it prints. Functions that it
        defines stay; values do not: they are in the result, `_.torch["y"]` and `_.jax["y"]`, which
        is true if nothing differs.

        %%both NAME    also keeps the result as NAME
        """
        from .both import both

        return both(self.shell, line, cell)

    @cell_magic
    def bench(self, line, cell):
        """Time the expressions of the cell against each other.

            %%bench
            x = torch.randn(1000)
            torch.tanh(x)                     # tanh
            2 * torch.sigmoid(2 * x) - 1      # by sigmoid

        Other statements (here the first) are set-up and run once. Each expression is called once
        for itself (what it compiles shows there), then all take turns, so that a busy machine is
        busy for all; an accelerator, and JAX, is waited for. Told are the median and the quartiles,
        and each round's ratio to the first expression. A comment names an expression.

        %%bench -r 40     rounds (20 unless told)
        %%bench -t 0.5    seconds for each expression at most (1 unless told)
        """
        from .bench import bench

        return bench(self.shell, line, cell)

    @cell_magic
    def gpu(self, line, cell):
        """Run the cell where there is an accelerator; elsewhere show what it gave where there was.

            %%gpu
            x = torch.randn(4096, 4096, device="cuda")
            print((x @ x).mean())

        A run leaves a note in the output: on what, when, with which versions. Saved with the
        notebook, that output is the record, and this magic shows it again, and says so, where there
        is no accelerator. The cell's variables are not set then, so no later cell may need them.

        %%gpu torch, %%gpu jax    an accelerator that this framework sees
        %%gpu --cpu               without one, run the cell here all the same
        """
        from .gpu import gpu

        return gpu(self.shell, line, cell)

    @line_cell_magic
    def why_nan(self, line, cell=None):
        """Find the first operation that made a NaN, with its inputs and its line.

            %why_nan loss(params, x)      an expression
            %why_nan tape                 a tape that was recorded
            %why_nan                      the last expression of the cell before

        As a cell magic it takes the whole cell. The computation is run once more on a tape, whose
        inputs are the arrays it reads; if all values are fine and the result is a number, the
        reverse walk follows, and the first NaN among the adjoints is told.
        """
        from .why_nan import why_nan

        return why_nan(self.shell, line, cell)

    @line_magic
    def check(self, line):
        """Check an answer to an exercise: `%check 04.fan_out my_function`.

        Without an answer, the one is meant that has the exercise's name: `fan_out`.
        """
        from .exercises import check

        return check(self.shell, line)

    @line_magic
    def hint(self, line):
        """Show the next hint for an exercise: `%hint 04.fan_out`."""
        from .exercises import hint

        return hint(self.shell, line)


NAMES = {
    "cell": ("both", "bench", "gpu", "why_nan"),
    "line": ("why_nan", "check", "hint"),
}


def install(ip, undo):
    """Register the magics; undoing gives back what had their names before."""
    table, registry = ip.magics_manager.magics, ip.magics_manager.registry
    before = {kind: {n: table[kind].get(n) for n in names} for kind, names in NAMES.items()}
    ip.register_magics(Cells(shell=ip))
    ours = {kind: {n: table[kind][n] for n in names} for kind, names in NAMES.items()}
    undo.callback(_restore, table, ours, before)
    undo.callback(registry.pop, "Cells", None)


def _restore(table, ours, before):
    for kind, magics in ours.items():
        for name, magic in magics.items():
            if table[kind].get(name) is not magic:
                continue  # somebody took the name over since
            del table[kind][name]
            if before[kind][name] is not None:
                table[kind][name] = before[kind][name]
