"""Magics: a cell run on both frameworks, timed, on an accelerator, asked where its NaN is from.

    %%both       the same cell with `xp` as torch and as jax.numpy, and where the results part
    %%bench      the cell's expressions, timed in turn
    %%gpu        runs where there is an accelerator, else shows what was recorded
    %why_nan     the first operation that made a NaN, with its inputs and its line
    %check       an answer to an exercise, checked; %hint gives a hint

`name?` shows the help of each, and Tab completes their options. `magics` is the list of them and
holds their help; what each does stands in a module of its name. Outputs are `Drawing`s.
"""

from . import completion, magics


def install(ip, undo):
    magics.install(ip, undo)
    completion.install(ip, undo)
