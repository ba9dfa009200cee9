"""What to take: speed against memory, and a recommendation with its reason.

A strategy is marked where no other one is both faster and smaller (Pareto). Recommended is the
fastest; among those that are within a tenth of it the one that needs least memory.
"""

CLOSE = 1.1  # times that are this close cannot be told apart from run to run


def mark(rows):
    """Write `speedup` and `pareto` into the rows."""
    timed = compared_by(rows)
    for row in timed:
        row["speedup"] = time_of(rows[0]) / time_of(row)
        row["pareto"] = not any(_beats(other, row) for other in timed)


def compared_by(rows):
    """The rows with a time that can be compared: of training, if there is anything to train."""
    return [row for row in rows if row["training"]] or [row for row in rows if row["forward"]]


def time_of(row):
    """The median of a step."""
    return (row["training"] or row["forward"])[1]


def _beats(other, row):
    """As good in both, and better in one. Memory that nobody measured beats nothing."""
    time, memory = time_of(other) - time_of(row), _less(other, row)
    return time <= 0 and memory <= 0 and (time < 0 or memory < 0)


def _less(other, row):
    a, b = other["peak_bytes"], row["peak_bytes"]
    return 1 if a is None and b is not None else 0 if b is None else a - b


def recommended(rows):
    """`(name, reason)`."""
    timed = compared_by(rows)
    fastest = min(timed, key=time_of)
    close = [row for row in timed if time_of(row) <= CLOSE * time_of(fastest)]
    best = min(close, key=lambda row: row["peak_bytes"] or float("inf"))
    return best["strategy"], "; ".join(_reasons(best, fastest, timed))


def _reasons(best, fastest, timed):
    step = "a step of training" if best["training"] else "a call"
    others = sorted((row for row in timed if row is not best), key=time_of)
    if best["strategy"] == "loop" and not others:
        yield "it is the only one that applies"
        return
    if best["strategy"] == "loop":
        yield ("on this model, these lengths and this machine batching does not pay: the plain "
               f"loop is {'fastest' if best is fastest else 'no slower'} in {step}")  # fmt: skip
    else:
        yield f"{times(best['speedup'])} as fast as the plain loop in {step}"
    if best is not fastest:
        yield f"it comes close to {fastest['strategy']}, the fastest, and needs less memory"
    elif [row for row in others if row["strategy"] != "loop"]:
        yield _next(best, others)
    if best["strategy"] != "loop":
        yield from _prices(best, others)


def _next(best, others):
    second = next(row for row in others if row["strategy"] != "loop")
    return f"{second['strategy']}, next, takes {times(time_of(second) / time_of(best))} as long"


def _prices(best, others):
    if best["useful"] is not None:
        yield f"{best['useful']:.0%} of its work is what the examples need"
    if best["recompiles"]:
        yield "but other lengths made it compile anew"
        for row in others:
            if row["recompiles"] == 0:
                factor = times(time_of(row) / time_of(best))
                yield f"{row['strategy']}, which takes {factor} as long, did not"
                return


def times(ratio):
    return f"{ratio:.3g} times" if ratio < 10 else f"{ratio:,.0f} times"
