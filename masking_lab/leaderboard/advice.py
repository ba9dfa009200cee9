"""What to take: speed against memory, and a recommendation with its reason.

A strategy is marked where no other one is both faster and smaller (Pareto). Recommended is the
fastest; among those that are within a tenth of it the one that needs least memory.
"""

CLOSE = 1.1  # times that are this close cannot be told apart from run to run


def mark(rows):
    """Write `speedup` and `pareto` into the rows."""
    base = time_of(rows[0])
    for row in rows:
        if time_of(row) is not None:
            row["speedup"] = base / time_of(row)
    for row in rows:
        row["pareto"] = _is_timed(row) and not any(_beats(other, row) for other in rows)


def time_of(row):
    """The median of a step: of training, if that is what is compared."""
    times = row["training"] or row["forward"]
    return times[1] if times else None


def _is_timed(row):
    return time_of(row) is not None


def _beats(other, row):
    """As good in both, and better in one. Memory that nobody measured beats nothing."""
    if other is row or not _is_timed(other):
        return False
    time, memory = time_of(other) - time_of(row), _less(other, row)
    return time <= 0 and memory <= 0 and (time < 0 or memory < 0)


def _less(other, row):
    a, b = other["peak_bytes"], row["peak_bytes"]
    return 1 if a is None and b is not None else 0 if b is None else a - b


def recommended(rows):
    """`(name, reason)`."""
    trained = [row for row in rows if row["training"]]
    timed = trained or [row for row in rows if _is_timed(row)]
    fastest = min(timed, key=time_of)
    close = [row for row in timed if time_of(row) <= CLOSE * time_of(fastest)]
    best = min(close, key=lambda row: row["peak_bytes"] or float("inf"))
    return best["strategy"], "; ".join(_reasons(best, fastest, timed, bool(trained)))


def _reasons(best, fastest, timed, training):
    step = "a step of training" if training else "a call"
    others = sorted((row for row in timed if row is not best), key=time_of)
    if best["strategy"] == "loop" and not others:
        yield "it is the only one that applies"
        return
    if best["strategy"] == "loop":
        yield (f"the plain loop is fastest in {step}: on this model, these lengths and this "
               "machine, batching costs more than it saves")  # fmt: skip
    else:
        yield f"{times(best['speedup'])} as fast as the plain loop in {step}"
    if best is not fastest:
        yield f"as good as {fastest['strategy']}, the fastest, and needs less memory"
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
    return f"{ratio:.2g} times" if ratio < 10 else f"{ratio:,.0f} times"
