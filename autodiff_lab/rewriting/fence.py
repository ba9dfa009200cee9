"""What `transform` does not understand is refused up front, with file, line and caret.

Google's Tangent does the same in its `fence.py`: a person learns what to change before a line is
written, and a gradient that would leave something out is never made.
"""

import ast

REFUSED = {
    ast.Lambda: "a function inside the function; define it outside",
    ast.FunctionDef: "a function inside the function; define it outside",
    ast.AsyncFunctionDef: "an async function; define a plain one outside",
    ast.ClassDef: "a class inside the function; define it outside",
    ast.Try: "try has no reverse; test the condition with if",
    ast.With: "with has no reverse; take what is in it out of the function",
    ast.AsyncFor: "an async loop; use a plain one",
    ast.AsyncWith: "async with; take what is in it out of the function",
    ast.Global: "a global variable that is written to; return the value instead",
    ast.Nonlocal: "a variable of the outer function that is written to; return the value instead",
    ast.Delete: "del forgets what the way back may need; leave it out",
    ast.Yield: "a generator; collect the values in a list",
    ast.YieldFrom: "a generator; collect the values in a list",
    ast.Await: "await; call a plain function",
    ast.Match: "match; use if and elif",
    ast.Import: "an import inside the function; import it outside",
    ast.ImportFrom: "an import inside the function; import it outside",
    ast.NamedExpr: ":= inside an expression; assign it on a line of its own",
    ast.Starred: "a star; write the parts out",
}
SIMPLE = (ast.Name, ast.Subscript, ast.Tuple, ast.List)


def check(text):
    """Raise the refusal of the first piece that has no place in the language."""
    for node in ast.walk(text.tree):
        if node is text.tree:
            continue
        if type(node) in REFUSED:
            raise text.refusal(node, f"{REFUSED[type(node)]}")
        if type(node).__name__ == "TryStar":
            raise text.refusal(node, REFUSED[ast.Try])
        _check_parts(text, node)
    if isinstance(text.tree, ast.AsyncFunctionDef) or text.tree.args.vararg or text.tree.args.kwarg:
        raise text.refusal(text.tree, "*args, **kwargs and async are not read; name each parameter")


def _check_parts(text, node):
    if isinstance(node, (ast.For, ast.While)) and node.orelse:
        raise text.refusal(node.orelse[0], "the else of a loop; test a variable after it")
    if isinstance(node, ast.Constant) and isinstance(node.value, complex):
        raise text.refusal(node, "a complex number; transform is for real functions, use ad.vjp")
    if isinstance(node, ast.AugAssign) and not isinstance(node.target, SIMPLE):
        raise text.refusal(node.target, "an attribute that is written to; use a variable")
    for target in _targets(node):
        for part in ast.walk(target):
            if isinstance(getattr(part, "ctx", None), ast.Store):
                _check_target(text, part)


def _targets(node):
    if isinstance(node, ast.Assign):
        return node.targets
    if isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.For)):
        return [node.target]
    return []


def _check_target(text, part):
    if not isinstance(part, SIMPLE):
        raise text.refusal(part, "an attribute that is written to; use a variable")
    base = part
    for _ in range(2):
        base = base.value if isinstance(base, ast.Subscript) else base
    if not isinstance(base, (ast.Name, ast.Tuple, ast.List)):
        raise text.refusal(part, "what is written to lies too deep; write x[i] = or x[i][j] =")
