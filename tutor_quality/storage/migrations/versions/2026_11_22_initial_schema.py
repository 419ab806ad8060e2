"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


RESCHEDULES = """\
SELECT outcome_event_id AS id, session_id, tutor_id, student_id, initiator,
       scheduled_start AS original_time, new_start AS new_time, reason, reason_code,
       outcome_at AS cancelled_at, outcome_at AS created_at,
       round(extract(epoch FROM scheduled_start - outcome_at) / 3600, 2) AS hours_before_session
FROM sessions WHERE status IN ('rescheduled', 'cancelled')"""


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("reasons", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("reschedule_rate_7d", sa.Double(), nullable=True),
        sa.Column("reschedule_rate_30d", sa.Double(), nullable=True),
        sa.Column("reschedule_rate_90d", sa.Double(), nullable=True),
        sa.Column("risk_threshold", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("scheduled_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_occurred_at_event_id"), "alerts", ["occurred_at", "event_id"])
    op.create_index(op.f("ix_alerts_tutor_id_occurred_at"), "alerts", ["tutor_id", "occurred_at"])
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal", sa.Text(), nullable=True, comment="null = nobody was recognised"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])
    op.create_table(
        "dead_letters",
        sa.Column(
            "topic", sa.Text(), nullable=False, comment="of the refused record, so are the next two"
        ),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes of the value"),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("letter_partition", sa.Integer(), nullable=False, comment="where its bytes are"),
        sa.Column("letter_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "topic", "partition", "record_offset", name=op.f("pk_dead_letters")
        ),
    )
    op.create_index(op.f("ix_dead_letters_failed_at"), "dead_letters", ["failed_at"])
    op.create_table(
        "email_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "subject_id", sa.Text(), nullable=False, comment="tutor, session or day it is about"
        ),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("tutor_id", sa.Uuid(), nullable=True),
        sa.Column("recipient_email", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'failed')", name=op.f("ck_email_reports_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_reports")),
        sa.UniqueConstraint(
            "kind",
            "subject_id",
            "period",
            "recipient_email",
            name=op.f("uq_email_reports_kind_subject_id_period_recipient_email"),
        ),
    )
    op.create_index(op.f("ix_email_reports_tutor_id"), "email_reports", ["tutor_id"])
    op.create_table(
        "login_links",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_login_links")),
    )
    op.create_table(
        "login_sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True, comment="last"),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_login_sessions")),
    )
    op.create_table(
        "match_predictions",
        sa.Column("student_id", sa.String(length=255), nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("churn_probability", sa.Double(), nullable=False),
        sa.Column("risk_level", sa.Text(), nullable=False),
        sa.Column("compatibility_score", sa.Double(), nullable=False),
        sa.Column("pace_mismatch", sa.Double(), nullable=False),
        sa.Column("style_mismatch", sa.Double(), nullable=False),
        sa.Column("communication_mismatch", sa.Double(), nullable=False),
        sa.Column("age_difference", sa.Double(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("predicted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("student_id", "tutor_id", name=op.f("pk_match_predictions")),
    )
    op.create_index(op.f("ix_match_predictions_tutor_id"), "match_predictions", ["tutor_id"])
    op.create_table(
        "pending_progress",
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("applied_offset", sa.BigInteger(), nullable=False),
        sa.Column("applied_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("score_offset", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "record_offset", name=op.f("pk_pending_progress")),
        comment="waits until the sink has reached score_offset",
    )
    op.create_table(
        "pipeline_progress",
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("applied_offset", sa.BigInteger(), nullable=False),
        sa.Column("applied_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("score_offset", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partition", name=op.f("pk_pipeline_progress")),
        comment="true of tutor_scores: the sink has written what it speaks of",
    )
    op.create_table(
        "risk_changes",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("transition", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_high_risk", sa.Boolean(), nullable=False),
        sa.Column("was_high_risk", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("previous_evidence", sa.Text(), nullable=True),
        sa.Column("reasons", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("total_sessions_7d", sa.Integer(), nullable=False),
        sa.Column("total_sessions_30d", sa.Integer(), nullable=False),
        sa.Column("total_sessions_90d", sa.Integer(), nullable=False),
        sa.Column("tutor_reschedules_7d", sa.Integer(), nullable=False),
        sa.Column("tutor_reschedules_30d", sa.Integer(), nullable=False),
        sa.Column("tutor_reschedules_90d", sa.Integer(), nullable=False),
        sa.Column("risk_threshold", sa.Double(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cause_offset", sa.BigInteger(), nullable=False),
        sa.Column("cause_slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_risk_changes")),
    )
    op.create_index(
        op.f("ix_risk_changes_tutor_id_occurred_at"), "risk_changes", ["tutor_id", "occurred_at"]
    )
    op.create_table(
        "session_events",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="timestamp of the Kafka record",
        ),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("new_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("record_partition", sa.Integer(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=True),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("is_first_session", sa.Boolean(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("initiator", sa.Text(), nullable=True),
        sa.Column("student_id", sa.String(length=255), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True, comment="JSON object, as sent"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_session_events")),
    )
    op.create_index(op.f("ix_session_events_session_id"), "session_events", ["session_id"])
    op.create_index(
        op.f("ix_session_events_tutor_id_occurred_at"),
        "session_events",
        ["tutor_id", "occurred_at"],
    )
    op.create_table(
        "session_reschedule_predictions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("student_id", sa.String(length=255), nullable=False),
        sa.Column("reschedule_probability", sa.Double(), nullable=False),
        sa.Column("risk_level", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="model, or the fallback that answered"
        ),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "predicted_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="as_of of the features",
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="greater wins"),
        sa.PrimaryKeyConstraint(
            "session_id", "scheduled_start", name=op.f("pk_session_reschedule_predictions")
        ),
    )
    op.create_index(
        op.f("ix_session_reschedule_predictions_scheduled_start"),
        "session_reschedule_predictions",
        ["scheduled_start"],
    )
    op.create_index(
        op.f("ix_session_reschedule_predictions_tutor_id"),
        "session_reschedule_predictions",
        ["tutor_id"],
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("student_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column(
            "duration_minutes",
            sa.Integer(),
            sa.Computed("COALESCE(outcome_minutes, booked_minutes)", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "opened_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="first known; null = only the outcome is known",
        ),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booking_event_id", sa.Uuid(), nullable=True),
        sa.Column(
            "booking_explicit",
            sa.Boolean(),
            nullable=True,
            comment="false = opened by moving another slot here",
        ),
        sa.Column("booked_minutes", sa.Integer(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True, comment="JSON object of the booking"),
        sa.Column(
            "outcome_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="null = no outcome yet, so the status is scheduled",
        ),
        sa.Column("outcome_event_id", sa.Uuid(), nullable=True),
        sa.Column("outcome_minutes", sa.Integer(), nullable=True),
        sa.Column("initiator", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("new_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint(
            "(status = 'scheduled') = (outcome_event_id IS NULL)",
            name=op.f("ck_sessions_status_outcome"),
        ),
        sa.PrimaryKeyConstraint("session_id", "scheduled_start", name=op.f("pk_sessions")),
        postgresql_with={"fillfactor": 75},
    )
    op.create_index(op.f("ix_sessions_scheduled_start"), "sessions", ["scheduled_start"])
    op.create_index(
        op.f("ix_sessions_tutor_id_scheduled_start"), "sessions", ["tutor_id", "scheduled_start"]
    )
    op.create_table(
        "sink_positions",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column(
            "next_offset",
            sa.BigInteger(),
            nullable=False,
            comment="everything below is in the tables",
        ),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_sink_positions")),
    )
    op.create_table(
        "students",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the id until known"),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("preferred_pace", sa.Integer(), nullable=True),
        sa.Column("preferred_teaching_style", sa.Text(), nullable=True),
        sa.Column("communication_style_preference", sa.Integer(), nullable=True),
        sa.Column("urgency_level", sa.Integer(), nullable=True),
        sa.Column("learning_goals", sa.Text(), nullable=True),
        sa.Column("previous_tutoring_experience", sa.Integer(), nullable=True),
        sa.Column("previous_satisfaction", sa.Integer(), nullable=True),
        sa.Column("preferences", sa.Text(), nullable=True, comment="JSON object, as sent"),
        sa.Column("profile_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("profile_offset", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            sa.Computed("COALESCE(profile_updated_at, created_at)", persisted=True),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_students")),
    )
    op.create_table(
        "tutor_scores",
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column(
            "as_of", sa.DateTime(timezone=True), nullable=False, comment="last calculated at"
        ),
        sa.Column(
            "next_change_at", sa.DateTime(timezone=True), nullable=True, comment="null = never"
        ),
        sa.Column("total_sessions_7d", sa.Integer(), nullable=False),
        sa.Column("total_sessions_30d", sa.Integer(), nullable=False),
        sa.Column("total_sessions_90d", sa.Integer(), nullable=False),
        sa.Column("tutor_reschedules_7d", sa.Integer(), nullable=False),
        sa.Column("tutor_reschedules_30d", sa.Integer(), nullable=False),
        sa.Column("tutor_reschedules_90d", sa.Integer(), nullable=False),
        sa.Column("reschedule_rate_7d", sa.Double(), nullable=True, comment="null = no sessions"),
        sa.Column("reschedule_rate_30d", sa.Double(), nullable=True, comment="null = no sessions"),
        sa.Column("reschedule_rate_90d", sa.Double(), nullable=True, comment="null = no sessions"),
        sa.Column("is_high_risk", sa.Boolean(), nullable=False),
        sa.Column("risk_threshold", sa.Double(), nullable=False),
        sa.Column("risk_level", sa.Text(), nullable=False),
        sa.Column("reasons", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("transition", sa.Integer(), nullable=False),
        sa.Column("open_slots", sa.Integer(), nullable=False),
        sa.Column("completed_7d", sa.Integer(), nullable=False),
        sa.Column("no_shows_7d", sa.Integer(), nullable=False),
        sa.Column("cancelled_7d", sa.Integer(), nullable=False),
        sa.Column("starts_known_7d", sa.Integer(), nullable=False),
        sa.Column("late_starts_7d", sa.Integer(), nullable=False),
        sa.Column("ends_known_7d", sa.Integer(), nullable=False),
        sa.Column("early_ends_7d", sa.Integer(), nullable=False),
        sa.Column("ratings_7d", sa.Integer(), nullable=False),
        sa.Column("rating_sum_7d", sa.Integer(), nullable=False),
        sa.Column("first_sessions_7d", sa.Integer(), nullable=False),
        sa.Column("first_sessions_lost_7d", sa.Integer(), nullable=False),
        sa.Column("completed_30d", sa.Integer(), nullable=False),
        sa.Column("no_shows_30d", sa.Integer(), nullable=False),
        sa.Column("cancelled_30d", sa.Integer(), nullable=False),
        sa.Column("starts_known_30d", sa.Integer(), nullable=False),
        sa.Column("late_starts_30d", sa.Integer(), nullable=False),
        sa.Column("ends_known_30d", sa.Integer(), nullable=False),
        sa.Column("early_ends_30d", sa.Integer(), nullable=False),
        sa.Column("ratings_30d", sa.Integer(), nullable=False),
        sa.Column("rating_sum_30d", sa.Integer(), nullable=False),
        sa.Column("first_sessions_30d", sa.Integer(), nullable=False),
        sa.Column("first_sessions_lost_30d", sa.Integer(), nullable=False),
        sa.Column("completed_90d", sa.Integer(), nullable=False),
        sa.Column("no_shows_90d", sa.Integer(), nullable=False),
        sa.Column("cancelled_90d", sa.Integer(), nullable=False),
        sa.Column("starts_known_90d", sa.Integer(), nullable=False),
        sa.Column("late_starts_90d", sa.Integer(), nullable=False),
        sa.Column("ends_known_90d", sa.Integer(), nullable=False),
        sa.Column("early_ends_90d", sa.Integer(), nullable=False),
        sa.Column("ratings_90d", sa.Integer(), nullable=False),
        sa.Column("rating_sum_90d", sa.Integer(), nullable=False),
        sa.Column("first_sessions_90d", sa.Integer(), nullable=False),
        sa.Column("first_sessions_lost_90d", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tutor_id", name=op.f("pk_tutor_scores")),
    )
    op.create_index(
        "ix_tutor_scores_rate_30d",
        "tutor_scores",
        [sa.literal_column("reschedule_rate_30d DESC NULLS LAST"), "tutor_id"],
    )
    op.create_index(
        "ix_tutor_scores_total_30d",
        "tutor_scores",
        [sa.literal_column("total_sessions_30d DESC"), "tutor_id"],
    )
    op.create_table(
        "tutors",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="'Tutor <first 8 characters>' until known"
        ),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True, comment="the id in the source system"),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("experience_years", sa.Integer(), nullable=True),
        sa.Column("teaching_style", sa.Text(), nullable=True),
        sa.Column("preferred_pace", sa.Integer(), nullable=True),
        sa.Column("communication_style", sa.Integer(), nullable=True),
        sa.Column("confidence_level", sa.Integer(), nullable=True),
        sa.Column("preferred_student_level", sa.Text(), nullable=True),
        sa.Column("preferences", sa.Text(), nullable=True, comment="JSON object, as sent"),
        sa.Column(
            "profile_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="null = only seen in events",
        ),
        sa.Column(
            "profile_offset",
            sa.BigInteger(),
            nullable=True,
            comment="breaks ties of profile_updated_at",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="least timestamp of the records seen",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            sa.Computed("COALESCE(profile_updated_at, created_at)", persisted=True),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tutors")),
    )
    op.create_index(
        "ix_tutors_lower_name", "tutors", [sa.literal_column('lower(name) COLLATE "C"'), "id"]
    )
    op.execute(f"CREATE VIEW reschedules AS {RESCHEDULES}")


def downgrade() -> None:
    op.execute("DROP VIEW reschedules")
    op.drop_table("tutors")
    op.drop_table("tutor_scores")
    op.drop_table("students")
    op.drop_table("sink_positions")
    op.drop_table("sessions")
    op.drop_table("session_reschedule_predictions")
    op.drop_table("session_events")
    op.drop_table("risk_changes")
    op.drop_table("pipeline_progress")
    op.drop_table("pending_progress")
    op.drop_table("match_predictions")
    op.drop_table("login_sessions")
    op.drop_table("login_links")
    op.drop_table("email_reports")
    op.drop_table("dead_letters")
    op.drop_table("audit_log")
    op.drop_table("api_keys")
    op.drop_table("alerts")
