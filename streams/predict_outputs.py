"""What the predict stage says, as records. Pure: ids follow from what was known and what
answered, so that a repeat has the same id and the same bytes."""

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID, uuid5

import numpy as np

from models.scorer import Reason
from schemas.codec import encode
from streams.outlet import Outgoing
from streams.outputs import NAMESPACE
from streams.predict_rows import Look
from streams.predictor import Levels, Prediction, Predictor
from tutor_quality.features.state import HOUR_MS


class PredictOutputs:
    """Encodes looks and predictions of one generation of the input topic."""

    def __init__(self, generation: int, fingerprint: str, levels: Levels) -> None:
        self._generation = generation
        self._fingerprint = fingerprint
        self._levels = levels

    @cached_property
    def _ids(self) -> UUID:
        return uuid5(NAMESPACE, f"looks:{self._generation}:{self._fingerprint}")

    def features(self, looks: Sequence[Look]) -> list[Outgoing]:
        return [
            Outgoing(look.session_id.encode(), encode("session_features", self._features(look)))
            for look in looks
        ]

    def predictions(
        self, looks: Sequence[Look], predictions: Sequence[Prediction]
    ) -> list[Outgoing]:
        """One for each look."""
        return [
            Outgoing(look.session_id.encode(), encode("reschedule_predicted", self._said(look, p)))
            for look, p in zip(looks, predictions, strict=True)
        ]

    def _look_id(self, look: Look) -> UUID:
        """All that the vector follows from, and why it was asked for."""
        what = f"{look.session_id}:{look.start}:{look.offset}:{look.as_of}:{look.reason.value}"
        return uuid5(self._ids, what)

    def _features(self, look: Look) -> dict[str, object]:
        return {
            "event_id": str(self._look_id(look)),
            "session_id": look.session_id,
            "scheduled_start": look.start,
            "tutor_id": look.key.decode(),
            "as_of": look.as_of,
            "reason": look.reason.value,
            "mark_hours": look.mark_hours,
            "generation": self._generation,
            "log_offset": look.offset,
            "fingerprint": self._fingerprint,
            "vector": np.array(look.vector, "<f4").tobytes(),
        }

    def _said(self, look: Look, prediction: Prediction) -> dict[str, object]:
        look_id = self._look_id(look)
        return {
            "event_id": str(uuid5(look_id, f"{prediction.source}:{prediction.version}")),
            "features_id": str(look_id),
            "session_id": look.session_id,
            "scheduled_start": look.start,
            "tutor_id": look.key.decode(),
            "student_id": look.student_id,
            "as_of": look.as_of,
            "lead_hours": (look.start - look.as_of) / HOUR_MS,
            "reason": look.reason.value,
            "probability": prediction.probability,
            "raw_score": prediction.raw_score,
            "risk_level": self._levels.of(prediction.probability),
            "reasons": [_reason(reason) for reason in prediction.reasons],
            "source": prediction.source,
            "model_version": prediction.version,
            "shadow": prediction.shadow,
            "generation": self._generation,
            "log_offset": look.offset,
        }


def _reason(reason: Reason) -> dict[str, object]:
    is_text = isinstance(reason.value, str)
    return {
        "feature": reason.feature,
        "value": None if is_text else reason.value,
        "category": reason.value if is_text else None,
        "contribution": reason.contribution,
    }


def model_status(predictor: Predictor, partition: int, said_at: int) -> Outgoing:
    cast, spec = predictor.cast, predictor.spec
    value = {
        "model": "reschedule",
        "partition": partition,
        "champion": cast.champion and cast.champion.version,
        "challenger": cast.challenger and cast.challenger.version,
        "wanted": cast.wanted,
        "degraded": cast.degraded,
        "why": cast.why,
        "fingerprint": spec.fingerprint,
        "features": spec.names,
        "base_rate": spec.base_rate,
        "said_at": said_at,
    }
    return Outgoing(str(partition).encode(), encode("model_status", value))
