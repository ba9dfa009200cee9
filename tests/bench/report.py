"""What a run is turned into: lines to read, JSON to keep, a page to look at."""

import html
import json
from pathlib import Path

HEAD = f"{'':46}{'ratio':>8}   {'quartiles':16}{'us':>10}   counted"
GOOD, BAD, BASE = "#0072b2", "#d55e00", "#666666"  # told apart by colour-blind readers too


def machine_lines(machine: dict) -> str:
    return "\n".join(f"{name:8} {value}" for name, value in machine.items() if value is not None)


def row_lines(row: dict) -> str:
    """The row's name, then a line for each contender."""
    if "error" in row:
        return f"{row['name']}\n  FAILED  {row['error']}"
    lines = [row["name"]]
    for name, found in row["contenders"].items():
        low, middle, high = found["ratio"]
        cost = ", ".join(f"{what} x{ratio:.3f}" for what, ratio in found["cost"].items())
        lines.append(
            f"  {name:44}{middle:8.3f}   {f'{low:.3f} - {high:.3f}':16}"
            f"{found['microseconds']:10,.0f}   {cost}{verdict(row, name)}"
        )
    return "\n".join(lines)


def verdict(row: dict, name: str) -> str:
    if name == row["baseline"]:
        return "  (baseline)"
    if name not in row["must"]:
        return ""
    word = "MISSED, must be" if name in row["missed"] else "ok, must be"
    return f"  {word} <= {row['must'][name]:g}"


def failed(rows: list[dict]) -> bool:
    return any("error" in row or row["missed"] for row in rows)


def store(folder: Path, machine: dict, rows: list[dict]) -> list[Path]:
    """This run under its date, and the same again as the latest."""
    folder.mkdir(exist_ok=True)
    stamp = machine["date"].replace(":", "").replace("+0000", "Z")
    data = json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n"
    shown = page(machine, rows)
    for name in (stamp, "latest"):
        (folder / f"{name}.json").write_text(data)
        (folder / f"{name}.html").write_text(shown)
    return [folder / "latest.json", folder / "latest.html"]


def page(machine: dict, rows: list[dict]) -> str:
    """One file that needs no network: a picture, and the same figures as text."""
    from bokeh.embed import file_html
    from bokeh.layouts import column
    from bokeh.models import Div
    from bokeh.resources import INLINE

    text = "\n\n".join([machine_lines(machine), HEAD, *map(row_lines, rows)])
    words = Div(text=f"<pre>{html.escape(text)}</pre>")
    return file_html(column(picture(rows), words), INLINE, title="Tapestry: speed as ratios")


def picture(rows: list[dict]):
    from bokeh.models import ColumnDataSource, HoverTool, Span
    from bokeh.plotting import figure

    source = ColumnDataSource(columns(rows))
    labels = source.data["label"]
    plot = figure(
        y_range=labels[::-1],
        x_axis_type="log",
        width=1000,
        height=120 + 26 * len(labels),
        title="Time as a multiple of the baseline's: median and quartiles (left is faster)",
        toolbar_location=None,
    )
    plot.add_layout(Span(location=1, dimension="height", line_color=BASE, line_dash="dashed"))
    plot.segment("low", "label", "high", "label", source=source, line_width=5, color="color")
    dots = plot.scatter("ratio", "label", source=source, size=10, color="color")
    tips = [("", "@label"), ("ratio", "@ratio{0.000}"), ("quartiles", "@low{0.000} - @high{0.000}")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tips))
    return plot


def columns(rows: list[dict]) -> dict[str, list]:
    data: dict[str, list] = {key: [] for key in ("label", "low", "ratio", "high", "color")}
    for row in rows:
        for name, found in row.get("contenders", {}).items():
            color = BAD if name in row["missed"] else BASE if name == row["baseline"] else GOOD
            values = (f"{row['name']}: {name}", *found["ratio"], color)
            for key, value in zip(data, values, strict=True):
                data[key].append(value)
    return data
