"""Run the text of a cell as IPython would, in a namespace of our choice."""

import ast

from IPython.core.error import UsageError


def parsed(ip, cell, below=1):
    """`(tree, file name)` of the text below a magic's line; lines count as in the notebook."""
    code = "\n" * below + ip.transform_cell(cell)
    name = ip.compile.cache(code, ip.execution_count, raw_code=cell)
    try:
        tree = ip.compile.ast_parse(code, filename=name)
        _refuse_waiting(tree)
        ip.compile(tree, name, "exec")  # a `return` is found here
    except SyntaxError as error:  # its traceback would be about us
        text = (error.text or "").strip()
        refuse(f"line {error.lineno} is not Python: {error.msg}{f': `{text}`' if text else ''}")
    return ip.transform_ast(tree), name


def _refuse_waiting(tree):
    for node in _outside_functions(tree):
        if isinstance(node, WAITING):
            text = ast.unparse(node).splitlines()[0]
            refuse(
                f"line {node.lineno} waits (`{text}`), and what runs under a magic cannot; "
                "await it in a cell before, and use its result"
            )


WAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _outside_functions(node):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from _outside_functions(child)


def run(ip, tree, file, names):
    """Execute the statements in `names`; the value of the last one, if it is an expression."""
    __tracebackhide__ = True  # a traceback is about the learner's lines
    *body, last = tree.body or [ast.Pass()]
    if not isinstance(last, ast.Expr):
        body, last = [*body, last], None
    if body:
        module = ast.Module(body=body, type_ignores=[])
        exec(ip.compile(ast.fix_missing_locations(module), file, "exec"), names)
    if last is None:
        return None
    return eval(ip.compile(ast.Expression(last.value), file, "eval"), names)


def names_read(tree):
    """The names that a piece of source reads."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def names_set(tree):
    """The names that a cell gives to values, in order; functions and classes are not among them."""
    found = []
    for node in tree.body:
        found += [n.id for n in ast.walk(node)
                  if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]  # fmt: skip
    return list(dict.fromkeys(found))


def refuse(sentence):
    """One sentence, without a traceback, and the cell counts as failed."""
    raise UsageError(sentence)
