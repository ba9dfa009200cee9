"""In which order are the calls made, and which of them together?

Making as few batched calls as possible is NP-hard; DyNet has two rules of thumb, and so do we.

    depth    all calls that stand equally deep and have one signature (TensorFlow Fold does this)
    agenda   of the calls whose inputs are there, those whose signature stands least deep on average
             (so a signature waits for its stragglers: the losses at the ends of short sentences)
"""

from collections import defaultdict


def pending(wanted):
    """The calls that have to be made before the wanted values are there."""
    found, todo = {}, [x.call for x in wanted if not x.there]
    while todo:
        call = todo.pop()
        if call not in found:
            found[call] = [x.call for x in call.inputs if not x.there]
            todo += found[call]
    return found


def by_depth(before):
    """Groups of calls, in order. `before` has for each call the calls that it waits for."""
    groups = defaultdict(list)
    for call in before:
        groups[call.depth, call.alike].append(call)
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def by_agenda(before):
    waits = {call: len(set(calls)) for call, calls in before.items()}
    readers, ready, deep = defaultdict(list), defaultdict(list), defaultdict(list)
    for call, calls in before.items():
        for one in set(calls):
            readers[one].append(call)
        deep[call.alike].append(call.depth)
        if not calls:
            ready[call.alike].append(call)
    mean = {alike: sum(d) / len(d) for alike, d in deep.items()}
    while ready:
        chosen = min(ready, key=mean.get)
        group = ready.pop(chosen)
        yield group
        for reader in [r for call in group for r in readers[call]]:
            waits[reader] -= 1
            if not waits[reader]:
                ready[reader.alike].append(reader)


ORDERS = {"depth": by_depth, "agenda": by_agenda}
