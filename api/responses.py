"""Bodies of answers. Rates named `reschedule_rate_*` are percent with two decimals, as clients of
the original expect; everything else that is a share is a fraction in [0, 1]. Times are UTC.

These models are the contract in the OpenAPI document; routes write the JSON themselves and tests
hold it against them.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Percent = Annotated[
    float | None,
    Field(ge=0, le=100, description="percent, two decimals; null = no sessions in the window"),
]
Fraction = Annotated[float | None, Field(ge=0, le=1, description="fraction; null = nothing known")]
Rating = Annotated[float | None, Field(ge=1, le=5, description="mean; null = none given")]
Count = Annotated[int, Field(ge=0)]
AsOf = Annotated[
    datetime | None,
    Field(description="all events and expiries up to here are counted; null = nothing yet"),
]
Reasons = Annotated[
    list[str], Field(description="windows whose rate is above the threshold, e.g. 30d")
]
Evidence = Annotated[
    Literal["insufficient", "raw", "confirmed"] | None,
    Field(
        description="how sure the flag is: fewer than 5 sessions, raw, or confirmed by the 90 %"
        " lower bound; null while not at high risk"
    ),
]
RiskLevel = Literal["low", "warning", "high"]
PredictedRisk = Literal["low", "medium", "high"]
Cursor = Annotated[str | None, Field(description="pass it as `cursor`; null = this was the last")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProblemError(Body):
    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body, e.g. #/status")
    parameter: str | None = Field(None, description="name in the query, path or header")


class ProblemBody(Body):
    """RFC 9457."""

    type: str = Field(description="stable name of the kind of problem")
    title: str
    status: int
    detail: str = Field(description="what to do about it")
    instance: str
    request_id: str | None = None
    errors: list[ProblemError] | None = None


class Windows(Body):
    reschedule_rate_7d: Percent
    reschedule_rate_30d: Percent
    reschedule_rate_90d: Percent
    total_sessions_7d: Count
    total_sessions_30d: Count
    total_sessions_90d: Count
    tutor_reschedules_7d: Count
    tutor_reschedules_30d: Count
    tutor_reschedules_90d: Count


class TutorItem(Windows):
    id: UUID
    name: str
    email: str | None
    external_id: str | None = Field(description="the id in the source system")
    is_high_risk: bool = Field(description="any rate strictly above the threshold")
    risk_level: RiskLevel | None = Field(description="null before the first score")
    evidence: Evidence
    last_calculated_at: datetime | None


class TutorPage(Body):
    tutors: list[TutorItem]
    total: Count = Field(description="tutors that match, on all pages")
    limit: int
    offset: int
    next_cursor: Cursor
    as_of: AsOf


class Scores(Windows):
    """Before the first score: no session in any window, and null where there is nothing to say."""

    is_high_risk: bool
    risk_level: RiskLevel | None = Field(description="null before the first score")
    risk_threshold: float = Field(description="percent")
    reasons: Reasons
    evidence: Evidence
    last_calculated_at: datetime | None = Field(description="null before the first score")
    next_change_at: datetime | None = Field(
        description="when a count changes next if nothing arrives; null = never"
    )


class TutorStatistics(Windows):
    """The windows again, and attendance; shown beside the rates, it does not set the flag."""

    no_show_rate_7d: Percent
    no_show_rate_30d: Percent
    no_show_rate_90d: Percent
    late_start_rate_7d: Percent = Field(description="begun more than 5 minutes late, where known")
    late_start_rate_30d: Percent
    late_start_rate_90d: Percent
    early_end_rate_7d: Percent = Field(description="ended more than 10 minutes early, where known")
    early_end_rate_30d: Percent
    early_end_rate_90d: Percent
    average_rating_7d: Rating
    average_rating_30d: Rating
    average_rating_90d: Rating
    completed_30d: Count
    no_shows_30d: Count
    cancelled_30d: Count = Field(description="moved or cancelled, by anyone")
    first_sessions_30d: Count
    first_sessions_lost_30d: Count = Field(description="of those, not completed")
    open_slots: Count = Field(description="booked slots without an outcome")


class TutorDetail(Body):
    id: UUID
    name: str
    email: str | None
    external_id: str | None
    is_active: bool
    created_at: datetime
    as_of: AsOf
    scores: Scores
    statistics: TutorStatistics


class Reschedule(Body):
    id: UUID
    session_id: UUID
    student_id: str
    initiator: Literal["tutor", "student", "system"] | None
    original_time: datetime
    new_time: datetime | None = Field(description="null = cancelled, or no new time yet")
    reason: str | None
    reason_code: str | None
    cancelled_at: datetime
    hours_before_session: float = Field(description="negative = after its start")
    created_at: datetime


class Week(Body):
    week: date = Field(description="Monday, UTC")
    rate: Percent
    total: Count = Field(description="sessions with an outcome, by when it happened")
    tutor_reschedules: Count


class Trend(Body):
    reschedule_rate_by_week: list[Week] = Field(description="closed calendar weeks, oldest first")


class TutorHistory(Body):
    reschedules: list[Reschedule]
    trend: Trend
    as_of: AsOf


class SessionEventItem(Body):
    event_id: UUID
    event_type: Literal["scheduled", "rescheduled", "cancelled", "completed", "no_show"]
    session_id: UUID
    student_id: str
    scheduled_start: datetime
    occurred_at: datetime
    recorded_at: datetime
    duration_minutes: int | None
    new_start: datetime | None
    initiator: Literal["tutor", "student", "system"] | None
    reason_code: str | None
    reason: str | None
    started_at: datetime | None
    ended_at: datetime | None
    rating: int | None
    is_first_session: bool | None


class SessionEventPage(Body):
    events: list[SessionEventItem]
    next_cursor: Cursor
    as_of: AsOf


class RiskChange(Windows):
    event_id: UUID
    transition: int = Field(ge=1, description="1, 2, 3, … of this tutor")
    occurred_at: datetime
    is_high_risk: bool
    was_high_risk: bool
    evidence: Evidence
    previous_evidence: Evidence
    reasons: Reasons
    risk_threshold: float = Field(description="percent")
    cause: Literal["event", "expiry", "entry"]


class RiskTimeline(Body):
    changes: list[RiskChange]
    next_cursor: Cursor
    as_of: AsOf


class Alert(Body):
    event_id: UUID
    kind: Literal["tutor_entered", "tutor_evidence_changed", "tutor_left", "session_at_risk"]
    tutor_id: UUID
    tutor_name: str | None
    session_id: UUID | None
    occurred_at: datetime
    evidence: Evidence
    reasons: Reasons
    reschedule_rate_7d: Percent
    reschedule_rate_30d: Percent
    reschedule_rate_90d: Percent
    risk_threshold: float = Field(description="percent")
    probability: Fraction
    scheduled_start: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertPage(Body):
    alerts: list[Alert]
    next_cursor: Cursor
    as_of: AsOf


class Acknowledgement(Body):
    alert: Alert
    as_of: AsOf


PredictionSource = Literal["model", "posterior", "shrunk_rate", "global_rate"] | None


class PredictionReason(Body):
    feature: str
    value: float | None = Field(description="null = not known, or a category")
    category: str | None
    contribution: float = Field(
        description="part of the probability's logit; positive = makes a reschedule likelier"
    )


class PredictionDetail(Body):
    id: UUID = Field(description="the session")
    tutor_id: UUID
    student_id: str
    scheduled_time: datetime = Field(description="start of its next open slot")
    reschedule_probability: Fraction = Field(description="fraction; null = no prediction yet")
    risk_level: PredictedRisk | None
    reasons: list[PredictionReason] | None
    source: PredictionSource
    model_version: str | None
    predicted_at: datetime | None
    asked_for: str | None = Field(
        description="creation, mark, change, refresh, promotion or catch-up"
    )
    features: dict[str, float | None] | None = Field(
        description="the vector that the prediction follows from; null = not there yet"
    )
    as_of: AsOf


class PredictionAsked(Body):
    """The command is durable in Kafka; the prediction follows within moments."""

    id: UUID = Field(description="the session")
    command_id: UUID
    requested_at: datetime = Field(
        description="the prediction is there when predicted_at is not before this instant, or the"
        " end of the log in a replay"
    )
    location: str = Field(description="where the prediction shows up")


class BatchAsked(Body):
    """The commands are durable in Kafka; the predictions follow within moments."""

    predicted: Count = Field(description="sessions asked for")
    errors: Count = Field(description="sessions that are unknown or have no upcoming slot")
    total: Count
    unknown: list[UUID] = Field(description="those of the errors")
    requested_at: datetime
    location: str = Field(description="where the predictions show up")


class UpcomingSession(Body):
    id: UUID = Field(description="the session")
    tutor_id: UUID
    tutor_name: str | None
    student_id: str
    student_name: str | None
    scheduled_time: datetime
    duration_minutes: int | None
    status: Literal["scheduled"]
    reschedule_probability: Fraction = Field(description="fraction; null = no prediction yet")
    risk_level: PredictedRisk | None = Field(description="null = no prediction yet")
    reasons: list[PredictionReason] | None = Field(description="null = no prediction yet")
    source: PredictionSource = Field(description="what answered; null = no prediction yet")
    model_version: str | None
    predicted_at: datetime | None = Field(description="the instant of what was known then")


class UpcomingPage(Body):
    sessions: list[UpcomingSession]
    total: Count = Field(description="sessions that match, on all pages")
    limit: int
    offset: int
    next_cursor: Cursor
    as_of: AsOf


class PlatformRates(Body):
    """Of all tutors together: sums of reschedules over sums of sessions."""

    rate_7d: Percent
    rate_30d: Percent
    rate_90d: Percent


class PlatformSessions(Body):
    total_7d: Count
    total_30d: Count
    total_90d: Count


class TutorCounts(Body):
    total: Count
    high: Count
    warning: Count
    low: Count
    confirmed: Count = Field(description="at high risk with confirmed evidence")


class RateBand(Body):
    low: float = Field(alias="from", description="percent, included")
    high: float = Field(alias="to", description="percent, left out but for the last")
    tutors: Count


class NewlyHighRisk(Body):
    tutor_id: UUID
    name: str
    occurred_at: datetime
    evidence: Evidence
    reasons: Reasons
    reschedule_rate_7d: Percent
    reschedule_rate_30d: Percent
    reschedule_rate_90d: Percent


class Overview(Body):
    tutors: TutorCounts
    rates: PlatformRates
    sessions: PlatformSessions
    threshold: float = Field(description="percent")
    weekly: list[Week] = Field(description="13 closed calendar weeks, oldest first")
    distribution: list[RateBand] = Field(description="tutors by 30-day rate")
    newly_high_risk: list[NewlyHighRisk] = Field(
        description="at high risk now, entered within 7 days before as_of, latest first"
    )
    as_of: AsOf


class PartitionState(Body):
    partition: int
    generation: int
    applied_offset: int
    applied_until: datetime
    score_offset: int
    live: bool = Field(description="the wall clock makes expiries due; false in a replay")
    stopped: str | None = Field(
        description="why it stands still until `tq resume`; null = it goes on"
    )
    lag_seconds: float | None = Field(description="now minus applied_until; null in a replay")


class SinkPosition(Body):
    topic: str
    partition: int
    next_offset: int


class DeadLetters(Body):
    """Refused records that wait for an operator: neither retried nor dropped (`tq dlq`)."""

    total: Count
    by_reason: dict[str, int]
    by_topic: dict[str, int]


class Pipeline(Body):
    partitions: list[PartitionState]
    lag_seconds: float | None = Field(description="of the slowest live partition")
    dead_letters: DeadLetters
    sink: list[SinkPosition]
    as_of: AsOf


class Health(Body):
    status: Literal["healthy", "degraded", "unhealthy"] = Field(
        description="degraded: Kafka is away, reads work; unhealthy: the database is away"
    )
    model_degraded: bool | None = Field(
        description="something else predicts than the model that should; null = nobody has said"
    )
    version: str
    database: Literal["connected", "disconnected"]
    kafka: Literal["connected", "disconnected"]
    as_of: AsOf


class Liveness(Body):
    status: Literal["alive"]


class Readiness(Body):
    status: Literal["ready"]


class Accepted(Body):
    """The event is durable in Kafka; the numbers follow within moments."""

    model_config = ConfigDict(extra="allow")

    id: UUID = Field(description="the session")
    event_id: UUID
    created_at: datetime
    updated_at: datetime


class ItemResult(Body):
    index: int = Field(ge=0, description="place in what was sent, from 0")
    status: int = Field(description="202 = durable; else as for a single event")
    event_id: UUID | None = None
    detail: str | None = None
    errors: list[ProblemError] | None = None


class BatchResult(Body):
    accepted: Count
    refused: Count
    results: list[ItemResult]


class Me(Body):
    principal: str
    scopes: list[str]


@lru_cache(maxsize=10_000)
def percent(fraction: float | None) -> float | None:
    return None if fraction is None else round(fraction * 100, 2)


def rate(part: int, whole: int) -> float | None:
    """A fraction; None = nothing to measure."""
    return part / whole if whole else None


def alert_item(row: Mapping[str, Any]) -> dict[str, Any]:
    item = dict(row)
    for name in ("reschedule_rate_7d", "reschedule_rate_30d", "reschedule_rate_90d"):
        item[name] = percent(row[name])
    item["risk_threshold"] = percent(row["risk_threshold"])
    return item


ModelRole = Literal["champion", "challenger"] | None
Metric = Annotated[float | None, Field(description="null = too little to tell")]


class ModelFigures(Body):
    """On the latest quarter of the training history, by a model that never saw it."""

    n: Count | None
    bad: Count | None
    auc: Metric
    pr_auc: Metric
    brier: Metric
    log_loss: Metric = Field(description="nats")
    ece: Metric = Field(description="expected calibration error, 15 bins of equal mass")
    slope: Metric = Field(description="calibration slope; 1 = right")
    o_e: Metric = Field(description="bad endings, observed over expected")


class ReliabilityBin(Body):
    n: Count
    predicted: float
    observed: float


class ModelItem(Body):
    version: str
    role: ModelRole
    source: str | None = Field(description="what it was made of")
    rows: Count | None
    test: ModelFigures


class ModelChange(Body):
    at: datetime
    by: str
    champion: str
    challenger: str | None
    why: str


class ModelWorker(Body):
    """What the owner of a partition says of its model."""

    partition: int
    champion: str | None = Field(description="null = the fallbacks answer")
    challenger: str | None
    wanted: str
    degraded: bool
    why: str | None
    said_at: datetime


class Models(Body):
    champion: str
    challenger: str | None = Field(description="predicts unseen beside the champion")
    models: list[ModelItem]
    changes: list[ModelChange] = Field(description="who served when, newest first")
    sources: dict[str, int] = Field(description="shown predictions by what made them, 28 days")
    fallback_share: Fraction
    workers: list[ModelWorker]
    since: datetime
    as_of: AsOf


Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class ModelTest(ModelFigures):
    base_rate_log_loss: float
    intervals_90: dict[str, Pair]
    reliability: list[ReliabilityBin]
    precision_recall: list[Pair] = Field(description="(recall, precision)")
    by_lead_band: dict[str, ModelFigures]


class ModelCard(Body):
    source: str | None
    seed: int | None
    events: Count | None
    rows: Count | None
    tutors: Count | None
    bad_share: Fraction
    first_start: datetime
    last_start: datetime
    rows_left_out: dict[str, int]
    strongest_features: dict[str, float] = Field(description="share of the trees' gain")
    suspicions: dict[str, str]
    label: dict[str, list[list[str | None]]] = Field(description="endings as [kind, initiator]")
    test: ModelTest


class LiveFigures(Body):
    n: Count = Field(description="predictions whose slot has begun and ended good or bad")
    bad: Count
    brier: Metric
    log_loss: Metric
    ece: Metric
    intercept: Metric
    slope: Metric
    o_e: Metric
    o_e_low: Metric = Field(description="90 % interval")
    o_e_high: Metric
    reliability: list[ReliabilityBin]


class LiveSource(Body):
    overall: LiveFigures
    bands: dict[str, LiveFigures] = Field(description="by time from the prediction to the start")
    fates: dict[str, int] = Field(
        description="all predictions whose slot has begun: good, bad, unresolved, censored by …"
    )


class ModelDrift(Body):
    """An alarm is false in fewer than one of a hundred windows without drift."""

    state: Literal["too few", "stable", "drifting"]
    n: Count
    direction: Literal["too low", "too high"] | None = Field(
        description="how the probabilities have become"
    )
    since: datetime | None = Field(description="start of the slot that it seems to begin with")
    evidence: float
    threshold: float
    design_effect: float = Field(description="how much less the outcomes tell, as tutors cluster")


class ModelDetail(Body):
    version: str
    role: ModelRole
    card: ModelCard | None = Field(description="null for the fallbacks")
    live: dict[str, LiveSource] = Field(description="by source: model, or the fallback's name")
    drift: ModelDrift
    shifts: dict[str, float] = Field(
        description="population stability index of bounded features against the training set;"
        " below 0.1 is stable, above 0.25 another population"
    )
    since: datetime = Field(description="live figures are of slots that began after this")
    as_of: AsOf
