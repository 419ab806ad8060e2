"""Medians with ranges, and percentiles."""

import statistics
from collections.abc import Sequence


def of_runs(runs: Sequence[float]) -> dict[str, float]:
    """Of the same measurement made several times."""
    return {"median": statistics.median(runs), "least": min(runs), "most": max(runs)}


def of_times(times: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the greatest of at least one time, with one decimal."""
    ordered = sorted(times)
    named = {f"p{share}": _percentile(ordered, share) for share in (50, 90, 99)}
    return {name: round(time, 1) for name, time in {**named, "max": ordered[-1]}.items()}


def _percentile(ordered: Sequence[float], share: int) -> float:
    """The smallest time that at least `share` percent do not exceed."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]
