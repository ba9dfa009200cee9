"""A board as text. The same data give the same page, on every machine."""

import textwrap

WIDTH = 100
BARS = " ▁▂▃▄▅▆▇█"
BINS = 24


def page(board):
    """Who was compared on what, a line for each strategy, what to take, and who does not apply."""
    parts = [_head(board), _table(board), _advice(board), _others(board)]
    return "\n\n".join(part for part in parts if part)


# ----- the data -----
def _head(board):
    lines = [f"{board.name} on {board.examples} examples; {board.framework}, {board.device}"]
    low, high, mean = min(board.lengths), max(board.lengths), sum(board.lengths) / board.examples
    if low == high:
        return "\n".join([*lines, f"all of length {low}: no padding"])
    bars = histogram(board.lengths)
    lines.append(f"lengths {low} |{bars}| {high}, mean {mean:.1f}")
    lines.append(f"padded to the longest {board.padding:.1%} of the entries are padding, and "
                 f"{board.attention:.1%} of the pairs in attention")  # fmt: skip
    return "\n".join(lines)


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
    columns = [column for column in _columns(board) if any(column[1](row) for row in rows)]
    lines = [[title for title, _ in columns]]
    lines += [[cell(row) or "-" for _, cell in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    told = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
    return "\n".join([told[0], "-" * max(map(len, told)), *told[1:]])


def _aligned(line, widths):
    first, *others = zip(line, widths, strict=True)
    yield first[0].ljust(first[1])
    yield from (cell.rjust(width) for cell, width in others)


def _columns(board):
    """`(title, cell)`: a column that would be empty is left out."""
    fewest = f"calls (>= {board.fewest_calls:,})" if board.fewest_calls is not None else "calls"
    return [
        ("strategy", lambda row: row["strategy"] + (" *" if row["pareto"] else "")),
        ("x loop", lambda row: f"{row['speedup']:.2f}"),
        ("training ms", lambda row: _ms(row["training"])),
        ("quartiles", lambda row: _quartiles(row["training"])),
        ("call ms", lambda row: _ms(row["forward"])),
        ("peak", lambda row: _bytes(row["peak_bytes"])),
        ("useful", lambda row: f"{row['useful']:.0%}" if row["useful"] is not None else None),
        (fewest, lambda row: _count(row["calls"])),
        ("first ms", lambda row: _ms([0, row["first"]]) if row["first"] is not None else None),
        ("compiles", lambda row: _count(row["compiles"])),
        ("again", lambda row: _count(row["recompiles"])),
    ]


def _ms(times):
    return f"{1000 * times[1]:,.2f}" if times else None


def _quartiles(times):
    return f"{1000 * times[0]:,.2f} - {1000 * times[2]:,.2f}" if times else None


def _count(n):
    return f"{n:,}" if n is not None else None


def _bytes(n):
    if n is None:
        return None
    for unit in ("B", "KB", "MB"):
        if n < 1000:
            break
        n /= 1000
    else:
        unit = "GB"
    return f"{n:.3g} {unit}"


# ----- in words -----
def _advice(board):
    return _wrapped(f"take {board.recommendation}: {board.reason}.") + "\n" + _wrapped(_legend(board))


def _legend(board):
    words = ["*: no other is both faster and smaller"]
    if any(row["training"] for row in board.rows):
        words.append(f"training: the call and its gradients, by {board.gradient}")
    words.append("useful: the share of the work that the examples need by themselves")
    if board.fewest_calls is not None:
        words.append(f"{board.fewest_calls:,} dependent calls are the longest chain in an example")
    if any(row["recompiles"] is not None for row in board.rows):
        words.append("again: programs compiled when other lengths came")
    words.append("-: not measured")
    return f"({'; '.join(words)})"


def _others(board):
    lines = []
    for row in board.rows:
        if row["differs"]:
            lines.append(f"{row['strategy']} is out: it is not the loop ({row['differs']})")
        elif row["why_not"]:
            lines.append(f"{row['strategy']} does not apply: {_sentence(row['why_not'], row)}")
        elif row["no_gradient"]:
            lines.append(f"{row['strategy']} has no gradient: {_sentence(row['no_gradient'], row)}")
    return "\n".join(map(_wrapped, lines))


def _sentence(text, row):
    """Without the strategy's name, which stands in front already."""
    return text.replace(f"strategy={row['strategy']!r} does not apply: ", "")


def _wrapped(text):
    return textwrap.fill(" ".join(text.split()), WIDTH, subsequent_indent="    ")
