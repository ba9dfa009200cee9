"""A function, ready to be run block by block: what each block reads and writes, and its code."""

import ast
import copy
import inspect
import weakref

from autodiff_lab.reading import names, read

from ...errors import MaskError
from ...lifting import lending
from ...lifting.canonical import Fresh, Parts, canonical, flow_call, understood
from ...lifting.liveness import live
from ...lifting.meeting import sharing_of
from ...lifting.rewrite import Expressions, Rewriter, watch
from .blocks import Cutter
from .sites import Sites, roots

MANY = 32  # ways to cut a function that are remembered
_codes: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Code:
    """A function's text. `outer` are the blocks of the function around it, if it has one."""

    def __init__(self, text, tree, signature, outer=None):
        self.text, self.tree, self.signature, self.outer = text, tree, signature, outer
        self.name, self.graphs, self.made = tree.name, {}, None
        self.whole = copy.deepcopy(tree)
        fresh = Fresh(tree)
        understood(text, tree, fresh)
        tree.body = Parts(tree, fresh).whole(tree.body)
        self.written = _watch_writes(text, tree)
        self.parameters = [a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)]
        self.own = {*self.parameters, *names.bound(*tree.body)}
        around = outer.home if outer else lambda name: None
        self.free = [n for n in names.used(tree) if around(n) is not None]
        self.roots = roots(self)

    def home(self, name):
        """How many functions further out a name belongs; None if it is a global one."""
        if name in self.own:
            return 0
        hops = self.outer.home(name) if self.outer else None
        return None if hops is None else hops + 1

    def bind(self, args, kwargs, defaults):
        """Which parameter gets what; `defaults` are those of a function that the run has made."""
        bound = self.signature.bind(*args, **kwargs)
        given = set(bound.arguments)
        bound.apply_defaults()
        bound.arguments.update({n: x for n, x in defaults.items() if n not in given})
        return bound

    def graph(self, peek):
        """The blocks; `peek(name)` is what all examples share under a name (see `sites`)."""
        sites = Sites(self, peek)
        if sites.key not in self.graphs:
            if len(self.graphs) >= MANY:  # a new function as an argument, each time
                self.graphs.clear()
            self.graphs[sites.key] = Graph(self, sites)
        return self.graphs[sites.key]


def code_of(f):
    """The `Code` of a function of the user's, which is read once; its defaults may be new."""
    if f not in _codes:
        text = read(f, MaskError)
        _codes[f] = Code(text, text.tree, inspect.signature(f))
        _codes[f].defaults = f.__defaults__
    if _codes[f].defaults is not f.__defaults__:
        _codes[f].signature, _codes[f].defaults = inspect.signature(f), f.__defaults__
    return _codes[f]


def _watch_writes(text, tree):
    """Writes into a tensor that somebody else may look at are noted, and loans (see `sharing`)."""
    found = [n for n in ast.walk(tree) if isinstance(n, (ast.Assign, ast.Call))]
    for k, n in enumerate(found):
        n.mark = k
    sharing = sharing_of(text, copy.deepcopy(tree))
    for s, name, held in sharing.writes():
        watch(found[s.mark].value, name, held)
    for call, loans in sharing.lent():
        if hasattr(call, "mark"):
            found[call.mark].loans = loans
    return sharing.written()


class Graph:
    """The blocks of a function, and the table of its frames' variables."""

    def __init__(self, code, sites):
        self.code, self.outer, self.kept = code, code.outer, sites.kept
        self.define = Define(code, self, sites.makes)
        cutter = Cutter(code.text, copy.deepcopy(code.tree), sites.pushes, self.define)
        self.blocks, self.first, self.whiles = cutter.blocks, cutter.first, cutter.whiles
        targets = [b.jump.target for b in self.blocks if hasattr(b.jump, "target")]
        self.own = {*code.own, *[n for b in self.blocks for n in names.bound(*b.body)], *targets}
        needed = {n for b in self.blocks for n in _read(b)} | self.define.captured
        for block in self.blocks:
            self._finish(block, needed)

    def home(self, name):
        return 0 if name in self.own else self.code.home(name)

    def _finish(self, block, needed):
        """What a block reads (and how many functions further out), what it writes, its code."""
        homes = [(n, self.home(n)) for n in _read(block)]
        block.graph, block.inputs = self, [(n, h) for n, h in homes if h is not None]
        block.outputs = [n for n in names.bound(*block.body) if n in needed]
        places = [x for x in (*block.body, *block.asked) if hasattr(x, "lineno")]
        at = min(places, key=lambda x: x.lineno, default=self.code.tree)
        block.line, block.text = at.lineno, self.code.text.line(at).strip()
        tree = ast.parse("def block(): return ()").body[0]
        found = ast.Tuple([*[_name(n, at) for n in block.outputs], *block.asked], ast.Load())
        tree.args.args = [ast.arg(n) for n, _ in block.inputs]
        tree.body = [*block.body, ast.Return(found)]
        for node in (tree, tree.body[-1], found, *tree.args.args):
            ast.copy_location(node, at)
        block.tree, block.asks = tree, len(block.asked)

    def compiled(self, block):
        """What runs a block: a function of what it reads."""
        if block.run is None:
            from .flow import FLOW

            tree = OfBlock(self.code.text, ast.fix_missing_locations(block.tree)).tree
            block.run = self.code.text.function(tree, flow=FLOW)
            lending.remember(block.run.__code__, tree)
        return block.run


def _name(n, at):
    return ast.copy_location(ast.Name(n, ast.Load()), at)


def _read(block):
    """The names that a block reads before it writes them."""
    found, known = [], set()
    for s in (*block.body, *block.asked):
        kept = names.bound(*s.body) if isinstance(s, ast.With) else []  # some examples keep theirs
        found += [n for n in (*names.used(s), *kept) if n not in known]
        known |= set(names.bound(s))
    return list(dict.fromkeys(found))


class OfBlock(Rewriter):
    """Lifts a block. What is decided in it (under a `with`) is decided by masks."""

    def __init__(self, text, tree):
        self.text = text
        tree = canonical(text, tree)
        live(tree.body, ())
        self.fresh = Fresh(tree)
        self.locals = {*[a.arg for a in tree.args.args], *names.bound(*tree.body)}
        self.expression, self.doubtful = Expressions(self), set(names.bound(*tree.body))
        tree.body = self.block(tree.body)
        self.tree = ast.fix_missing_locations(tree)


class Define:
    """The functions that are defined inside a function. `captured` are the names that they read."""

    def __init__(self, code, graph, makes):
        self.code, self.graph, self.makes = code, graph, makes
        self.trees, self.codes = [], {}
        self.captured = set()
        self.look(*code.tree.body)

    def look(self, *statements):
        found = [x for s in statements for x in ast.walk(s)]
        inner = [x for x in found if isinstance(x, (ast.FunctionDef, ast.Lambda))]
        self.captured |= {n for f in inner for n in names.used(f)}

    def __call__(self, node):
        """The expression that makes the function of a `def` or a `lambda`."""
        tree, a = copy.deepcopy(node), node.args
        if isinstance(node, ast.Lambda):
            tree = ast.parse("def lambda_(): pass").body[0]
            tree.args, tree.body = copy.deepcopy(a), [ast.Return(copy.deepcopy(node.body))]
            for new in (tree, tree.body[0]):
                ast.copy_location(new, node.body)
        positional = [x.arg for x in (*a.posonlyargs, *a.args)]
        pairs = list(zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True))
        pairs += [(x.arg, d) for x, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d]
        self.trees.append(tree)
        defaults = [ast.Tuple([ast.Constant(n), d], ast.Load()) for n, d in pairs]
        number = ast.Constant(len(self.trees) - 1)
        return flow_call("function", number, ast.Tuple(defaults, ast.Load()), at=node)

    def code_of(self, k):
        if k not in self.codes:
            tree = self.trees[k]
            self.codes[k] = Code(self.code.text, tree, _signature(tree), self.graph)
        return self.codes[k]


def _signature(tree):
    """What a function takes; what its defaults are is known where it is made."""
    tree = copy.deepcopy(tree)
    tree.body, tree.returns, a = [ast.Pass()], None, tree.args
    a.defaults = [ast.Constant(None) for _ in a.defaults]
    a.kw_defaults = [d and ast.Constant(None) for d in a.kw_defaults]
    for x in ast.walk(a):
        if isinstance(x, ast.arg):
            x.annotation = None
    found: dict = {}
    exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<signature>", "exec"), found)
    return inspect.signature(found[tree.name])
