"""What padding costs, and how many calls a batch takes."""

import numpy as np

from .exercise import exercise, guess

LENGTHS = ((6, 3, 13, 5), (4, 4, 4), (1, 9, 2, 8, 3, 7))

exercise(
    "14.tax",
    stub="""
    def tax(lengths): ...  # fill in: which share of the padded entries is padding
    """,
    cases=lambda random: [(lengths,) for lengths in LENGTHS],
    ask=lambda answer, inputs, xp: answer(list(inputs[0])),
    expected=lambda lengths: np.array(1 - np.mean(np.array(lengths) / np.max(lengths))),
    frameworks=("torch",),
    hints=(
        "How many entries does the padded array have, and how many of them are real?",
        "It has len(lengths) rows, each as long as the longest.",
        "1 - sum(lengths) / (len(lengths) * max(lengths))",
    ),
    solution="""
    def tax(lengths):
        # all entries of the padded array, and those that are somebody's
        padded = len(lengths) * max(lengths)
        return 1 - sum(lengths) / padded
    """,
    slips={
        "that is the share that is *used*.": """
        def tax(lengths):
            return sum(lengths) / (len(lengths) * max(lengths))
        """,
        "padded entries over real ones can be more than 1; a share is of all entries.": """
        def tax(lengths):
            padded = len(lengths) * max(lengths)
            return (padded - sum(lengths)) / sum(lengths)
        """,
        "that compares the shortest with the longest; all rows count.": """
        def tax(lengths):
            return 1 - min(lengths) / max(lengths)
        """,
        "that is the number of padded entries, not their share.": """
        def tax(lengths):
            return len(lengths) * max(lengths) - sum(lengths)
        """,
        "a mean over rows of real per padded is needed; you divided by one row only.": """
        def tax(lengths):
            return 1 - sum(lengths) / max(lengths)
        """,
        "in percent; a share lies between 0 and 1.": """
        def tax(lengths):
            return 100 * (1 - sum(lengths) / (len(lengths) * max(lengths)))
        """,
        "that is the tax on attention, which pays for pairs; here it is entries.": """
        def tax(lengths):
            return 1 - sum(n * n for n in lengths) / (len(lengths) * max(lengths) ** 2)
        """,
        "divided by the longest row; the padded array has len(lengths) such rows.": """
        def tax(lengths):
            return sum(max(lengths) - n for n in lengths) / max(lengths)
        """,
        "that is how many times larger the padded array is than the real one.": """
        def tax(lengths):
            return len(lengths) * max(lengths) / sum(lengths)
        """,
        "// rounds down to a whole number; a share is divided with /.": """
        def tax(lengths):
            padded = len(lengths) * max(lengths)
            return (padded - sum(lengths)) // padded
        """,
        "the longest row is in the array, too: divide by all of its entries.": """
        def tax(lengths):
            return sum(max(lengths) - n for n in lengths) / ((len(lengths) - 1) * max(lengths))
        """,
    },
)

# A program is a list of (operation, inputs); inputs are places in the list.
GRAPHS = (
    (("look", ()), ("look", ()), ("cell", (0,)), ("cell", (1,)), ("cell", (2,))),
    (("a", ()), ("b", (0,)), ("a", (1,)), ("a", ()), ("b", (3,)), ("b", ())),
    (("x", ()), ("x", (0,)), ("x", (1,)), ("y", (2,))),
    (("a", ()), ("b", (0,)), ("c", (1,)), ("d", (0, 2)), ("d", (2,)), ("e", (2, 0)), ("e", (2,)),
     ("f", ())),
)  # fmt: skip


def _by_depth(nodes):
    depth: list = []
    for _, inputs in nodes:
        depth.append(1 + max((depth[i] for i in inputs), default=0))
    return len({(op, d) for (op, _), d in zip(nodes, depth, strict=True)})


exercise(
    "14.depth",
    stub="""
    def calls(nodes): ...  # fill in: how many batched calls, if equal operations of one depth are one
    """,
    cases=lambda random: [(nodes,) for nodes in GRAPHS],
    ask=lambda answer, inputs, xp: answer(list(inputs[0])),
    expected=lambda nodes: np.array(_by_depth(nodes)),
    frameworks=("torch",),
    hints=(
        "The depth of a node is one more than that of its deepest input; without inputs it is 1.",
        "Go through the nodes in order and keep a list of depths: inputs come before.",
        "Count the different pairs (operation, depth): a set.",
    ),
    solution="""
    def calls(nodes):
        depth = []
        for op, inputs in nodes:
            # inputs come earlier in the list, so their depths are known
            depth.append(1 + max((depth[i] for i in inputs), default=0))
        return len({(op, d) for (op, _), d in zip(nodes, depth)})
    """,
    slips={
        "that is one call for each node: equal operations of one depth run together.": """
        def calls(nodes):
            return len(nodes)
        """,
        "that is the longest chain; different operations of one depth are different calls.": """
        def calls(nodes):
            depth = []
            for op, inputs in nodes:
                depth.append(1 + max((depth[i] for i in inputs), default=0))
            return max(depth)
        """,
        "equal operations at different depths cannot run together: one waits for the other.": """
        def calls(nodes):
            return len({op for op, _ in nodes})
        """,
        "the depth is how long the way to a node is, not how many inputs it has.": """
        def calls(nodes):
            return len({(op, len(inputs)) for op, inputs in nodes})
        """,
        "the depth is that of the *deepest* input, plus one; you took the first input.": """
        def calls(nodes):
            depth = []
            for op, inputs in nodes:
                depth.append(1 + depth[inputs[0]] if inputs else 1)
            return len({(op, d) for (op, _), d in zip(nodes, depth)})
        """,
        "a node waits for the *last* of its inputs, so the deepest counts; you took the shallowest.": """
        def calls(nodes):
            depth = []
            for op, inputs in nodes:
                depth.append(1 + min((depth[i] for i in inputs), default=0))
            return len({(op, d) for (op, _), d in zip(nodes, depth)})
        """,
        "that makes two calls for two nodes that differ in their inputs only.": """
        def calls(nodes):
            return len(set(nodes))
        """,
        "nodes without inputs are calls, too.": """
        def calls(nodes):
            depth = []
            for op, inputs in nodes:
                depth.append(1 + max((depth[i] for i in inputs), default=0))
            return len({(op, d) for (op, _), d in zip(nodes, depth) if d > 1})
        """,
        "that waits for no depth: whatever is ready runs, most alike first. It is DyNet's agenda.": """
        def calls(nodes):
            done, count = set(), 0
            while len(done) < len(nodes):
                ready = [k for k, (_, inputs) in enumerate(nodes)
                         if k not in done and done.issuperset(inputs)]
                names = [nodes[k][0] for k in ready]
                most = max(names, key=names.count)
                done |= {k for k in ready if nodes[k][0] == most}
                count += 1
            return count
        """,
    },
)


guess(
    "14.which",
    "best",
    say='Fill in "loop", "shrink", "fold", "pc" or "bucketed": which would you try first?',
    answers={
        "two sentences, tiny model, laptop": "loop",
        "sentences of very different lengths, a recurrent network": "shrink",
        "a tree for each example, known beforehand": "fold",
        "sampled actions decide what comes next": "pc",
        "a compiled model, new lengths at every step": "bucketed",
    },
    why="each of them is the best somewhere",
    hints=(
        "Where there is little to compute, the bookkeeping of a batch costs more than it saves.",
        "Who is done should leave; what is known beforehand can be laid out; new shapes compile anew.",
        "Each of the five is the answer once.",
    ),
    slips={
        "of two sentences bookkeeping costs more than it saves: measure the plain loop, too.": {
            "two sentences, tiny model, laptop": "shrink"
        },
        "a machine with counters and stacks for two sentences saves nothing: measure the loop.": {
            "two sentences, tiny model, laptop": "pc"
        },
        "one after the other, the sentences make many times as many calls as together.": {
            "sentences of very different lengths, a recurrent network": "loop"
        },
        "pc would do; but a loop over words is simpler: who is done leaves.": {
            "sentences of very different lengths, a recurrent network": "pc"
        },
        "trees of different shapes do not finish together; but they are known: lay them out.": {
            "a tree for each example, known beforehand": "shrink"
        },
        "one tree after the other: what is alike in them could run together.": {
            "a tree for each example, known beforehand": "loop"
        },
        "nobody is just done or not: each example is somewhere else in the program.": {
            "sampled actions decide what comes next": "shrink"
        },
        "the loop would do, one after the other; counters let those at one line go together.": {
            "sampled actions decide what comes next": "loop"
        },
        "counters live outside the compiled program; what costs is that each length is compiled.": {
            "a compiled model, new lengths at every step": "pc"
        },
        "the loop, too, meets a new shape with each new length: round lengths up.": {
            "a compiled model, new lengths at every step": "loop"
        },
        "fold lays everything out before it computes; what is sampled is not known by then.": {
            "sampled actions decide what comes next": "fold"
        },
        "every new length would compile anew: round lengths up to a few buckets.": {
            "a compiled model, new lengths at every step": "shrink"
        },
        "of very different lengths most lanes are done early: let them leave.": {
            "sentences of very different lengths, a recurrent network": "bucketed"
        },
        "pc would do for the trees; but they are known beforehand, and can be laid out.": {
            "a tree for each example, known beforehand": "pc"
        },
    },
)
