"""What the predict stage says, as records. Pure: ids follow from what was known and what
answered, so that a repeat has the same id and the same bytes."""

from collections.abc import Sequence
from hashlib import sha1
from uuid import uuid5

from models.scorer import Reason
from schemas.codec import encode
from schemas.predictions import (
    FeaturesRecord,
    PredictedRecord,
    ReasonRecord,
    encode_features,
    encode_predicted,
)
from streams.outlet import Outgoing
from streams.outputs import NAMESPACE
from streams.predict_rows import Look
from streams.predictor import Levels, Prediction, Predictor, Vectors
from tutor_quality.features.state import HOUR_MS

VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class PredictOutputs:
    """Encodes looks and predictions of one generation of the input topic."""

    def __init__(self, generation: int, fingerprint: str, levels: Levels) -> None:
        self._generation = generation
        self._fingerprint = fingerprint
        self._levels = levels
        self._ids = uuid5(NAMESPACE, f"looks:{generation}:{fingerprint}").bytes

    def ids(self, looks: Sequence[Look]) -> list[str]:
        """Of each look, made of all that its vector follows from, and why it was asked for."""
        return [
            derived_id(
                self._ids,
                f"{look.session_id}:{look.start}:{look.offset}:{look.as_of}:{look.reason.value}",
            )
            for look in looks
        ]

    def features(self, looks: Sequence[Look], ids: Sequence[str], x: Vectors) -> list[Outgoing]:
        """One for each look: its vector is its row of `x`."""
        return [
            Outgoing(look.session_id.encode(), encode_features(self._features(look, id_, vector)))
            for look, id_, vector in zip(looks, ids, x.astype("<f4", copy=False), strict=True)
        ]

    def predictions(
        self, looks: Sequence[Look], ids: Sequence[str], predictions: Sequence[Prediction]
    ) -> list[Outgoing]:
        """One for each look."""
        return [
            Outgoing(look.session_id.encode(), encode_predicted(self._said(look, id_, prediction)))
            for look, id_, prediction in zip(looks, ids, predictions, strict=True)
        ]

    def _features(self, look: Look, look_id: str, vector: Vectors) -> FeaturesRecord:
        return FeaturesRecord(
            event_id=look_id,
            session_id=look.session_id,
            scheduled_start=look.start,
            tutor_id=look.key.decode(),
            as_of=look.as_of,
            reason=look.reason.value,
            mark_hours=look.mark_hours,
            generation=self._generation,
            log_offset=look.offset,
            fingerprint=self._fingerprint,
            vector=vector.tobytes(),
        )

    def _said(self, look: Look, look_id: str, prediction: Prediction) -> PredictedRecord:
        namespace = bytes.fromhex(look_id.replace("-", ""))
        return PredictedRecord(
            event_id=derived_id(namespace, f"{prediction.source}:{prediction.version}"),
            features_id=look_id,
            session_id=look.session_id,
            scheduled_start=look.start,
            tutor_id=look.key.decode(),
            student_id=look.student_id,
            as_of=look.as_of,
            lead_hours=(look.start - look.as_of) / HOUR_MS,
            reason=look.reason.value,
            probability=prediction.probability,
            raw_score=prediction.raw_score,
            risk_level=self._levels.of(prediction.probability),
            reasons=[_reason(reason) for reason in prediction.reasons],
            source=prediction.source,
            model_version=prediction.version,
            shadow=prediction.shadow,
            generation=self._generation,
            log_offset=look.offset,
        )


def derived_id(namespace: bytes, name: str) -> str:
    """The text of `uuid5`, without the object."""
    digits = sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    return (
        f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-"
        f"{VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:32]}"
    )


def _reason(reason: Reason) -> ReasonRecord:
    feature, value, contribution = reason
    if isinstance(value, str):
        return ReasonRecord(feature, None, value, contribution)
    return ReasonRecord(feature, value, None, contribution)


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
