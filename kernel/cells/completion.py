"""Tab behind a magic: its options, and the names of exercises.

IPython completes the names of magics itself. `complete_command` is its one hook that works from
7.34 (Colab) to today.
"""

from . import exercises

OPTIONS = {
    "%%bench": lambda: ["-r ", "-t "],
    "%%gpu": lambda: ["torch", "jax", "--cpu"],
    "%check": exercises.names,
    "%hint": exercises.names,
}


def install(ip, undo):
    dispatch = ip.strdispatchers
    for name, options in OPTIONS.items():
        completer = _completer(options)
        ip.set_hook("complete_command", completer, str_key=name)
        undo.callback(_remove, dispatch["complete_command"].strs, name, completer)


def _completer(options):
    def complete(shell, event):
        return [o for o in options() if o.startswith(event.symbol or "")]

    return complete


def _remove(table, name, completer):
    chain = table.get(name)
    kept = [pair for pair in getattr(chain, "chain", ()) if _function(pair[1]) is not completer]
    if kept:
        chain.chain = kept
    else:
        table.pop(name, None)


def _function(hook):
    return getattr(hook, "__func__", hook)
