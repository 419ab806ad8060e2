"""What operators do: stop, resume, retry, drop."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PROGRESS = ("pipeline_progress", "pending_progress")


def upgrade() -> None:
    for table in PROGRESS:
        op.add_column(table, sa.Column("stopped", sa.Text(), comment="why; null = it goes on"))
        op.add_column(
            table,
            sa.Column(
                "drain_until",
                sa.BigInteger(),
                comment="offset below which the limit does not count",
            ),
        )
    op.add_column(
        "dead_letters",
        sa.Column(
            "attempt",
            sa.Integer(),
            nullable=False,
            server_default="1",
            comment="1 = as first sent",
        ),
    )
    # Letters from before are all of first attempts; from now on the sink says it.
    op.alter_column("dead_letters", "attempt", server_default=None)
    op.add_column(
        "dead_letters",
        sa.Column(
            "retried_at",
            sa.DateTime(timezone=True),
            comment="by an operator, as is the next; not in Kafka",
        ),
    )
    op.add_column("dead_letters", sa.Column("dropped_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    for name in ("dropped_at", "retried_at", "attempt"):
        op.drop_column("dead_letters", name)
    for table in PROGRESS:
        op.drop_column(table, "drain_until")
        op.drop_column(table, "stopped")
