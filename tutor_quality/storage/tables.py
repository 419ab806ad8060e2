"""All tables. Everything but the last section is a read model: Kafka can rebuild it bit for bit.

Times are `timestamptz` with millisecond values, rates are fractions. No foreign keys: rows come
from different topics in any order.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

WINDOWS = (7, 30, 90)
ATTENDANCE = (
    "completed",
    "no_shows",
    "cancelled",
    "starts_known",
    "late_starts",
    "ends_known",
    "early_ends",
    "ratings",
    "rating_sum",
    "first_sessions",
    "first_sessions_lost",
)
"""Columns of `tutor_scores` for each window, e.g. `no_shows_30d`."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)

# --- who ---------------------------------------------------------------------------------------

tutors = Table(
    "tutors",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, comment="'Tutor <first 8 characters>' until known"),
    Column("email", Text),
    Column("external_id", Text, comment="the id in the source system"),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("age", Integer),
    Column("sex", Text),
    Column("experience_years", Integer),
    Column("teaching_style", Text),
    Column("preferred_pace", Integer),
    Column("communication_style", Integer),
    Column("confidence_level", Integer),
    Column("preferred_student_level", Text),
    Column("preferences", Text, comment="JSON object, as sent"),
    Column("profile_updated_at", Instant, comment="null = only seen in events"),
    Column("profile_offset", BigInteger, comment="breaks ties of profile_updated_at"),
    Column("created_at", Instant, nullable=False, comment="least timestamp of the records seen"),
    Column("updated_at", Instant, Computed("COALESCE(profile_updated_at, created_at)", True)),
)
# C collation gives every server the same order; `storage.queries` sorts by the same expression.
Index("ix_tutors_lower_name", text('lower(name) COLLATE "C"'), tutors.c.id)

students = Table(
    "students",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("name", Text, nullable=False, comment="the id until known"),
    Column("external_id", Text),
    Column("age", Integer),
    Column("sex", Text),
    Column("preferred_pace", Integer),
    Column("preferred_teaching_style", Text),
    Column("communication_style_preference", Integer),
    Column("urgency_level", Integer),
    Column("learning_goals", Text),
    Column("previous_tutoring_experience", Integer),
    Column("previous_satisfaction", Integer),
    Column("preferences", Text, comment="JSON object, as sent"),
    Column("profile_updated_at", Instant),
    Column("profile_offset", BigInteger),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, Computed("COALESCE(profile_updated_at, created_at)", True)),
)

# --- what happened -----------------------------------------------------------------------------

session_events = Table(
    "session_events",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("tutor_id", Uuid, nullable=False),
    Column("scheduled_start", Instant, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False, comment="timestamp of the Kafka record"),
    Column("record_offset", BigInteger, nullable=False),
    Column("new_start", Instant),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("record_partition", Integer, nullable=False),
    Column("duration_minutes", Integer),
    Column("rating", SmallInteger),
    Column("is_first_session", Boolean),
    Column("event_type", Text, nullable=False),
    Column("initiator", Text),
    Column("student_id", String(255), nullable=False),
    Column("reason_code", Text),
    Column("reason", Text),
    Column("context", Text, comment="JSON object, as sent"),
    Index(None, "tutor_id", "occurred_at"),
    Index(None, "session_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("scheduled_start", Instant, primary_key=True),
    Column("tutor_id", Uuid, nullable=False),
    Column("student_id", String(255), nullable=False),
    Column("status", Text, nullable=False),
    Column(
        "duration_minutes", Integer, Computed("COALESCE(outcome_minutes, booked_minutes)", True)
    ),
    # The booking: the greatest (explicit, booked_at, event id) of the facts that open the slot.
    Column("opened_at", Instant, comment="first known; null = only the outcome is known"),
    Column("booked_at", Instant),
    Column("booking_event_id", Uuid),
    Column("booking_explicit", Boolean, comment="false = opened by moving another slot here"),
    Column("booked_minutes", Integer),
    Column("context", Text, comment="JSON object of the booking"),
    # The outcome: the greatest (outcome_at, outcome_event_id) of the facts that close it.
    Column("outcome_at", Instant, comment="null = no outcome yet, so the status is scheduled"),
    Column("outcome_event_id", Uuid),
    Column("outcome_minutes", Integer),
    Column("initiator", Text),
    Column("reason_code", Text),
    Column("reason", Text),
    Column("new_start", Instant),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("rating", SmallInteger),
    CheckConstraint("(status = 'scheduled') = (outcome_event_id IS NULL)", name="status_outcome"),
    Index(None, "tutor_id", "scheduled_start"),
    Index(None, "scheduled_start"),
    # Nearly every row is written twice, as a booking and with its outcome. With room in its page
    # and no index over the status the second writing touches no index: a fifth less work.
    postgresql_with={"fillfactor": 75},
)

reschedules = table(
    "reschedules",
    column("id", Uuid),
    column("session_id", Uuid),
    column("tutor_id", Uuid),
    column("student_id", String),
    column("initiator", Text),
    column("original_time", Instant),
    column("new_time", Instant),
    column("reason", Text),
    column("reason_code", Text),
    column("cancelled_at", Instant),
    column("created_at", Instant),
    column("hours_before_session"),
)
"""A view over `sessions`; `new_time` null = cancelled or no new time yet."""

# --- what follows from it ----------------------------------------------------------------------

tutor_scores = Table(
    "tutor_scores",
    metadata,
    Column("tutor_id", Uuid, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("as_of", Instant, nullable=False, comment="last calculated at"),
    Column("next_change_at", Instant, comment="null = never"),
    *(Column(f"total_sessions_{d}d", Integer, nullable=False) for d in WINDOWS),
    *(Column(f"tutor_reschedules_{d}d", Integer, nullable=False) for d in WINDOWS),
    *(Column(f"reschedule_rate_{d}d", Double, comment="null = no sessions") for d in WINDOWS),
    Column("is_high_risk", Boolean, nullable=False),
    Column("risk_threshold", Double, nullable=False),
    Column("risk_level", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("evidence", Text),
    Column("transition", Integer, nullable=False),
    Column("open_slots", Integer, nullable=False),
    *(Column(f"{name}_{d}d", Integer, nullable=False) for d in WINDOWS for name in ATTENDANCE),
)
Index(
    "ix_tutor_scores_rate_30d",
    tutor_scores.c.reschedule_rate_30d.desc().nulls_last(),
    tutor_scores.c.tutor_id,
)
Index(
    "ix_tutor_scores_total_30d",
    tutor_scores.c.total_sessions_30d.desc(),
    tutor_scores.c.tutor_id,
)

risk_changes = Table(
    "risk_changes",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("tutor_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("transition", Integer, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("is_high_risk", Boolean, nullable=False),
    Column("was_high_risk", Boolean, nullable=False),
    Column("evidence", Text),
    Column("previous_evidence", Text),
    Column("reasons", ARRAY(Text), nullable=False),
    *(Column(f"total_sessions_{d}d", Integer, nullable=False) for d in WINDOWS),
    *(Column(f"tutor_reschedules_{d}d", Integer, nullable=False) for d in WINDOWS),
    Column("risk_threshold", Double, nullable=False),
    Column("cause", Text, nullable=False),
    Column("cause_offset", BigInteger, nullable=False),
    Column("cause_slot_at", Instant),
    Index(None, "tutor_id", "occurred_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("tutor_id", Uuid, nullable=False),
    Column("session_id", Uuid),
    Column("occurred_at", Instant, nullable=False),
    Column("evidence", Text),
    Column("reasons", ARRAY(Text), nullable=False),
    *(Column(f"reschedule_rate_{d}d", Double) for d in WINDOWS),
    Column("risk_threshold", Double, nullable=False),
    Column("probability", Double),
    Column("scheduled_start", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Index(None, "occurred_at", "event_id"),
    Index(None, "tutor_id", "occurred_at"),
)

# --- predictions -------------------------------------------------------------------------------

session_reschedule_predictions = Table(
    "session_reschedule_predictions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("scheduled_start", Instant, primary_key=True),
    Column("tutor_id", Uuid, nullable=False),
    Column("student_id", String(255), nullable=False),
    Column("reschedule_probability", Double, nullable=False),
    Column("risk_level", Text, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("source", Text, nullable=False, comment="model, or the fallback that answered"),
    Column("model_version", Text, nullable=False),
    Column("features_id", Uuid, nullable=False, comment="event_id in session_features"),
    Column("predicted_at", Instant, nullable=False, comment="as_of of the features"),
    Column("version", BigInteger, nullable=False, comment="of one instant the greater wins"),
    Index(None, "tutor_id"),
    Index(None, "scheduled_start"),
)

session_features = Table(
    "session_features",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("session_id", Uuid, nullable=False),
    Column("scheduled_start", Instant, nullable=False),
    Column("tutor_id", Uuid, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("reason", Text, nullable=False, comment="why it was asked for"),
    Column("mark_hours", Double, comment="mark: hours before the start"),
    Column("generation", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False, comment="the tutor's last known record"),
    Column("fingerprint", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float32, little-endian"),
    Index(None, "session_id", "scheduled_start"),
)

served_predictions = Table(
    "served_predictions",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("features_id", Uuid, nullable=False, comment="event_id in session_features"),
    Column("session_id", Uuid, nullable=False),
    Column("scheduled_start", Instant, nullable=False),
    Column("tutor_id", Uuid, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("lead_hours", Double, nullable=False),
    Column("reason", Text, nullable=False, comment="why it was asked for"),
    Column("probability", Double, nullable=False),
    Column("raw_score", Double, nullable=False, comment="logit before calibration"),
    Column("risk_level", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("shadow", Boolean, nullable=False, comment="of a challenger, never shown"),
    Index(None, "session_id", "scheduled_start"),
    Index(None, "model_version", "as_of"),
)

model_status = Table(
    "model_status",
    metadata,
    Column("model", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, comment="of the session events"),
    Column("champion", Text, comment="null = the fallback ladder answers"),
    Column("challenger", Text),
    Column("wanted", Text, nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("why", Text),
    Column("fingerprint", Text, nullable=False),
    Column("features", ARRAY(Text), nullable=False, comment="names, in the vector's order"),
    Column("base_rate", Double, nullable=False),
    Column("said_at", Instant, nullable=False),
    Column("version", BigInteger, nullable=False, comment="greater wins"),
)

match_predictions = Table(
    "match_predictions",
    metadata,
    Column("student_id", String(255), primary_key=True),
    Column("tutor_id", Uuid, primary_key=True),
    Column("churn_probability", Double, nullable=False),
    Column("risk_level", Text, nullable=False),
    Column("compatibility_score", Double, nullable=False),
    Column("pace_mismatch", Double, nullable=False),
    Column("style_mismatch", Double, nullable=False),
    Column("communication_mismatch", Double, nullable=False),
    Column("age_difference", Double, nullable=False),
    Column("explanation", Text),
    Column("reasons", JSONB, nullable=False),
    Column("source", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("predicted_at", Instant, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index(None, "tutor_id"),
)

# --- the pipeline ------------------------------------------------------------------------------

sink_positions = Table(
    "sink_positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False, comment="everything below is in the tables"),
)


def _progress_columns(*, offset_is_key: bool) -> list[Column[object]]:
    return [
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("generation", Integer, nullable=False),
        Column("applied_offset", BigInteger, nullable=False),
        Column("applied_until", Instant, nullable=False),
        Column("score_offset", BigInteger, nullable=False),
        Column("live", Boolean, nullable=False),
        Column("stopped", Text, comment="why; null = it goes on"),
        Column("drain_until", BigInteger, comment="offset below which the limit does not count"),
        Column("record_offset", BigInteger, primary_key=offset_is_key, nullable=False),
    ]


pipeline_progress = Table(
    "pipeline_progress",
    metadata,
    *_progress_columns(offset_is_key=False),
    comment="true of tutor_scores: the sink has written what it speaks of",
)

pending_progress = Table(
    "pending_progress",
    metadata,
    *_progress_columns(offset_is_key=True),
    comment="waits until the sink has reached score_offset",
)


dead_letters = Table(
    "dead_letters",
    metadata,
    Column("topic", Text, primary_key=True, comment="of the refused record, so are the next two"),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("record_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("key", LargeBinary),
    Column("size", Integer, nullable=False, comment="bytes of the value"),
    Column("failed_at", Instant, nullable=False),
    Column("letter_partition", Integer, nullable=False, comment="where its bytes are"),
    Column("letter_offset", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, comment="1 = as first sent"),
    Column("retried_at", Instant, comment="by an operator, as is the next; not in Kafka"),
    Column("dropped_at", Instant),
    Index(None, "failed_at"),
)

# --- kept by the API, not in Kafka -------------------------------------------------------------

email_reports = Table(
    "email_reports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False, comment="tutor, session or day it is about"),
    Column("period", Text, nullable=False),
    Column("session_id", Uuid),
    Column("tutor_id", Uuid),
    Column("recipient_email", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("error_message", Text),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    CheckConstraint("status IN ('pending', 'sent', 'failed')", name="status"),
    UniqueConstraint("kind", "subject_id", "period", "recipient_email"),
    Index(None, "tutor_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

login_links = Table(
    "login_links",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("principal", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

login_sessions = Table(
    "login_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("principal", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant, comment="last"),
    Column("revoked_at", Instant),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("principal", Text, comment="null = nobody was recognised"),
    Column("action", Text, nullable=False),
    Column("target", Text),
    Column("outcome", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", Text),
    Column("detail", JSONB),
    Index(None, "at"),
)
