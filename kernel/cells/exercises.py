"""`%check` and `%hint`: a thin shell around `course.exercises`.

The course stands on this package and not the other way round, so it is looked for when a learner
asks, and what it returns displays itself.
"""

from importlib import import_module

from .running import refuse


def check(ip, line):
    name, _, answer = line.strip().partition(" ")
    if not name:
        refuse(f"%check takes an exercise and an answer, as in %check {_example()} my_function")
    if names() and name not in names():
        return _asked(_registry().check, name, None)  # which says so, and what there is
    answers = _answers(ip, name, answer.strip())
    return _asked(_registry().check, name, *answers)


def hint(ip, line):
    name = line.strip()
    if not name:
        refuse(f"%hint takes an exercise, as in %hint {_example()}")
    return _asked(_registry().hint, name)


def names():
    """The exercises there are; none if the course is not here."""
    try:
        return list(import_module("course.exercises").names())
    except Exception:  # to complete a name is no reason to fail
        return []


def _asked(function, *args):
    try:
        return function(*args)
    except ValueError as error:  # what the registry says to a wrong name is one sentence
        refuse(str(error))


def _answers(ip, name, text):
    if text:
        try:
            return eval(compile(f"({text.rstrip(',')},)", "<%check>", "eval"), ip.user_ns)
        except (NameError, SyntaxError) as error:
            refuse(f"%check {name} cannot read the answer `{text}`: {error.args[0]}")
    own = name.rpartition(".")[2]
    if own not in ip.user_ns:
        refuse(f"%check {name} looks for your answer under the name {own}; define it, or say which "
               f"answer is meant: %check {name} my_answer")  # fmt: skip
    return (ip.user_ns[own],)


def _registry():
    try:
        return import_module("course.exercises")
    except ImportError:
        refuse("the exercises are in the package `course`, which is not installed here")


def _example():
    return next(iter(names()), "NAME")
