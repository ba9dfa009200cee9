"""What Python writes in a line and means as several: comprehensions, `sum`, `max`, keywords."""

import ast
import inspect

from .scan import bases, of_loop


class Inline:
    """The part of `Adjoints` that writes such a line out first."""

    def _ListComp(self, name, value):
        """`name = [elt for ...]`: a list that grows in a loop."""
        made = self.small.fresh(name)
        self.small.lists.add(made)
        body = ast.Expr(ast.Call(_dot(_load(made), "append"), [value.elt], []))
        self._looped(made, ast.List([], ast.Load()), value, body)
        self._copy(name, self.small.name(made))

    def _looped(self, made, start, comprehension, body):
        """`made` starts, and the body runs once for each item that the conditions let through."""
        small = self.small
        small.active.add(made)
        small.counts[made] = 3  # it is not the same all the way
        for generator in reversed(comprehension.generators):
            for test in reversed(generator.ifs):
                body = ast.If(test, [body], [])
            body = ast.For(generator.target, generator.iter, [body], [])
            for target, item in of_loop(generator.target, generator.iter):
                small.local |= set(bases(target))
                small.active |= set(bases(target)) if small.carries(item) else set()
        small.bind(made, start)
        for part in ast.walk(body):
            if not hasattr(part, "lineno"):
                ast.copy_location(part, comprehension)
        small.steps += small._block([body])

    def _sum(self, name, value):
        """Python's `sum`: a loop too."""
        items, made = value.args[0], self.small.fresh(name)
        start = value.args[1] if len(value.args) > 1 else ast.Constant(0)
        if not isinstance(items, (ast.ListComp, ast.GeneratorExp)):
            item = self.small.fresh("item")
            over = ast.comprehension(ast.Name(item, ast.Store()), items, [], 0)
            items = ast.copy_location(ast.ListComp(_load(item), [over]), value)
        total = ast.BinOp(_load(made), ast.Add(), items.elt)
        body = ast.Assign([ast.Name(made, ast.Store())], total)
        self._looped(made, ast.copy_location(start, value), items, body)
        self._copy(name, self.small.name(made))

    def _extreme(self, name, value, sign):
        """Python's `max` and `min` of a few: the first of the best."""
        best, *others = [self.small._held(a) for a in value.args]
        for other in others:
            test = ast.Compare(other, [sign], [best])
            best = ast.copy_location(ast.IfExp(test, other, best), value)
            best = best if other is others[-1] else self.small._held(best)
        for part in ast.walk(best):
            ast.copy_location(part, value)
        self.small.bind(name, best)

    def _in_position(self, call, function):
        """A call of the user's own function, with the keywords that have a position put there."""
        keywords = {k.arg: k.value for k in call.keywords}
        if None in keywords or not any(map(self.small.carries, keywords.values())):
            return call
        try:
            bound = inspect.signature(function).bind(*call.args, **keywords)
        except TypeError as e:
            raise self.refusal(call, str(e)) from None
        rest = [ast.keyword(name, v) for name, v in bound.kwargs.items()]
        return ast.copy_location(ast.Call(call.func, list(bound.args), rest), call)


def _load(name):
    return ast.Name(name, ast.Load())


def _dot(owner, name):
    return ast.Attribute(owner, name, ast.Load())
