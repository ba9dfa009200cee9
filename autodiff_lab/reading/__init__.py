"""Reading a person's Python: a function's text as a tree, and a changed tree back to a function.

Everything that works on source stands on this: source-to-source gradients, the sea of nodes,
lifting, program counters. It reads functions of files and of notebook cells, methods and lambdas.

    text = read(f)               its tree, with the positions of the user's file
    raise text.refusal(node, "why; what to do")     file, line and caret
    text.value("np")             what a free name means to the function now
    text.function(tree)          a function with f's globals, closure, defaults and line numbers
    text.function_of(source)     the same from new text, which tracebacks and `inspect` will show
    names.bound(node), names.used(node)             which names a statement writes and reads
"""

import ast
import builtins
import functools
import inspect
import itertools
import linecache
import os
import types

from ..errors import AutodiffError
from . import names

MISSING = object()
_numbers = itertools.count(1)


def read(f, error=AutodiffError):
    """The `Text` of a function; `error` is the class of what it refuses."""
    code, bound_to = _code(f, error)
    lines = _lines(code, f, error)
    try:
        module = _parsed("".join(lines))
    except SyntaxError:
        raise error(
            f"{place(code.co_filename)} is not a file of Python, so {code.co_name} cannot be read; "
            "define it in a module or in a notebook cell"
        ) from None
    tree, owner = _find(module, code, f, error)
    tree = ast.fix_missing_locations(_as_def(tree, code.co_name))
    if owner:
        tree = _Mangled(owner).visit(tree)
    return Text(getattr(f, "__func__", f), bound_to, tree, lines, error)


class Text:
    """What is known about one function: `tree` is its `def`, without decorators."""

    def __init__(self, function, bound_to, tree, lines, error):
        if not inspect.isfunction(function):  # an object with a __call__
            function = type(function).__call__
        self.original, self.bound_to, self.tree, self.lines = function, bound_to, tree, lines
        self.error = error

    @property
    def name(self):
        return self.original.__name__

    @property
    def file(self):
        return self.original.__code__.co_filename

    @property
    def parameters(self):
        """The names of all parameters, in order, those of *args and **kwargs too."""
        code = self.original.__code__
        stars = bool(code.co_flags & inspect.CO_VARARGS) + bool(
            code.co_flags & inspect.CO_VARKEYWORDS
        )
        return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + stars]

    @property
    def cells(self):
        """The variables of the enclosing functions, by name."""
        return dict(
            zip(self.original.__code__.co_freevars, self.original.__closure__ or (), strict=True)
        )

    def value(self, name):
        """What a name that the function does not bind means to it now; MISSING if nothing.

        The object that a method is bound to is known too, by the name of its first parameter.
        """
        if self.bound_to is not None and name == self.parameters[0]:
            return self.bound_to
        if name in self.cells:
            try:
                return self.cells[name].cell_contents
            except ValueError:  # not assigned yet
                return MISSING
        return self.original.__globals__.get(name, getattr(builtins, name, MISSING))

    def line(self, node):
        """The text of a node's first line."""
        return self.lines[node.lineno - 1].rstrip("\n")

    def refusal(self, node, why):
        """An error that points at a node of the tree, as Python's own do."""
        line = self.line(node)
        start = len(line.encode()[: node.col_offset].decode())
        same_line = node.end_lineno == node.lineno
        end = len(line.encode()[: node.end_col_offset].decode()) if same_line else len(line)
        indent = len(line) - len(line.lstrip())
        caret = " " * (start - indent) + "^" * max(1, end - start)
        where = f"{place(self.file)}, line {node.lineno}"
        return self.error(f"{where}, in {self.name}: {why}\n    {line.strip()}\n    {caret}")

    def function(self, tree, **extra):
        """A function from a changed tree. Errors in it show the lines of the user's file.

        `extra` are names that the new code reads and the user's does not know.
        """
        module = ast.Module([tree], [])
        for node in ast.walk(module):
            if "lineno" in node._attributes and not hasattr(node, "lineno"):
                ast.copy_location(node, self.tree)
        return self._made(ast.fix_missing_locations(module), self.file, extra)

    def function_of(self, source, title=None, **extra):
        """A function from new text, which stays readable under a name of its own."""
        title = f"<{title or self.name} {next(_numbers)}>"
        linecache.cache[title] = (len(source), None, source.splitlines(True), title)
        return self._made(ast.parse(source), title, extra)

    def _made(self, module, file, extra):
        """Compiled inside a function whose parameters are the cells: so they become free names."""
        (inner,) = [node for node in module.body if isinstance(node, ast.FunctionDef)]
        _without_defaults(inner)
        name, inner.name = inner.name, "_inner"  # its own name means to it what it always meant
        cells = {**self.cells, **{name: types.CellType(value) for name, value in extra.items()}}
        outer = ast.parse(f"def _outer({', '.join(cells)}):\n    return None").body[0]
        outer.body = [inner, ast.Return(ast.Name(inner.name, ast.Load()))]
        for node in (outer, *ast.walk(outer.args), outer.body[1], outer.body[1].value):
            ast.copy_location(node, inner)
        module.body = [outer if node is inner else node for node in module.body]
        names_of = {}
        exec(compile(module, file, "exec"), self.original.__globals__, names_of)
        inner.name = name
        made = names_of["_outer"](*[None] * len(cells))
        return self._clothed(made.__code__.replace(co_name=name, co_qualname=name), cells)

    def _clothed(self, code, cells):
        old = self.original
        closure = tuple(cells[name] for name in code.co_freevars)
        made = types.FunctionType(code, old.__globals__, old.__name__, old.__defaults__, closure)
        functools.update_wrapper(made, old)
        del made.__wrapped__  # its source is the new one
        made.__kwdefaults__ = old.__kwdefaults__
        return made if self.bound_to is None else types.MethodType(made, self.bound_to)


def place(file):
    """A file as a person calls it: a notebook's cells have names that change with each run."""
    if "ipykernel_" in file or file.startswith("<ipython-input"):
        return "notebook cell"
    near = os.path.relpath(file) if os.path.isabs(file) else file
    return file if near.startswith("..") else near


# ----- finding the text -----
def _code(f, error):
    """The code of a function, and the object it is bound to."""
    if inspect.ismethod(f):
        return f.__func__.__code__, f.__self__
    if inspect.isfunction(f):
        return f.__code__, None
    if not inspect.isclass(f) and callable(f) and inspect.isfunction(type(f).__call__):
        return type(f).__call__.__code__, f
    what = f"{getattr(f, '__name__', f)!r} is a {type(f).__name__} without Python source"
    raise error(f"{what}; pass a function that is written in Python")


def _lines(code, f, error):
    try:
        return inspect.findsource(code)[0]
    except (OSError, TypeError, IndexError):
        raise error(
            f"the source of {f.__qualname__ if hasattr(f, '__qualname__') else f!r} cannot be "
            f"found (it was compiled as {code.co_filename!r}); define it in a file or in a plain "
            "notebook cell"
        ) from None


@functools.lru_cache(maxsize=64)
def _parsed(text):
    return ast.parse(text)


def _find(module, code, f, error):
    """The node whose code this is, and the class it stands in; a private copy."""
    found = [
        (node, owner)
        for node, owner in _functions(module)
        if _first_line(node) == code.co_firstlineno and _arguments(node) == _known(code)
        if getattr(node, "name", "<lambda>") == code.co_name
    ]
    if len(found) > 1:
        found = [(node, owner) for node, owner in found if _spans(node, code)]
    if len(found) != 1:
        why = "changed since it was defined" if not found else "shares its line with another lambda"
        name, where = getattr(f, "__qualname__", code.co_name), place(code.co_filename)
        raise error(
            f"{where}, line {code.co_firstlineno}: {name} {why}; "
            + ("run its cell or its module again" if not found else "put it on a line of its own")
        )
    node, owner = found[0]
    return _copy(node), owner


def _copy(node):
    """The cached tree is everybody's: whoever rewrites gets a copy."""
    if isinstance(node, ast.AST):
        new = type(node)(**{name: _copy(value) for name, value in ast.iter_fields(node)})
        return ast.copy_location(new, node) if hasattr(node, "lineno") else new
    return [_copy(x) for x in node] if isinstance(node, list) else node


def _functions(node, owner=None):
    """Every def and lambda below a node, with the name of the class it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child, owner
        yield from _functions(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _first_line(node):
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *[d.lineno for d in decorators]])


def _arguments(node):
    a = node.args
    stars = [x for x in (a.vararg, a.kwarg) if x]
    return [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, *stars)]


def _known(code):
    flags = code.co_flags
    stars = bool(flags & inspect.CO_VARARGS) + bool(flags & inspect.CO_VARKEYWORDS)
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + stars])


def _spans(node, code):
    """Does the node cover just what the code was compiled from (PEP 657)?"""
    body = node.body if isinstance(node, ast.Lambda) else node
    places = [p for p in code.co_positions() if None not in p and p[3] > p[2]]
    start = min(((p[0], p[2]) for p in places), default=None)
    end = max(((p[1], p[3]) for p in places), default=None)
    return (start, end) == ((body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset))


def _as_def(node, name):
    """A lambda is a def whose body is one return; a def loses its decorators."""
    if isinstance(node, ast.Lambda):
        body = [ast.copy_location(ast.Return(node.body), node.body)]
        new = ast.parse("def f(): pass").body[0]
        new.name, new.args, new.body = "lambda_", node.args, body
        return ast.copy_location(new, node)
    node.decorator_list = []
    return node


def _without_defaults(node):
    """Defaults and annotations were evaluated once, when the user's function was made."""
    args = node.args
    args.defaults = [ast.copy_location(ast.Constant(None), d) for d in args.defaults]
    args.kw_defaults = [d and ast.copy_location(ast.Constant(None), d) for d in args.kw_defaults]
    node.returns = None
    for a in ast.walk(args):
        if isinstance(a, ast.arg):
            a.annotation = None


class _Mangled(ast.NodeTransformer):
    """`self.__x` inside class C means `self._C__x`; outside the class it has to be written so."""

    def __init__(self, owner):
        self.prefix = "_" + owner.lstrip("_")

    def _name(self, name):
        private = name.startswith("__") and not name.endswith("__")
        return self.prefix + name if private else name

    def visit_Attribute(self, node):
        self.generic_visit(node)
        node.attr = self._name(node.attr)
        return node

    def visit_Name(self, node):
        node.id = self._name(node.id)
        return node


__all__ = ["MISSING", "Text", "names", "place", "read"]
