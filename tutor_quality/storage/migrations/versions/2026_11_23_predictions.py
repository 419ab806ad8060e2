"""Predictions as served, the vectors they follow from, and which model predicts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LATEST = "session_reschedule_predictions"
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _change_latest()
    _make_session_features()
    _make_served_predictions()
    _make_model_status()


def _change_latest() -> None:
    """Nothing has predicted before this version."""
    op.execute("DELETE FROM session_reschedule_predictions")
    op.drop_column(LATEST, "features")
    op.add_column(
        LATEST,
        sa.Column("features_id", sa.Uuid(), nullable=False, comment="event_id in session_features"),
    )
    op.alter_column(
        LATEST,
        "version",
        comment="of one instant the greater wins",
        existing_comment="greater wins",
        existing_type=sa.BigInteger(),
        existing_nullable=False,
    )


def _make_session_features() -> None:
    op.create_table(
        "session_features",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        *_slot(),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was asked for"),
        sa.Column("mark_hours", sa.Double(), comment="mark: hours before the start"),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column(
            "log_offset", sa.BigInteger(), nullable=False, comment="the tutor's last known record"
        ),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False, comment="float32, little-endian"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_session_features")),
    )
    _index("session_features", "session_id", "scheduled_start")


def _make_served_predictions() -> None:
    op.create_table(
        "served_predictions",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("features_id", sa.Uuid(), nullable=False, comment="event_id in session_features"),
        *_slot(),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("lead_hours", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was asked for"),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("raw_score", sa.Double(), nullable=False, comment="logit before calibration"),
        sa.Column("risk_level", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False, comment="of a challenger, never shown"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_served_predictions")),
    )
    _index("served_predictions", "session_id", "scheduled_start")
    _index("served_predictions", "model_version", "as_of")


def _make_model_status() -> None:
    op.create_table(
        "model_status",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False, comment="of the session events"),
        sa.Column("champion", sa.Text(), comment="null = the fallback ladder answers"),
        sa.Column("challenger", sa.Text()),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column(
            "features",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="names, in the vector's order",
        ),
        sa.Column("base_rate", sa.Double(), nullable=False),
        sa.Column("said_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="greater wins"),
        sa.PrimaryKeyConstraint("model", "partition", name=op.f("pk_model_status")),
    )


def _slot() -> list[sa.Column[object]]:
    return [
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_start", INSTANT, nullable=False),
        sa.Column("tutor_id", sa.Uuid(), nullable=False),
    ]


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def downgrade() -> None:
    for table in ("model_status", "served_predictions", "session_features"):
        op.drop_table(table)
    op.drop_column(LATEST, "features_id")
    op.add_column(LATEST, sa.Column("features", postgresql.JSONB()))
    op.alter_column(
        LATEST,
        "version",
        comment="greater wins",
        existing_comment="of one instant the greater wins",
        existing_type=sa.BigInteger(),
        existing_nullable=False,
    )
