"""A transformed program: the function, those it calls, and the names that their text reads."""

import ast
import builtins
import inspect
import itertools
import linecache
import sys

from .. import writing
from ..errors import AutodiffError
from ..reading import MISSING, read
from ..writing.lines import Names
from . import meaning, runtime
from .plain_text import PlainText
from .printing import Printer, parameters_text
from .small import Small
from .steps import words_in
from .sweeps import Sweeps

RUNTIME = meaning.RUNTIME


class Program:
    def __init__(self, f, scalars=False):
        self.scalars = scalars
        self.framework = meaning.framework_of(_objects(f))
        if self.framework:
            self.verbs = writing.verbs(self.framework)
        else:
            self.verbs = PlainText()
        self.helpers, self.pulls, self.space = set(), {}, {}
        self.functions, self.texts, self.words = {}, [], {}
        self.names = Names({*dir(runtime), "torch", "jax", "jnp", "math", "operator"})

    # ----- what the text calls -----
    def pull(self, function, wrt):
        """The name of the pull of a function, as the text spells it."""
        if (function, wrt) not in self.pulls:
            short = function.strip("'.").split(".")[-1]
            self.pulls[function, wrt] = self.names.new(f"pull_{short}")
            self.helpers.add("pull")
        return self.pulls[function, wrt]

    def pullback_of(self, function, wrt, node, caller):
        """The name of a user's function in its form `f_vjp(*args) -> value, back`."""
        if (function, wrt) in self.functions:
            return self.functions[function, wrt]
        name = self.names.new(f"{function.__name__}_vjp".replace("<lambda>", "lambda"))
        self.functions[function, wrt] = name
        try:
            text = read(function)
        except AutodiffError as e:
            raise caller.refusal(node, str(e)) from None
        self.texts.append(self._pullback_text(text, wrt, name))
        return name

    # ----- functions as text -----
    def _sweeps(self, text, wrt, called=False):
        skip = text.bound_to is not None
        chosen = [text.parameters[i + skip] for i in wrt]
        self.words[text] = words_in(_source_of(text))  # before its tree is taken apart
        taken = self.words[text] | set(text.parameters) | set(dir(builtins))
        names = Names(taken | self.names.taken)
        small = Small(text, chosen, self, names, called)
        _check_names(text, small)
        sweeps = Sweeps(small, chosen, self.framework)
        results = [f"b{n}" if n in sweeps.defined else f"zeros_like({n})" for n in chosen]
        self.helpers |= {"zeros_like"} & words_in(" ".join(results))
        return sweeps, Printer(sweeps, results), results

    def _finished(self, text, sweeps):
        self.helpers |= sweeps.helpers

    def gradient(self, f, argnums, cotangent):
        text = read(f)
        _check_argnums(text, argnums)
        sweeps, printer, results = self._sweeps(text, argnums)
        result = sweeps.small.result
        name = self.names.new(f"{text.tree.name}_grad")
        seed = []
        if result in sweeps.active:
            seed = [f"b{result} = cotangent" if cotangent else f"b{result} = one_like({result})"]
            self.helpers.add("one_like")
        forward, back = printer.sweeps_text(seed)
        head = parameters_text(text.tree, text.bound_to is not None)
        head += (", *, cotangent" if head and not text.tree.args.kwonlyargs else ", cotangent") * (
            cotangent
        )
        if result in printer.restored:  # the way back makes it what it was at first
            value = sweeps.names.new("value")
            forward, result = [*forward, f"    {value} = {result}"], value
        lines = [f"def {name}({head}):", "    # ----- forward -----", *forward, "",
                 "    # ----- backward -----", *back,
                 f"    return {result}, {_tuple(results)}"]  # fmt: skip
        self._finished(text, sweeps)
        return self._made(text, lines, name)

    def _pullback_text(self, text, wrt, name):
        sweeps, printer, results = self._sweeps(text, wrt, called=True)
        result = sweeps.small.result
        forward, back = printer.sweeps_text()
        head = parameters_text(text.tree, text.bound_to is not None)
        changed = sorted({*printer.restored} & _bound_in(forward, text))
        inner = [f"    def back(b{result}):"]
        inner += [f"        nonlocal {', '.join(changed)}"] if changed else []
        inner += ["    " + line for line in back]
        inner += [f"        return {_tuple(results)}", ""]
        self._finished(text, sweeps)
        lines = [f"def {name}({head}):", *forward, "", *inner, f"    return {result}, back"]
        self._learn(text, lines)
        return "\n".join(lines)

    # ----- the whole text -----
    def _made(self, text, lines, name):
        self._learn(text, lines)
        body = "\n\n\n".join([*self.texts, "\n".join(lines)])
        source = self._header(body) + "\n\n\n" + body
        title = f"gradient of {text.name}"
        return source, _compiled(source, title, self.space, name)

    def _learn(self, text, lines):
        """What the free names of the text mean now."""
        written = words_in("\n".join(line.split("  # ")[0] for line in lines))
        for word in sorted(written & self.words[text]):
            if word in text.parameters[text.bound_to is not None :]:
                continue
            value = text.value(word)
            if value is MISSING or getattr(builtins, word, MISSING) is value:
                continue
            if word in HELPERS and value is not getattr(runtime, word):
                raise AutodiffError(
                    f"{text.name} reads {word}, and the generated text calls a function of its own "
                    "by that name; rename yours"
                )
            if self.space.setdefault(word, value) is not value:
                raise AutodiffError(
                    f"{word} means different things in two of the functions that {text.name} is "
                    "made of; rename one"
                )

    def _header(self, body):
        used = words_in(body) | words_in(" ".join(f for f, _ in self.pulls))
        lines = []
        for word, line in IMPORTS.items():
            if word in used and (word not in self.space or inspect.ismodule(self.space[word])):
                lines.append(line)
                self.space.setdefault(word, _module(word))
        helpers = sorted(h for h in self.helpers if h in words_in(body) | {"pull"})
        helpers = [h for h in helpers if h != "pull" or self.pulls]
        if helpers:
            lines.append(f"from {RUNTIME} import {', '.join(helpers)}")
        constants = sorted(n for n, v in self.space.items() if n in used and n not in IMPORTS)
        if constants:
            lines.append(f"# from the program, as they are now: {', '.join(constants)}")
        lines += [""] * bool(self.pulls) + [
            f"{name} = pull({function}, {', '.join(map(str, wrt))})"
            for (function, wrt), name in self.pulls.items()
        ]
        return "\n".join(lines) or "# plain Python"


IMPORTS = {
    "math": "import math", "operator": "import operator", "torch": "import torch",
    "jax": "import jax", "jnp": "import jax.numpy as jnp",
}  # fmt: skip


def _module(word):
    return sys.modules.get({"jnp": "jax.numpy"}.get(word, word))


def _compiled(source, title, space, name):
    """The function, whose text keeps a file of its own: tracebacks and `inspect` show it."""
    title = f"<{title} {next(_numbers)}>"
    linecache.cache[title] = (len(source), None, source.splitlines(True), title)
    space = dict(space)
    exec(compile(source, title, "exec"), space)
    return space[name]


_numbers = itertools.count(1)


def _objects(f):
    """What the free names of a function, and of the functions it calls, stand for."""
    found, queue, seen = [], [f], set()
    while queue:
        f = queue.pop()
        if id(f) in seen:
            continue
        seen.add(id(f))
        text = read(f)
        for word in words_in(_source_of(text)) - set(text.parameters):
            value = text.value(word)
            if value is not MISSING:
                found.append(value)
                if meaning.is_users(value):
                    queue.append(value)
    return found


def _source_of(text):
    return ast.unparse(text.tree)


def _check_argnums(text, argnums):
    count = len(text.parameters) - (text.bound_to is not None)
    for i in argnums:
        if not isinstance(i, int) or not 0 <= i < count:
            raise AutodiffError(
                f"argnums asks for argument {i!r}, but {text.name} has {count} parameter(s)"
            )


HELPERS = frozenset(
    "add add_at added_at append at one_like own own_entry pull pull_append pull_join pull_put put "
    "unbroadcast zeros_like".split()
)


def _check_names(text, small):
    """The text's own functions must not be hidden by variables of the program."""
    for name in sorted(small.local & HELPERS):
        raise text.refusal(
            text.tree, f"the generated text calls {name} itself; rename the variable"
        )
    for name in sorted(small.active):
        if f"b{name}" in small.local:
            raise text.refusal(
                text.tree, f"b{name} would be the cotangent of {name}; rename the variable"
            )


def _bound_in(lines, text):
    return words_in("\n".join(lines)) | set(text.parameters)


def _tuple(parts):
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
