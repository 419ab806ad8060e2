"""Milliseconds since the epoch and the datetimes that Postgres and Pydantic speak."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def instant(milliseconds: int) -> datetime:
    return EPOCH + milliseconds * MILLISECOND


def milliseconds(instant: datetime) -> int:
    """Since the epoch, rounded down; `instant` has a zone."""
    return (instant - EPOCH) // MILLISECOND


def iso(instant: datetime) -> str:
    """In UTC; with milliseconds unless they are 0."""
    fine = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=fine).replace("+00:00", "Z")
