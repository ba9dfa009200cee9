"""The colours of every view: Okabe and Ito's, which all readers can tell apart, in light and dark.

Colour never carries a meaning alone: inputs, values and adjoints also differ in place and in words.
"""

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
LINES = "#767676"  # readable on white and on black alike

LIGHT = {
    "card": "#ffffff", "ink": "#1a1a1a", "faint": "#595959", "rim": "#b9b9b9",
    "value": "#dcedf8", "adjoint": "#fde3d2", "none": "#f3f3f3",
}  # fmt: skip
DARK = {
    "card": "#24272b", "ink": "#f2f2f2", "faint": "#b5b5b5", "rim": "#5b6167",
    "value": "#123a54", "adjoint": "#5b2d10", "none": "#2e3237",
}  # fmt: skip


def variables(theme):
    """The theme as CSS custom properties."""
    return ";".join(f"--tp-{name}:{colour}" for name, colour in theme.items())


def use(name):
    """A CSS value: the page's colour if it sets one, else the light theme's."""
    return f"var(--tp-{name},{LIGHT[name]})"
