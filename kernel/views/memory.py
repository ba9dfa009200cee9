"""Bytes alive over time: what each checkpoint policy keeps, and what it computes again for that."""

from .. import plots
from ..plots.chart import Chart, Series


def memory_view(reports):
    """Draw what `ad.memory` measured: one report, or a dict with a report for each policy.

    The horizontal axis counts steps, run and pulled back; so what is computed again shows as length
    and what is kept as height. A policy that is both longer and as high as another is wasted.

    >>> import torch, autodiff_lab as ad
    >>> from kernel import memory_view
    >>> step = lambda x: torch.sin(x)
    >>> def measured(policy):
    ...     run = ad.checkpoint(step, policy, steps=16)
    ...     return ad.memory(ad.grad(lambda x: run(x).sum()), torch.ones(1000))
    >>> chart = memory_view({policy: measured(policy) for policy in ("all", "sqrt")})
    >>> print(chart.alt)  # doctest: +ELLIPSIS
    Bytes alive over the steps of both passes. all: at most ..., 16 steps run, 0 of them again. ...
    """
    reports = reports if isinstance(reports, dict) else {"": reports}
    wrong = [r for r in reports.values() if not hasattr(r, "timeline")]
    if wrong or not reports:
        raise TypeError(
            "memory_view draws what ad.memory(f, *args) returns, or a dict of such reports, "
            f"and got {type(wrong[0]).__name__ if wrong else 'an empty dict'}"
        )
    told = " ".join(["Bytes alive over the steps of both passes.", *_told(reports)])
    if not all(r.timeline for r in reports.values()):  # XLA's plan knows the peak and no more
        peaks = {name or "peak": r.peak_bytes for name, r in reports.items()}
        return plots.bars(peaks, title="Memory", ylabel="bytes at most", alt=told)
    series = tuple(_series(name, report) for name, report in reports.items())
    return Chart("line", series, "Memory", "steps run and pulled back", "bytes", told=told)


def _series(name, report):
    """The timeline: each action moves on by the steps that it runs or pulls back."""
    x, points = 0, {0: 0}
    for action, bytes_, _ in report.timeline:
        x += getattr(action, "stop", 0) - getattr(action, "start", 0)
        points[x] = bytes_ if x not in points else max(points[x], bytes_)
    return Series(name, tuple(map(float, points)), tuple(map(float, points.values())),
                  length=len(points))  # fmt: skip


def _told(reports):
    for name, r in reports.items():
        steps = f", {r.steps} steps run, {r.recomputed} of them again" if r.steps else ""
        kept = f", {r.peak_snapshots} snapshots held" if r.peak_snapshots else ""
        head = f"{name}: at" if name else "At"
        yield f"{head} most {r.peak_bytes:,} bytes{steps}{kept}."
