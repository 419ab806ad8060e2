"""Names, order, units and ranges of the features, and a fingerprint of all of it."""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from tutor_quality.features.labels import LabelRule

VERSION = 1
"""Raise when the meaning of a feature changes while its name stays."""
GREATEST = 1e30
"""Numbers beyond are no measurement, and float32 cannot hold them much longer."""


@dataclass(frozen=True, slots=True)
class Feature:
    """NaN stands for "nothing known" in any feature."""

    name: str
    unit: str
    low: float = 0.0
    high: float = math.inf
    category: bool = False


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """A declared further fact about a slot."""

    name: str
    type: Literal["number", "category"]
    values: tuple[str, ...] = ()
    """Of a category: known values, most frequent first; the code is the position, others follow."""

    def encoded(self, value: Any) -> float:
        """NaN for null, for text that is not a number and for a column that is missing."""
        if value is None or value == "":
            return math.nan
        if self.type == "category":
            text = str(value)
            return float(self.values.index(text) if text in self.values else len(self.values))
        try:
            number = float(value)
        except (TypeError, ValueError):
            return math.nan
        return number if abs(number) < GREATEST else math.nan


TUTOR = (
    Feature("tutor_reschedule_rate_7d", "fraction", 0, 1),
    Feature("tutor_reschedule_rate_30d", "fraction", 0, 1),
    Feature("tutor_reschedule_rate_90d", "fraction", 0, 1),
    Feature("tutor_total_sessions_7d", "slots"),
    Feature("tutor_total_sessions_30d", "slots"),
    Feature("tutor_total_sessions_90d", "slots"),
    Feature("tutor_reschedule_trend", "relative change", -1, 1),
    Feature("tutor_effect_14d", "logit", -12, 12),
    Feature("tutor_effect_45d", "logit", -12, 12),
    Feature("tutor_effect_180d", "logit", -12, 12),
    Feature("tutor_evidence_180d", "slots"),
    Feature("tutor_early_effect", "logit", -12, 12),
    Feature("tutor_booked_1d", "slots"),
    Feature("tutor_booked_30d", "slots"),
    Feature("tutor_booked_30d_bad_share", "fraction", 0, 1),
    Feature("tutor_open_slots", "slots"),
    Feature("tutor_overdue_slots", "slots"),
    Feature("hours_since_tutor_moved", "hours"),
)
SLOT = (
    Feature("lead_hours", "hours"),
    Feature("hours_until_session", "hours"),
    Feature("elapsed_share_of_lead", "fraction", 0, 1),
    Feature("day_of_week", "Monday = 0", 0, 6),
    Feature("is_weekend", "0 or 1", 0, 1),
    Feature("hour_of_day", "UTC", 0, 24),
    Feature("duration_minutes", "minutes"),
    Feature("earlier_slots_of_session", "slots"),
    Feature("same_start_open", "slots"),
    Feature("same_start_held", "slots"),
    Feature("same_start_bad", "slots"),
    Feature("same_day_open", "slots"),
    Feature("same_week_open", "slots"),
    Feature("booked_at_once", "slots"),
)
STUDENT = (
    Feature("sessions_with_student_count", "slots"),
    Feature("student_effect", "logit", -12, 12),
    Feature("student_bad_share", "fraction", 0, 1),
    Feature("student_last_was_bad", "0 or 1", 0, 1),
    Feature("student_reschedule_rate", "fraction", 0, 1),
    Feature("student_open_slots", "slots"),
    Feature("student_overdue_slots", "slots"),
    Feature("student_last_margin_hours", "hours before the start", -math.inf),
    Feature("hours_since_student_outcome", "hours"),
)


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """All that decides what a vector means."""

    label: LabelRule
    base_rate: float
    """Share of bad slots before anything is known, a fraction in (0, 1)."""
    context: tuple[ContextColumn, ...] = ()

    @property
    def features(self) -> tuple[Feature, ...]:
        """In the order of the vector."""
        return TUTOR + SLOT + STUDENT + tuple(_feature(column) for column in self.context)

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def fingerprint(self) -> str:
        """Changes with names, order, units, types, categories, label rule and base rate."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "dtype": "float32",
            "features": [[f.name, f.unit, f.category] for f in self.features],
            "label": self.label.to_json(),
            "base_rate": self.base_rate,
            "context": [[c.name, c.type, list(c.values)] for c in self.context],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "FeatureSpec":
        """The caller compares fingerprints: a document of another version reads too."""
        return cls(
            label=LabelRule.from_json(document["label"]),
            base_rate=float(document["base_rate"]),
            context=tuple(
                ContextColumn(name, kind, tuple(values))
                for name, kind, values in document["context"]
            ),
        )


def _feature(column: ContextColumn) -> Feature:
    unit = "code" if column.type == "category" else "as in the file"
    return Feature(f"context.{column.name}", unit, -math.inf, category=column.type == "category")
