"""Population stability: do the vectors of today look like those of the training set?

Only for features with bounds, in which a shift cannot come from a few enormous values. Shares
below the floor count as the floor, so that an empty bin does not make the index infinite.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
FLOOR = 1e-3
FEWEST = 200
"""Vectors below which the index is mostly chance."""

CALENDAR = frozenset({"day_of_week", "is_weekend", "hour_of_day"})
"""Features that shift from one day to the next without anybody's having changed: the newest vectors
of a busy platform are those of a day."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one feature was distributed: the share that is NaN, then of each bin."""

    column: int
    """Place in the vector."""
    edges: list[float]
    """Inner edges, rising; a value at an edge lies in the bin above."""
    shares: list[float]

    @classmethod
    def of(cls, column: int, values: NDArray[np.float32]) -> "Profile":
        """Bins of equal mass, fewer where values repeat."""
        known = values[~np.isnan(values)].astype(np.float64)
        parts = np.linspace(0, 1, BINS + 1)[1:-1]
        edges = np.unique(np.quantile(known, parts)).tolist() if len(known) else []
        return cls(column, edges, _shares(values, edges).round(5).tolist())

    def index(self, values: NDArray[np.float32]) -> float:
        """Below 0.1 means stable, above 0.25 another population, by custom."""
        now = np.maximum(_shares(values, self.edges), FLOOR)
        then = np.maximum(np.array(self.shares), FLOOR)
        return float(np.sum((now - then) * np.log(now / then)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _shares(values: NDArray[np.float32], edges: list[float]) -> NDArray[np.float64]:
    places = np.searchsorted(edges, values.astype(np.float64), side="right") + 1
    counts = np.bincount(np.where(np.isnan(values), 0, places), minlength=len(edges) + 2)
    shares: NDArray[np.float64] = counts / max(len(values), 1)
    return shares
