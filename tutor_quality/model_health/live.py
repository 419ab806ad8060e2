"""Live metrics of a version from sums over its judged predictions; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tutor_quality.model_health.logits import fit_line
from tutor_quality.model_health.metrics import LEAD_BANDS
from tutor_quality.model_health.shift import CALENDAR, FEWEST, Profile

OVERALL = -1
"""In the place of a band's number: all of them."""
FEWEST_FOR_SLOPE = 20
"""Endings of either kind, below which a slope is chance."""
BAND_NAMES = tuple(name for name, _ in LEAD_BANDS)

Sums = Mapping[str, Any]
"""bin, n, bad, predicted, logit, brier, log_loss of one part."""


def by_source(fates: Iterable[Sums], parts: Iterable[Sums]) -> dict[str, Any]:
    """For each source: `overall`, `bands` by name, and `fates` (all predictions by fate)."""
    grouped: dict[tuple[str, int], list[Sums]] = defaultdict(list)
    for row in parts:
        grouped[row["source"], row["scope"]].append(row)
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in fates:
        counted[row["source"]][row["fate"]] += row["count"]
    return {
        source: {
            "overall": metrics_of(grouped[source, OVERALL]),
            "bands": {
                name: metrics_of(grouped[source, band])
                for band, name in enumerate(BAND_NAMES)
                if (source, band) in grouped
            },
            "fates": dict(found),
        }
        for source, found in counted.items()
    }


def metrics_of(parts: Sequence[Sums]) -> dict[str, Any]:
    """Of parts that rise in probability."""
    n = sum(part["n"] for part in parts)
    bad = sum(part["bad"] for part in parts)
    if not n:
        return {
            "n": 0,
            "bad": 0,
            "brier": None,
            "log_loss": None,
            "ece": None,
            "slope": None,
            "intercept": None,
            "o_e": None,
            "o_e_low": None,
            "o_e_high": None,
            "reliability": [],
        }
    bins = _bins(parts)
    line = _line(parts) if min(bad, n - bad) >= FEWEST_FOR_SLOPE else (None, None)
    return {
        "n": n,
        "bad": bad,
        "brier": sum(part["brier"] for part in parts) / n,
        "log_loss": sum(part["log_loss"] for part in parts) / n,
        "ece": sum(b["n"] * abs(b["predicted"] - b["observed"]) for b in bins) / n,
        "intercept": line[0],
        "slope": line[1],
        **_ratio(bad, n, sum(part["predicted"] for part in parts)),
        "reliability": bins,
    }


def _bins(parts: Sequence[Sums]) -> list[dict[str, Any]]:
    sums: dict[int, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for part in parts:
        for place, name in enumerate(("n", "bad", "predicted")):
            sums[part["bin"]][place] += part[name]
    return [
        {"n": n, "predicted": predicted / n, "observed": bad / n}
        for n, bad, predicted in sums.values()
    ]


def _line(parts: Sequence[Sums]) -> tuple[float, float]:
    """(intercept, slope) of the calibration, from the parts' mean logits."""
    n = np.array([part["n"] for part in parts], dtype=np.float64)
    z = np.array([part["logit"] for part in parts]) / n
    share = np.array([part["bad"] for part in parts]) / n
    line = fit_line(z, share, n)
    return line.shift, line.slope


def _ratio(bad: int, n: int, predicted: float) -> dict[str, float]:
    """Observed over expected, with its 90 % interval as if slots ended independently."""
    spread = 1.645 * np.sqrt(max(bad * (1 - bad / n), 1.0))
    return {
        "o_e": bad / predicted,
        "o_e_low": float(max(bad - spread, 0.0) / predicted),
        "o_e_high": float((bad + spread) / predicted),
    }


def shifts(
    rows: Sequence[Mapping[str, Any]], profiles: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Population stability index by feature: the mean over lead bands, weighed by vectors.

    `rows` have `band` and `vector`; empty where there are too few vectors to tell.
    """
    vectors: dict[str, list[bytes]] = defaultdict(list)
    for row in rows:
        vectors[BAND_NAMES[row["band"]]].append(row["vector"])
    sums: dict[str, float] = defaultdict(float)
    total = 0
    for band, found in vectors.items():
        if len(found) < FEWEST or band not in profiles:
            continue
        x = np.stack([np.frombuffer(vector, "<f4") for vector in found])
        total += len(found)
        for name, profile in profiles[band].items():
            if name in CALENDAR:
                continue
            known = Profile(**profile)
            sums[name] += len(found) * known.index(x[:, known.column])
    return {name: value / total for name, value in sums.items()} if total else {}
