"""A function as basic blocks: straight pieces of code, and where each of them goes on.

`if`, `while`, `for`, `break`, `and`, `or`, conditional expressions, comprehensions and calls of the
user's own functions all end a block; so inside a block there is nothing to decide. What an
expression has computed before it is cut in two goes into names of its own (`_1`, `_2`).
"""

import ast
import copy

from autodiff_lab.reading import names

from ...lifting.canonical import Fresh, assign, flow_call
from .jumps import Block, Branch, Call, Go, Return, skipped
from .own import Finish, Renamed
from .whiles import While


class Cutter:
    """Cuts one function. `pushes(call)`: is it a call that gets a frame of its own?"""

    def __init__(self, text, tree, pushes, define):
        self.text, self.pushes, self.define = text, pushes, define
        self.fresh, self.blocks = Fresh(tree), []
        self.loops, self.heads, self.whiles = [], set(), []
        self.here = None
        first = Block()
        self.enter(first)
        self.statements(tree.body)
        self.jump(Return(ast.copy_location(ast.Constant(None), tree.body[-1])))
        self.first = skipped(first)
        for block in self.reached():
            self.ask_at_once(block)
        reached = self.reached()
        self.blocks = [b for b in self.blocks if b in reached]
        self.whiles = [While(place, skipped(head), skipped(first), reached & tests, reached & body)
                       for place, head, first, tests, body in self.whiles]  # fmt: skip

    def reached(self):
        """The blocks that somebody comes to; who comes to nothing goes on to what is behind it."""
        found, todo = set(), [self.first]
        while todo:
            block = todo.pop()
            if block not in found:
                found.add(block)
                block.jump = type(block.jump)(*[skipped(x) if isinstance(x, Block) else x
                                                for x in block.jump])  # fmt: skip
                todo += [x for x in block.jump if isinstance(x, Block)]
        return found

    def ask_at_once(self, block):
        """`if` behind a block that goes straight there needs no turn of its own. (Examples wait for
        each other where a loop begins; a function sees a name when its block is done.)"""
        to = block.jump.to if type(block.jump) is Go else None
        if to is None or to.body or type(to.jump) is not Branch or to in self.heads:
            return
        around = [{*tests, *body} for *_, tests, body in self.whiles]
        seen = any(n in self.define.captured for n in names.bound(*block.body))
        if not seen and all((block in inside) == (to in inside) for inside in around):
            block.jump = to.jump._replace(test=copy.deepcopy(to.jump.test))

    # ----- blocks -----
    def enter(self, block):
        """What follows goes into this block."""
        if self.here is not None:
            self.jump(Go(block))
        self.here = block
        self.blocks.append(block)

    def jump(self, jump):
        """The block is done; what follows an exit is never reached."""
        if self.here is None:
            return
        self.here.jump = type(jump)(*[self.finished(x) if isinstance(x, ast.AST) else x
                                      for x in jump])  # fmt: skip
        self.here = None

    def emit(self, s):
        if self.here is None:
            self.enter(Block())
        self.here.body.append(self.finished(s))
        bound = names.bound(s)
        if any(n in self.define.captured for n in bound):  # a function may look at it from now on
            self.enter(Block())

    def finished(self, node):
        return Finish(self.define).visit(node)

    # ----- statements -----
    def statements(self, found):
        for s in found:
            if self.here is None:
                self.enter(Block())
            own = getattr(self, f"on_{type(s).__name__.lower()}", None)
            own(s) if own else self.plain(s)

    def plain(self, s):
        """A statement that goes on with the next."""
        for field, value in ast.iter_fields(s):
            if isinstance(value, ast.expr) and field not in ("target", "targets"):
                setattr(s, field, self.expr(value))
        self.emit(s)

    def on_with(self, s):
        self.emit(s)  # as a whole, by masking

    def on_raise(self, s):
        self.plain(s)
        self.jump(Return(ast.copy_location(ast.Constant(None), s)))

    def on_functiondef(self, s):
        if s.decorator_list:
            raise self.text.refusal(s, "a decorated function inside a function is not cut into "
                                       "blocks; define it outside")  # fmt: skip
        self.emit(assign(s.name, self.expr(self.define(s)), s))

    def on_return(self, s):
        value = s.value or ast.copy_location(ast.Constant(None), s)
        self.jump(Return(self.expr(value)))

    def on_if(self, s):
        yes, after = Block(), Block()
        no = Block() if s.orelse else after
        self.test(s.test, yes, no)
        self.enter(yes)
        self.statements(s.body)
        if s.orelse:
            self.jump(Go(after))
            self.enter(no)
            self.statements(s.orelse)
        self.enter(after)

    def on_while(self, s):
        head, body, otherwise, after = Block(), Block(), Block(), Block()
        self.enter(head)
        self.test(s.test, body, otherwise)
        self.enter(body)
        self.loop(s, head, otherwise, after)

    def loop(self, s, head, otherwise, after):
        """The head comes after the body: who is done with a trip waits for the others there."""
        start = self.blocks.index(head)
        stop = self.blocks.index(self.here)
        self.loops.append((head, after))
        self.heads.add(head)
        first = self.here
        self.statements(s.body)
        self.jump(Go(head))
        self.loops.pop()
        if isinstance(s, ast.While):
            tests, body = self.blocks[start:stop], self.blocks[self.blocks.index(first) :]
            place = f"line {s.lineno}: `{self.text.line(s).strip()}`"
            self.whiles.append((place, head, first, set(tests), set(body)))
        self.blocks += self.blocks[start:stop]
        del self.blocks[start:stop]
        self.enter(otherwise)
        self.statements(s.orelse)
        self.enter(after)

    def on_break(self, s):
        self.jump(Go(self.loops[-1][1]))

    def on_continue(self, s):
        self.jump(Go(self.loops[-1][0]))

    def on_for(self, s):
        """`walk` goes through the items, `i` is the number of the next."""
        walk, i = self.fresh("walk"), self.fresh("i")
        self.emit(assign(walk, flow_call("walk", self.expr(s.iter), at=s.iter), s))
        self.emit(assign(i, ast.Constant(0), s))
        head, body, otherwise, after = Block(), Block(), Block(), Block()
        self.enter(head)
        self.test(flow_call("more", _name(walk), _name(i), at=s.iter), body, otherwise)
        self.enter(body)
        item = flow_call("at", _name(walk), _name(i), at=s.iter)
        self.emit(ast.copy_location(ast.Assign([s.target], item), s.iter))
        self.emit(assign(i, ast.BinOp(_name(i), ast.Add(), ast.Constant(1)), s.iter))
        self.loop(s, head, otherwise, after)

    def on_assert(self, s):
        fails, after = Block(), Block()
        self.test(s.test, after, fails)
        self.enter(fails)
        error = ast.Call(_name("AssertionError"), [s.msg] if s.msg else [], [])
        self.on_raise(ast.copy_location(ast.Raise(ast.copy_location(error, s), None), s))
        self.enter(after)

    # ----- tests -----
    def test(self, e, yes, no):
        if isinstance(e, ast.BoolOp):
            for value in e.values[:-1]:
                follows = Block()
                self.test(value, *((follows, no) if isinstance(e.op, ast.And) else (yes, follows)))
                self.enter(follows)
            self.test(e.values[-1], yes, no)
        elif isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            self.test(e.operand, no, yes)
        elif isinstance(e, ast.Constant):
            self.jump(Go(yes if e.value else no))
        else:
            self.jump(Branch(self.expr(e), yes, no))

    # ----- expressions -----
    def expr(self, e):
        """What is left of an expression when all that ends a block has been done."""
        if not self.cuts(e):
            return e
        own = getattr(self, f"on_{type(e).__name__.lower()}", None)
        return own(e) if own else self.parts(e)

    def cuts(self, e):
        """Is there something in it that ends a block?"""
        return any(decides(x) or (isinstance(x, ast.Call) and self.pushes(x)) for x in _inside(e))

    def parts(self, e):
        """One after the other; what stands before a cut gets a name."""
        slots = list(_slots(e))
        for k, (owner, field, at) in enumerate(slots):
            new = self.expr(_of(owner, field, at))
            rest = [_of(*slot) for slot in slots[k + 1 :]]
            _put(owner, field, at, self.saved(new) if any(map(self.cuts, rest)) else new)
        return e

    def saved(self, e):
        if isinstance(e, (ast.Constant, ast.Name, ast.Starred)) or _is_path(e):
            return e
        name = self.fresh("_1")
        self.emit(assign(name, e, e))
        return ast.copy_location(_name(name), e)

    def on_call(self, e):
        self.parts(e)
        if not self.pushes(e):
            return e
        target, after = self.fresh("_1"), Block()
        args = ast.Tuple(e.args, ast.Load())
        keys = [k.arg and ast.Constant(k.arg) for k in e.keywords]
        kwargs = ast.Dict(keys, [k.value for k in e.keywords])
        self.jump(Call(e.func, *[ast.fix_missing_locations(ast.copy_location(x, e))
                                 for x in (args, kwargs)], target, after,
                       getattr(e, "loans", None)))  # fmt: skip
        self.enter(after)
        return ast.copy_location(_name(target), e)

    def on_ifexp(self, e):
        yes, no, after, name = Block(), Block(), Block(), self.fresh("_1")
        self.test(e.test, yes, no)
        for block, value in ((yes, e.body), (no, e.orelse)):
            self.enter(block)
            self.emit(assign(name, self.expr(value), value))
            self.jump(Go(after))
        self.enter(after)
        return ast.copy_location(_name(name), e)

    def on_boolop(self, e):
        """`a and b` is a, if that is false."""
        after, name = Block(), self.fresh("_1")
        for value in e.values[:-1]:
            self.emit(assign(name, self.expr(value), value))
            follows, test = Block(), ast.copy_location(_name(name), value)
            pair = (follows, after) if isinstance(e.op, ast.And) else (after, follows)
            self.jump(Branch(test, *pair))
            self.enter(follows)
        self.emit(assign(name, self.expr(e.values[-1]), e.values[-1]))
        self.enter(after)
        return ast.copy_location(_name(name), e)

    def on_compare(self, e):
        """`a < b < c` is `a < b and b < c`, with b evaluated once."""
        if len(e.ops) == 1:
            return self.parts(e)
        after, name = Block(), self.fresh("_1")
        left = self.named(e.left)
        for k, (op, value) in enumerate(zip(e.ops, e.comparators, strict=True)):
            right = self.named(value)
            one = ast.copy_location(ast.Compare(left, [op], [right]), e)
            self.emit(assign(name, one, e))
            if k < len(e.ops) - 1:
                follows = Block()
                self.jump(Branch(ast.copy_location(_name(name), e), follows, after))
                self.enter(follows)
            left = copy.copy(right)
        self.enter(after)
        return ast.copy_location(_name(name), e)

    def named(self, e):
        return self.saved(self.expr(e))

    def on_listcomp(self, e):
        """A comprehension is a loop that appends; its variables are its own."""
        found = self.fresh("_1")
        own = {n: self.fresh(n) for g in e.generators for n in names.bound(g.target)}
        add = ast.Call(ast.Attribute(_name(found), "append", ast.Load()), [e.elt], [])
        body = [ast.Expr(add)]
        for g in reversed(e.generators):
            for test in reversed(g.ifs):
                body = [ast.If(test, body, [])]
            body = [ast.For(g.target, g.iter, body, [])]
        loop = Renamed(own, e.generators[0].iter).visit(body[0])
        for node in ast.walk(loop):
            if not hasattr(node, "lineno") and "lineno" in node._attributes:
                ast.copy_location(node, e)
        self.define.look(loop)
        self.emit(assign(found, ast.copy_location(ast.List([], ast.Load()), e), e))
        self.statements([loop])
        return ast.copy_location(_name(found), e)

    on_generatorexp = on_listcomp

    def on_dictcomp(self, e):
        pair = ast.copy_location(ast.Tuple([e.key, e.value], ast.Load()), e.value)
        pairs = ast.copy_location(ast.ListComp(pair, e.generators), e)
        return self.expr(ast.copy_location(ast.Call(_name("dict"), [pairs], []), e))


def _name(n):
    return ast.Name(n, ast.Load())


def decides(node):
    if isinstance(node, ast.Compare):
        return len(node.ops) > 1
    if isinstance(node, ast.DictComp):
        return True
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):  # a plain one is a step like others
        first, *more = node.generators
        plain = isinstance(first.target, ast.Name) and not first.ifs and not more
        return not plain or any(isinstance(x, ast.Lambda) for x in ast.walk(node))
    return isinstance(node, (ast.BoolOp, ast.IfExp))


def _inside(e):
    """The nodes of an expression, without the bodies of functions in it."""
    yield e
    children = ast.iter_child_nodes(e)
    if isinstance(e, ast.Lambda):
        children = [*e.args.defaults, *[d for d in e.args.kw_defaults if d]]
    for child in children:
        yield from _inside(child)


def _is_path(e):
    """`np.tanh`, `x.append`: looked up again, it is what it was."""
    while isinstance(e, ast.Attribute):
        e = e.value
    return isinstance(e, ast.Name)


def _slots(e):
    """The places of the parts of an expression, in the order in which Python evaluates them."""
    for field, value in ast.iter_fields(e):
        for at, x in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(x, ast.expr):
                yield e, field, at
            elif isinstance(x, ast.keyword):
                yield x, "value", None


def _of(owner, field, at):
    found = getattr(owner, field)
    return found if at is None else found[at]


def _put(owner, field, at, new):
    if at is None:
        setattr(owner, field, new)
    else:
        getattr(owner, field)[at] = new
