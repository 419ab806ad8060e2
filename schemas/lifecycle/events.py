"""Columns as session events again, for what works on one fact at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.lifecycle.batch import LifecycleBatch
from tutor_quality.domain.columns import NULL_TIME, Kind, LifecycleColumns
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

TYPES = tuple(EventType)
INITIATORS = tuple(InitiatorName)
MOVES = (Kind.RESCHEDULED, Kind.CANCELLED)


def session_events(batch: LifecycleBatch) -> list[SessionEvent | None]:
    """One for each valid record; None for ticks.

    Fields that mean nothing for an event's type are None, and so are those of what happened in
    the lesson and why it was moved: who needs these takes the columns.
    """
    columns, texts = batch.columns, batch.texts
    rows = zip(
        columns.kind.tolist(),
        uuids(columns.tutor_id),
        uuids(columns.event_id),
        uuids(columns.session_id),
        texts.student_id,
        columns.scheduled_start.tolist(),
        columns.occurred_at.tolist(),
        columns.duration_minutes.tolist(),
        columns.new_start.tolist(),
        columns.initiator.tolist(),
        texts.context,
        strict=True,
    )
    return [
        None
        if kind >= Kind.TICK
        else SessionEvent(
            event_id=event_id,
            event_type=TYPES[kind],
            session_id=session_id,
            tutor_id=tutor_id,
            student_id=student_id or "",
            scheduled_start=start,
            occurred_at=occurred_at,
            duration_minutes=None if minutes < 0 else minutes,
            new_start=new_start if kind == Kind.RESCHEDULED and new_start != NULL_TIME else None,
            initiator=INITIATORS[initiator] if kind in MOVES else None,
            context=context,
        )
        for (
            kind,
            tutor_id,
            event_id,
            session_id,
            student_id,
            start,
            occurred_at,
            minutes,
            new_start,
            initiator,
            context,
        ) in rows
    ]


def tutor_keys(columns: LifecycleColumns) -> list[bytes]:
    """The key of each record; b"" of one that marks the partition's time only."""
    keys = zip(uuids(columns.tutor_id), columns.kind.tolist(), strict=True)
    return [b"" if kind == Kind.MARK else tutor.encode() for tutor, kind in keys]


def uuids(identities: NDArray[np.uint8]) -> Sequence[str]:
    """(n, 16) bytes as texts in lower case."""
    digits = identities.tobytes().hex()
    return [
        f"{digits[i : i + 8]}-{digits[i + 8 : i + 12]}-{digits[i + 12 : i + 16]}"
        f"-{digits[i + 16 : i + 20]}-{digits[i + 20 : i + 32]}"
        for i in range(0, len(digits), 32)
    ]
