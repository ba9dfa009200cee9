"""What a run of the corpus came to: outcomes, refusals by reason, and coverage per construct."""

from collections import Counter, defaultdict


class Report:
    """Counts outcomes. A construct is covered by the programs that came out the same."""

    def __init__(self):
        self.outcomes, self.refusals, self.errors = Counter(), Counter(), Counter()
        self.covered, self.written = defaultdict(Counter), Counter()
        self.failed = []

    def add(self, framework, program, outcome):
        self.outcomes[framework, outcome.kind] += 1
        for construct in program.uses:
            self.written[construct] += 1
            if outcome.kind == "same":
                self.covered[construct][framework] += 1
        if outcome.kind == "refused":
            self.refusals[framework, outcome.words] += 1
        elif outcome.kind == "both raise":
            self.errors[framework, outcome.words] += 1
        elif outcome.kind != "same":
            self.failed.append((framework, program, outcome))

    def lines(self):
        yield "outcomes (refusals do not count as passes)"
        for (framework, kind), n in sorted(self.outcomes.items()):
            yield f"  {framework:6} {kind:14} {n:6}"
        for title, counts in (("refused", self.refusals), ("both raise", self.errors)):
            for (framework, why), n in counts.most_common():
                yield f"  {title}: {framework:6}{n:5}  {why}"
        frameworks = sorted({f for f, _ in self.outcomes})
        yield "programs that came out the same, by construct: " + ", ".join(frameworks)
        for construct in sorted(self.written):
            counts = "".join(f"{self.covered[construct][f]:8}" for f in frameworks)
            yield f"  {construct:34}{counts}"
        for framework, program, outcome in self.failed:
            yield f"\n{framework}, seed {program.seed}: {outcome.kind}: {outcome.words}"
            yield program.text
