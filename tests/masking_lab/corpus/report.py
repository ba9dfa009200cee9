"""What a run of the corpus came to: outcomes, refusals by reason, and coverage per construct."""

from collections import Counter, defaultdict

from .refusals import is_true


class Report:
    """Counts outcomes. A construct is covered by the programs that came out the same."""

    def __init__(self):
        self.outcomes, self.refusals, self.errors = Counter(), Counter(), Counter()
        self.covered, self.written = defaultdict(Counter), Counter()
        self.failed = []

    def add(self, framework, strategy, program, outcome):
        way = f"{framework} {strategy}"
        self.outcomes[way, outcome.kind] += 1
        for construct in program.uses:
            self.written[construct] += 1
            if outcome.kind == "same":
                self.covered[construct][framework] += 1
        if outcome.kind == "refused":
            self.refusals[way, outcome.words] += 1
            if not is_true(outcome.words, program.text):
                self.failed.append((way, program, outcome))
        elif outcome.kind == "both raise":
            self.errors[way, outcome.words] += 1
        elif outcome.kind != "same":
            self.failed.append((way, program, outcome))

    def lines(self):
        yield "outcomes (refusals do not count as passes)"
        for (way, kind), n in sorted(self.outcomes.items()):
            yield f"  {way:16} {kind:14} {n:6}"
        for title, counts in (("refused", self.refusals), ("both raise", self.errors)):
            for (way, why), n in counts.most_common():
                yield f"  {title}: {way:16}{n:5}  {why}"
        frameworks = sorted({way.split()[0] for way, _ in self.outcomes})
        yield "programs that came out the same, by construct: " + ", ".join(frameworks)
        for construct in sorted(self.written):
            counts = "".join(f"{self.covered[construct][f]:8}" for f in frameworks)
            yield f"  {construct:34}{counts}"
        for way, program, outcome in self.failed:
            yield f"\n{way}, seed {program.seed}: {outcome.kind}: {outcome.words}"
            yield program.text
