"""Milliseconds since the epoch and the datetimes that Postgres and Pydantic speak."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def instant(milliseconds: int) -> datetime:
    return EPOCH + milliseconds * MILLISECOND


def milliseconds(instant: datetime) -> int:
    """Since the epoch, rounded down; `instant` has a zone."""
    return (instant - EPOCH) // MILLISECOND
