"""What `check` found: true if the derivatives are right, and readable either way."""

from .. import source

SHOWN = 3  # of each kind of finding


class Report:
    """The findings of one check. `bool(report)` says whether the derivatives are right.

    `first` is the first node whose own row is wrong (None if each is right), `wrong` and `notes`
    are sentences, `entries` and `nodes` count what was looked at.
    """

    def __init__(self, f, precision):
        self.name = getattr(f, "__name__", type(f).__name__)
        self.precision = precision
        self.first, self.entries, self.nodes = None, 0, 0
        self.wrong_nodes, self.wrong_entries, self.notes, self.problems = [], [], [], []

    def __bool__(self):
        return not self.wrong

    @property
    def wrong(self):
        return self.problems + self.wrong_nodes + self.wrong_entries

    def problem(self, sentence):
        self.problems.append(f"{self.name} {sentence}")

    def at_node(self, node, sentence):
        self.first = self.first or node
        self.wrong_nodes.append(
            f"the row of {node.op} is wrong ({source.words(node.where)}), {sentence}"
        )

    def entry(self, direction, verdict, output, where, ours, slope, at):
        if verdict == 1:
            self.say_wrong(direction, f"d {output} / d {where}", ours, slope.value[at])
        elif verdict == 2:
            self.notes.append(
                f"at a kink: d {output} / d {where} is {slope.left[at]:.6g} on the left and "
                f"{slope.right[at]:.6g} on the right; ours is {ours:.6g}"
            )
        else:
            self.notes.append(f"not measurable: d {output} / d {where}; ours is {ours:.6g}")

    def say_wrong(self, direction, what, ours, measured):
        self.wrong_entries.append(
            f"{direction}: {what} is {ours:.6g}, measured {measured:.6g} (off by "
            f"{abs(ours - measured):.2g})"
        )

    def add_order(self, other):
        """What was found about the derivative of the gradient."""
        self.first = self.first or other.first
        for mine, its in (
            (self.wrong_nodes, other.wrong_nodes),
            (self.wrong_entries, other.wrong_entries),
            (self.problems, other.problems),
            (self.notes, other.notes),
        ):
            mine += [f"in {other.name}: {sentence}" for sentence in its]
        self.entries += other.entries
        self.nodes += other.nodes

    def __repr__(self):
        looked = (
            f"{_count(self.entries, 'entry', 'entries')}, forward and reverse, and "
            f"{_count(self.nodes, 'operation', 'operations')} alone, in {self.precision}"
        )
        if self and not self.notes:
            return f"<check of {self.name}: right. {looked}>"
        lines = [f"<check of {self.name}: {'right' if self else 'WRONG'}. {looked}"]
        for found in (self.problems, self.wrong_nodes, self.wrong_entries, self.notes):
            lines += [f"  {sentence}" for sentence in found[:SHOWN]]
            if len(found) > SHOWN:
                lines.append(f"  and {len(found) - SHOWN} more like these")
        return "\n".join(lines) + ">"


def _count(n, one, many):
    return f"{n} {one if n == 1 else many}"
