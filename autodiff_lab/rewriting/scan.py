"""What can be said about a body at a glance: who is assigned what, how often, and who is shared."""

import ast


def always_returns(body):
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return always_returns(last.body) and always_returns(last.orelse)
    return isinstance(last, (ast.Return, ast.Raise))


def only_result(body):
    """The variable that the function returns, if it returns one and in one place."""
    returns = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Return)]
    if len(returns) == 1 and returns[0] is body[-1] and isinstance(returns[0].value, ast.Name):
        return returns[0].value.id
    return None


def bindings(node, result=None):
    """`(target, value)` pairs: what flows where, as far as activity goes."""
    if isinstance(node, ast.Return) and node.value and result:
        yield ast.Name(result, ast.Store()), node.value
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from paired(target, node.value)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)) and node.value:
        yield node.target, node.value
    elif isinstance(node, ast.For):
        yield from of_loop(node.target, node.iter)
    elif is_append(node):
        yield node.func.value, node.args[0]


def of_loop(target, over):
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name):
        pair = isinstance(target, ast.Tuple)
        if over.func.id == "enumerate" and pair and len(target.elts) == 2:
            yield from of_loop(target.elts[1], over.args[0])
            return
        if over.func.id == "zip" and pair and len(target.elts) == len(over.args):
            for part, values in zip(target.elts, over.args, strict=True):
                yield from of_loop(part, values)
            return
    yield target, over


def paired(target, value):
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        if len(target.elts) == len(value.elts):
            for t, v in zip(target.elts, value.elts, strict=True):
                yield from paired(t, v)
            return
    yield target, value


def aliases(body):
    """Names that may be one tensor with another, and which names look into which."""
    copied, views = set(), {}
    nodes = [n for s in body for n in ast.walk(s) if not isinstance(n, ast.AugAssign)]
    for target, value in (b for n in nodes for b in bindings(n)):
        if isinstance(target, ast.Name) and isinstance(value, ast.Name):
            copied |= {target.id, value.id}
        while isinstance(value, ast.Subscript):
            value = value.value
            if isinstance(target, ast.Name) and isinstance(value, ast.Name):
                views.setdefault(value.id, set()).add(target.id)
    return copied, views


def rename_cotangents(tree):
    """`bx` will be the cotangent of x: a variable that is called so already gets another name."""
    stored = {n.id for n in ast.walk(tree) if is_store(n)}
    names = stored | {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)} | {"out"}
    for name in sorted(stored):
        if name[0] == "b" and name[1:] in names:
            new = f"{name}_"
            while new in names:
                new += "_"
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id == name:
                    node.id = new


def rename_comprehensions(tree):
    """A comprehension's variables are its own: one that is known outside gets another name."""
    inner = [n for n in ast.walk(tree) if isinstance(n, (ast.ListComp, ast.GeneratorExp))]
    within = {id(n) for c in inner for n in ast.walk(c)}
    outside = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in within}
    outside |= {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
    for made in inner:
        own = {n.id for g in made.generators for n in ast.walk(g.target) if is_store(n)}
        first = {id(n) for n in ast.walk(made.generators[0].iter)}  # is outside
        for node in ast.walk(made):
            if isinstance(node, ast.Name) and node.id in own & outside and id(node) not in first:
                node.id = f"{node.id}_of_it"


def lists(body):
    """Names that are only ever assigned a list that is written out."""
    found = {}
    for target, value in (b for n in _assigning(body) for b in bindings(n)):
        if isinstance(target, ast.Name):
            found.setdefault(target.id, []).append(isinstance(value, ast.List))
    items = {n.id for s in body for f in ast.walk(s) if isinstance(f, ast.For)
             for n in ast.walk(f.target) if isinstance(n, ast.Name)}  # fmt: skip
    found |= dict.fromkeys(items, [False])
    return {name for name, kinds in found.items() if all(kinds)}


def _assigning(body):
    return (n for s in body for n in ast.walk(s) if not isinstance(n, ast.For))


def containers(body):
    """Names that are, somewhere, assigned a list or a tuple that is written out."""
    shown = (ast.List, ast.ListComp, ast.Tuple)
    pairs = [b for n in _assigning(body) for b in bindings(n)]
    return {t.id for t, v in pairs if isinstance(t, ast.Name) and _shows(v, shown)}


def _shows(value, kinds):
    """A display, or displays joined and repeated."""
    if isinstance(value, ast.BinOp):
        return _shows(value.left, kinds) or _shows(value.right, kinds)
    return isinstance(value, kinds)


def assignments(body, parameters):
    """How often each name is assigned, as a parameter or in the text."""
    counts = dict.fromkeys(parameters, 1)
    for node in (n for s in body for n in ast.walk(s)):
        if is_store(node):
            counts[node.id] = counts.get(node.id, 0) + 1
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            for name in bases(node):
                counts[name] = counts.get(name, 0) + 1
        elif is_append(node):
            counts[node.func.value.id] = counts.get(node.func.value.id, 0) + 1
    return counts


def is_store(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def bases(target):
    """The names that an assignment changes: `x`, and the x of `x[i]`."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from bases(part)
    elif isinstance(target, ast.Subscript):
        yield from bases(target.value)


def is_append(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append"
        and isinstance(node.func.value, ast.Name)
        and len(node.args) == 1
    )


def is_call(node, name):
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        and not node.keywords
    )  # fmt: skip


def loaded(target):
    if isinstance(target, ast.Name):
        made = ast.Name(target.id, ast.Load())
    else:
        made = ast.Subscript(target.value, target.slice, ast.Load())
    return ast.copy_location(made, target)


def entry(node, index):
    made = ast.Subscript(node, ast.Name(index, ast.Load()), ast.Load())
    return ast.fix_missing_locations(ast.copy_location(made, node))


def quoted(text, node):
    """Text as an expression that stands where `node` stood."""
    made = ast.parse(text, mode="eval").body
    for part in ast.walk(made):
        ast.copy_location(part, node)
    return made


def number_of(node):
    """The number that a literal stands for, or None."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return None
    return value if type(value) in (int, float) else None


def is_number(node):
    return number_of(node) is not None
