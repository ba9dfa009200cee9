"""Exercises: `check` an answer, ask for a `hint`, look at the `solution` in two stages.

    check("04.fan_out", my_function)    what is wrong, where, and if it is a known slip: which
    hint("04.fan_out")                  the first of three hints; call again for the next
    solution("04.fan_out")              its plan; call again for the whole

An exercise is data (`exercise`): what a learner starts from, a solution, the slips that people make
with a sentence for each, and an oracle that knows no solution. The exercises of a lesson lie in
`lesson_NN`; `compare` holds an answer against the oracle, `report` says what came out.
"""

from .ask import check, hint, names, solution

__all__ = ["check", "hint", "names", "solution"]
