"""One theme for every plot: colours that all readers can tell apart, in light and in dark.

The colours are Okabe and Ito's, darkened or lightened until each stands out 3 : 1 from the card it
is drawn on (WCAG 1.4.11). Colour never carries a meaning alone: series also differ in dashes and
marks, and signs in the words. A page changes its theme by setting the CSS variables; Bokeh, which
knows none, gets the light colours, and the script in the page exchanges them for the page's.
"""

from .. import palette

LIGHT = palette.LIGHT | {
    "grid": "#e3e3e3", "c0": "#0072b2", "c1": "#d55e00", "c2": "#00875f", "c3": "#a8518a",
    "c4": "#1b1b1b", "c5": "#8c6d1f", "bad": "#c4001a",
}  # fmt: skip
DARK = palette.DARK | {
    "grid": "#3b4046", "c0": "#56b4e9", "c1": "#f28e2b", "c2": "#2bc79b", "c3": "#e29ac5",
    "c4": "#f2f2f1", "c5": "#f0e442", "bad": "#ff8a80",
}  # fmt: skip
SERIES = tuple(f"c{k}" for k in range(6))  # names of the colours of series
COLOURS = tuple(LIGHT[name] for name in SERIES)  # for a Bokeh figure of one's own
MINUS, PLUS = "c0", "c1"  # negative and positive, on top of the card's colour

DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 5")
MARKS = ("circle", "square", "triangle", "diamond", "circle", "square")
FONT = "system-ui,Segoe UI,Roboto,Helvetica,Arial,sans-serif"


def colour(name):
    """A CSS value: the page's colour if it sets one, else the light theme's."""
    return f"var(--tp-{name},{LIGHT[name]})"


def bokeh_theme():
    """The same look for any Bokeh figure; what the figure sets itself stays."""
    from bokeh.themes import Theme

    plain = {"text_font": "system-ui", "text_color": LIGHT["ink"]}
    label = {f"axis_label_{k}": v for k, v in plain.items()} | {
        "axis_label_text_font_style": "normal"
    }
    ticks = {f"major_label_{k}": v for k, v in plain.items()}
    lines = {k: LIGHT["faint"] for k in ("axis_line_color", "major_tick_line_color")}
    return Theme(json={"attrs": {
        "Plot": {"background_fill_color": LIGHT["card"], "border_fill_color": LIGHT["card"],
                 "outline_line_color": None},
        "Axis": {**label, **ticks, **lines, "minor_tick_line_color": None},
        "Grid": {"grid_line_color": LIGHT["grid"]},
        "Title": {**plain, "text_font_size": "13px"},
        "Legend": {"label_text_font": "system-ui", "label_text_color": LIGHT["ink"],
                   "background_fill_color": LIGHT["card"], "border_line_color": None},
        "Toolbar": {"logo": None, "autohide": True},
    }})  # fmt: skip
