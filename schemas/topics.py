"""The catalogue: every topic with its key, schema, cleanup, writers and readers.

Services refer to members of this module, never to strings.
"""

from dataclasses import dataclass, field

DAY_MS = 86_400_000
FOREVER = "-1"


@dataclass(frozen=True, slots=True)
class Topic:
    """`schema` names a file in `schemas/avro`; None = bytes of the source record, untouched."""

    name: str
    key: str
    schema: str | None
    about: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    cleanup: str = "delete"
    partitions: int | None = None
    """None = the setting TQ_TOPIC_PARTITIONS."""
    retention_days: int | None = None
    """In production; the embedded broker keeps everything, see `config`."""
    extra: dict[str, str] = field(default_factory=dict)

    def config(self, *, embedded: bool) -> dict[str, str]:
        """Topic settings for the broker.

        Kafka's retention goes by record timestamps: the embedded broker takes history with
        CreateTime, which a finite retention would delete as soon as it was replayed.
        """
        if self.cleanup == "compact":
            # An hour for the owner to notice a zombie's late row before compaction drops its own.
            return {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000", **self.extra}
        keep = FOREVER
        if self.retention_days is not None and not embedded:
            keep = str(self.retention_days * DAY_MS)
        time = {} if embedded or self is not LIFECYCLE else LOG_APPEND_TIME
        return {"cleanup.policy": "delete", "retention.ms": keep, **time, **self.extra}


LOG_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
# One tutor's whole state is one record; the busiest one of the hotel data needs most of 1 MB.
LARGE_ROWS = {"max.message.bytes": str(16 << 20)}

LIFECYCLE = Topic(
    "tutoring.sessions.lifecycle.v1",
    key="tutor_id",
    schema="session_event",
    about="session events, and ticks of the stages (schema tutor_tick)",
    writers=("api", "producers", "score", "predict"),
    readers=("score", "sink", "predict"),
    retention_days=100,
)
TUTOR_PROFILE = Topic(
    "tutoring.tutors.profile.v1",
    key="tutor_id",
    schema="tutor_profile",
    about="who a tutor is and prefers",
    writers=("api", "producers"),
    readers=("sink", "match"),
    cleanup="compact",
)
STUDENT_PROFILE = Topic(
    "tutoring.students.profile.v1",
    key="student_id",
    schema="student_profile",
    about="who a student is and prefers",
    writers=("api", "producers"),
    readers=("sink", "match"),
    cleanup="compact",
)
SCORE = Topic(
    "tutoring.tutors.score.v1",
    key="tutor_id",
    schema="tutor_score",
    about="windows, rates and risk; the latest wins by (generation, version)",
    writers=("score",),
    readers=("sink", "match"),
    cleanup="compact",
)
RISK_CHANGED = Topic(
    "tutoring.tutors.risk-changed.v1",
    key="tutor_id",
    schema="risk_changed",
    about="transitions of risk, each at its exact instant",
    writers=("score",),
    readers=("sink", "report"),
    retention_days=400,
)
HIGH_RISK = Topic(
    "tutoring.tutors.high-risk.v1",
    key="tutor_id",
    schema="high_risk_alert",
    about="tutors that entered or left high risk, and upcoming sessions at high risk",
    writers=("score", "predict"),
    readers=("sink", "alert consumers"),
    retention_days=400,
)
PROGRESS = Topic(
    "tutoring.pipeline.progress.v1",
    key="partition",
    schema="partition_progress",
    about="up to which instant the scores are complete, or why they are stopped; partition i speaks"
    " of input partition i",
    writers=("score", "operators"),
    readers=("sink", "score"),
    cleanup="compact",
)
SCORE_CHANGELOG = Topic(
    "tutoring.score.rows.v1",
    key="tutor_id",
    schema=None,
    about="state of the score stage: one packed row per tutor",
    writers=("score",),
    readers=("score",),
    cleanup="compact",
    extra=LARGE_ROWS,
)

COMMANDS = Topic(
    "tutoring.commands.v1",
    key="tutor_id",
    schema="command",
    about="what somebody wants done: a prediction anew, another model",
    writers=("api", "operators"),
    readers=("predict",),
    retention_days=30,
)
FEATURES = Topic(
    "tutoring.sessions.features.v1",
    key="session_id",
    schema="session_features",
    about="feature vectors as served; in the partition of the tutor",
    writers=("predict",),
    readers=("sink",),
    retention_days=400,
)
PREDICTED = Topic(
    "tutoring.sessions.reschedule-predicted.v1",
    key="session_id",
    schema="reschedule_predicted",
    about="probability, level and reasons of upcoming slots; in the partition of the tutor."
    " Kept whole, not compacted: outcomes are joined with every prediction that was made",
    writers=("predict",),
    readers=("sink", "match"),
    retention_days=400,
)
MODEL_STATUS = Topic(
    "tutoring.models.status.v1",
    key="partition",
    schema="model_status",
    about="which model predicts, or why none does; partition i speaks of input partition i",
    writers=("predict",),
    readers=("sink",),
    cleanup="compact",
)
PREDICT_CHANGELOG = Topic(
    "tutoring.predict.rows.v1",
    key="tutor_id",
    schema=None,
    about="state of the predict stage: one packed row per tutor",
    writers=("predict",),
    readers=("predict",),
    cleanup="compact",
    extra=LARGE_ROWS,
)

SOURCES = (LIFECYCLE, TUTOR_PROFILE, STUDENT_PROFILE)
"""Topics that others write to, so that refused records are possible."""


def dead_letters(source: Topic) -> Topic:
    return Topic(
        f"{source.name}.dlq",
        key=source.key,
        schema=None,
        about=f"refused records of {source.name}, bytes untouched",
        writers=("score", "sink"),
        readers=("operators", "sink"),
        retention_days=400,
        extra=LARGE_ROWS,
    )


CATALOGUE: tuple[Topic, ...] = (
    *SOURCES,
    SCORE,
    RISK_CHANGED,
    HIGH_RISK,
    PROGRESS,
    SCORE_CHANGELOG,
    COMMANDS,
    FEATURES,
    PREDICTED,
    MODEL_STATUS,
    PREDICT_CHANGELOG,
    *(dead_letters(source) for source in SOURCES),
)
