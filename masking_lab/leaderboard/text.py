"""A board as text. The same data give the same page, on every machine."""

import textwrap

WIDTH = 100
BARS = " ▁▂▃▄▅▆▇█"
BINS = 32


def page(board):
    """Who was compared on what, a line for each strategy, what to take, and who does not apply."""
    parts = [_head(board), _table(board), _advice(board), _others(board), _legend(board)]
    return "\n\n".join(part for part in parts if part)


# ----- the data -----
def _head(board):
    first = f"{board.name} on {board.examples} examples; {board.framework}, {board.device}"
    low, high = min(board.lengths), max(board.lengths)
    if low == high:
        return f"{first}\nlengths: all {low}, no padding"
    mean = sum(board.lengths) / board.examples
    return (
        f"{first}\nlengths: {low} |{histogram(board.lengths)}| {high}, mean {mean:.1f}\n"
        f"padded to the longest: {board.padding:.1%} of the entries are padding, "
        f"{board.attention:.1%} of the pairs in attention"
    )


def histogram(lengths):
    """How often each length occurs, from the shortest to the longest."""
    low, high = min(lengths), max(lengths)
    bins = min(BINS, high - low + 1)
    counts = [0] * bins
    for n in lengths:
        counts[(n - low) * bins // (high - low + 1)] += 1
    most = max(counts)
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in counts)


# ----- the strategies -----
def _table(board):
    rows = [row for row in board.rows if row["forward"]]
    columns = [(title, [cell(row) for row in rows]) for title, cell in _columns(board)]
    lines = zip(*[_column(title, cells) for title, cells in columns if any(cells)], strict=True)
    head, *body = ["  ".join(line).rstrip() for line in lines]
    return "\n".join([head, "-" * max(map(len, [head, *body])), *body])


def _column(title, cells):
    """Of one width; names stand left, numbers right."""
    cells = [title, *[cell or "-" for cell in cells]]
    width = max(map(len, cells))
    return [c.ljust(width) if title == "strategy" else c.rjust(width) for c in cells]


def _columns(board):
    """`(title, what a row has there)`; a column that nobody has anything in is left out."""
    fewest = f"calls >= {board.fewest_calls:,}" if board.fewest_calls is not None else "calls"
    return (
        ("strategy", lambda row: ("* " if row["pareto"] else "  ") + row["strategy"]),
        ("x loop", lambda row: None if row["speedup"] is None else f"{row['speedup']:.2f}"),
        ("step ms", lambda row: _ms(row["training"])),
        ("quartiles", lambda row: _quartiles(row["training"])),
        ("call ms", lambda row: _ms(row["forward"])),
        ("peak", lambda row: _bytes(row["peak_bytes"])),
        ("useful", lambda row: None if row["useful"] is None else f"{row['useful']:.0%}"),
        (fewest, lambda row: _count(row["calls"])),
        ("first ms", lambda row: None if row["first"] is None else f"{1000 * row['first']:,.0f}"),
        ("compiles", lambda row: _compiles(row)),
    )


def _ms(times):
    return f"{1000 * times[1]:,.2f}" if times else None


def _quartiles(times):
    return f"{1000 * times[0]:,.2f}-{1000 * times[2]:,.2f}" if times else None


def _count(n):
    return None if n is None else f"{n:,}"


def _compiles(row):
    if row["compiles"] is None:
        return None
    return f"{row['compiles']:,} + {'-' if row['recompiles'] is None else row['recompiles']}"


def _bytes(n):
    if n is None:
        return None
    for unit in ("B", "KB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:,.3g} GB"


# ----- in words -----
def _advice(board):
    return _wrapped(f"take {board.recommendation}: {board.reason}.")


def _others(board):
    lines = []
    for row in board.rows:
        if row["differs"]:
            lines.append(f"{row['strategy']} is out, since it is not the loop: {row['differs']}")
        elif row["why_not"]:
            lines.append(f"{row['strategy']} does not apply: {_sentence(row, 'why_not')}")
        elif row["no_gradient"]:
            lines.append(f"{row['strategy']} has no gradient: {_sentence(row, 'no_gradient')}")
    return "\n".join(map(_wrapped, lines))


def _sentence(row, key):
    """Without the strategy's name, which stands in front already."""
    return row[key].removeprefix(f"strategy={row['strategy']!r} does not apply: ")


def _legend(board):
    has = lambda key: any(row[key] is not None for row in board.rows)  # noqa: E731
    lines = [("*", "no other is both faster and smaller", True),
             ("step", f"the call and its gradients, by {board.gradient}", has("training")),
             ("useful", "the share of its work that the examples need by themselves",
              has("useful")),
             ("calls", f"{board.fewest_calls} dependent ones are the longest chain in an example",
              board.fewest_calls is not None),
             ("compiles", "XLA's, at first + for a batch of other lengths", has("compiles")),
             ("-", "not measured", True)]  # fmt: skip
    return "\n".join(f"{word:9} {text}" for word, text, yes in lines if yes)


def _wrapped(text):
    return textwrap.fill(" ".join(text.split()), WIDTH, subsequent_indent="    ")
