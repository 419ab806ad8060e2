"""What answers looks: the champion, else the fallback ladder; beside it a challenger, unseen."""

import logging
import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.artefact import GOLDEN_TOLERANCE, Artefact, golden_vectors
from models.ladder import VERSION, Ladder
from models.predictor import Model
from models.scorer import Reason, Scorer
from tutor_quality.errors import InvalidInput, NotFound
from tutor_quality.features import FeatureSpec, LabelRule
from tutor_quality.model_health.logits import logistic
from tutor_quality.model_health.standing import Standing

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]
"""(n, k) in the order of the specification."""
MODEL = "model"
DEFAULT_SPEC = FeatureSpec(LabelRule.tutor_moved(), base_rate=0.15)
"""Of a worker that has neither a model nor rows; 0.15 is the share of the demo's platform."""
UNKNOWN = "unknown"


class Models(Protocol):
    """Where the versions are; both raise InvalidInput or NotFound for what cannot be used."""

    def standing(self) -> Standing: ...

    def load(self, version: str) -> Artefact: ...


@dataclass(frozen=True, slots=True)
class Levels:
    """Probabilities from which on the risk is medium and high."""

    medium: float
    high: float

    def of(self, probability: float) -> str:
        if probability >= self.high:
            return "high"
        return "medium" if probability >= self.medium else "low"


class Prediction(NamedTuple):
    probability: float
    raw_score: float
    """Its logit before calibration."""
    reasons: list[Reason]
    source: str
    version: str
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A version that is ready to answer."""

    version: str
    model: Model
    scorer: Scorer

    @classmethod
    def of(cls, artefact: Artefact) -> "ServedModel":
        """Raises InvalidInput unless it answers here as it did when it was saved."""
        version, model = artefact.version, artefact.model
        try:
            served = cls(version, model, Scorer(model))
        except ValueError as error:
            raise InvalidInput(f"model {version}: {error}; train the model again") from error
        said = served.probabilities(golden_vectors(artefact.manifest, model.spec))
        golden = artefact.manifest["golden"]["probabilities"]
        if not np.allclose(said, golden, rtol=0, atol=GOLDEN_TOLERANCE):
            raise InvalidInput(f"model {version}: it answers otherwise here; train it again")
        return served

    def probabilities(self, x: Vectors) -> NDArray[np.float64]:
        return logistic(self.model.calibrator(self.scorer.scored(x)[0]))

    def answers(self, x: Vectors, *, shadow: bool) -> "list[Prediction]":
        """Nobody reads a challenger's reasons: it gives none."""
        raw, parts = self.scorer.scored(x)
        reasons = [[]] * len(x) if shadow else self.scorer.reasons(x, parts)
        probabilities = logistic(self.model.calibrator(raw))
        return [
            Prediction(probability, score, why, MODEL, self.version, shadow)
            for probability, score, why in zip(
                probabilities.tolist(), raw.tolist(), reasons, strict=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who answers; made anew when that changes."""

    wanted: str
    """Version that should answer."""
    champion: ServedModel | None
    """None = the ladder answers."""
    challenger: ServedModel | None
    why: str | None
    """What is wrong; None = all is as wanted."""

    @property
    def degraded(self) -> bool:
        return self.why is not None

    @property
    def names(self) -> tuple[str | None, ...]:
        """What a reader can tell two casts apart by."""
        return self.wanted, _version(self.champion), _version(self.challenger), self.why


def cast(models: Models, last: Cast | None) -> Cast:
    """As the registry has it now; what cannot be loaded is replaced by the last good champion.

    Takes seconds when something is loaded: a child process tries first.
    """
    try:
        standing = models.standing()
    except (InvalidInput, NotFound) as error:
        return Cast(UNKNOWN, last.champion if last else None, None, str(error))
    if last is not None and _is_as(last, standing):
        return last
    champion, why = _load(models, standing.champion, last.champion if last else None)
    challenger, doubt = None, None
    if standing.challenger is not None:
        known = last.challenger if last else None
        challenger, doubt = _load(models, standing.challenger, known)
    if challenger is not None and champion is not None and not _same_features(champion, challenger):
        challenger, doubt = None, f"challenger {standing.challenger} was trained on other features"
    return Cast(standing.champion, champion, challenger, why or doubt)


def _is_as(last: Cast, standing: Standing) -> bool:
    wanted = standing.champion, standing.challenger, None
    return (_version(last.champion), _version(last.challenger), last.why) == wanted


def _version(served: ServedModel | None) -> str | None:
    return None if served is None else served.version


def _load(
    models: Models, version: str, last: ServedModel | None
) -> tuple[ServedModel | None, str | None]:
    """The version, else the last good one and the reason."""
    if last is not None and last.version == version:
        return last, None
    try:
        return ServedModel.of(models.load(version)), None
    except (InvalidInput, NotFound) as error:
        return last, str(error)


def _same_features(one: ServedModel, other: ServedModel) -> bool:
    return one.model.spec.fingerprint == other.model.spec.fingerprint


class Predictor:
    """Of one cast and one specification."""

    def __init__(self, cast: Cast, spec: FeatureSpec) -> None:
        self.cast = cast
        self.spec = spec
        self._ladder = Ladder(spec)

    def answer(self, x: Vectors) -> list[Prediction]:
        """One for each vector. Slow: not for the event loop."""
        champion = self.cast.champion
        if champion is None:
            return self._from_ladder(x)
        found = champion.answers(x, shadow=False)
        lost = [place for place, one in enumerate(found) if not np.isfinite(one.raw_score)]
        for place, one in zip(lost, self._from_ladder(x[lost]), strict=True):
            found[place] = one
        return found

    def shadow(self, x: Vectors) -> list[Prediction]:
        """The challenger's, if there is one."""
        challenger = self.cast.challenger
        return [] if challenger is None else challenger.answers(x, shadow=True)

    def _from_ladder(self, x: Vectors) -> list[Prediction]:
        return [
            Prediction(
                1 / (1 + math.exp(-answer.logit)),
                answer.logit,
                answer.reasons,
                answer.source,
                VERSION,
            )
            for answer in self._ladder.answers(x)
        ]
