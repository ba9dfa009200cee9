"""LaTeX as plain text, for terminals and screen readers. Knows what the table's formulas use."""

import re

WORDS = {
    r"\left": "", r"\right": "", r"\,": " ", r"\quad": " ", r"\ldots": "...", r"\lfloor": "floor(",
    r"\rfloor": ")", r"\wedge": "and", r"\vee": "or", r"\neg": "not", r"\ge": ">=", r"\le": "<=",
    r"\ne": "!=", r"\;": " ", r"\_": "_", r"\cdot": "*", r"\odot": "*", r"\infty": "inf",
    r"\mathrel{+}": "+", r"\circ": "*", r"\mp": "-/+",
    r"\begin{cases}": "[", r"\end{cases}": "]", r"\\": ";", "&": "if",
    r"if \text{otherwise}": "otherwise",
}  # fmt: skip
GROUP = r"\{([^{}]*)\}"
SHAPES = (  # innermost first, until nothing changes
    (r"\\(?:text|operatorname|mathrm)" + GROUP, r"\1"),
    (r"\\sqrt" + GROUP, r"sqrt(\1)"),
    (r"\\overline" + GROUP, r"mean(\1)"),
    (r"\\d?frac" + GROUP + GROUP, lambda m: f"({_atom(m[1])}/{_atom(m[2])})"),
    (r"\\bar\s*(?:" + GROUP + r"|(\w))", lambda m: (m[1] or m[2]) + "\u0304"),
    (r"\\dot\s*(\w)", "\\1\u0307"),
    (r"\\hat\s*(\w)", "\\1\u0302"),
    (r"\\mathbf" + GROUP, r"\1"),
    (r"([\^_])" + GROUP, lambda m: m[1] + _atom(m[2])),
)


def _atom(text):
    return text if re.fullmatch(r"-?\\?[\w.\u0304]+|\w+\([^()]*\)", text) else f"({text})"


def plain(tex):
    """Readable text for a formula."""
    tex = re.sub(r"\\lVert\s*|\s*\\rVert", "|", tex)
    for word, text in sorted(WORDS.items(), key=lambda w: -len(w[0])):
        tex = tex.replace(word, text) if word[-1] in "}\\,&;_" else _word(tex, word, text)
    tex = re.sub(r"\\sigma(?=\()", "sigmoid", tex)
    before = None
    while before != tex:
        before = tex
        for pattern, text in SHAPES:
            tex = re.sub(pattern, text, tex)
    tex = re.sub(r"\\([a-zA-Z]+)", r"\1", tex).replace("if otherwise", "otherwise")
    tex = re.sub(r"\s+", " ", tex).replace("( ", "(").replace(" )", ")").strip()
    tex = tex.replace(" ;", ";").replace(" ,", ",").replace("[ ", "[").replace(" ]", "]")
    return re.sub(r"^(\w+ = )\(([^(),=]+/[^(),=]+)\)$", r"\1\2", tex)


def _word(tex, word, text):
    return re.sub(re.escape(word) + r"(?![a-zA-Z])", lambda _: text, tex)
