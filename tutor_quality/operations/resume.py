"""Stopped partitions of the score stage, and the operator's word that lets them go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from schemas.codec import decode, encode
from schemas.topics import LIFECYCLE, PROGRESS
from streams.halts import RESUMED
from tutor_quality.errors import NotFound
from tutor_quality.operations.records import Record


class Records(Protocol):
    """What is asked of `tutor_quality.operations.records`."""

    def ends(self, topic: str) -> dict[int, int]: ...
    def last(self, topic: str) -> dict[int, Record]: ...
    def send(self, records: Sequence[tuple[str, int, Record]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Stopped:
    partition: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    partition: int
    reason: str
    """Why it had been stopped."""
    drain_until: int | None
    """Records of the input below this offset do not count towards the limit."""


def stopped_partitions(records: Records, generation: int) -> list[Stopped]:
    """By the log, which is ahead of Postgres."""
    return [stopped for stopped, _ in _stopped(records, generation)]


def resume(
    records: Records, generation: int, *, partition: int | None, drain: bool
) -> list[Resumed]:
    """All stopped partitions go on, or one. Raises NotFound if that one is not stopped."""
    found = [
        (stopped, last)
        for stopped, last in _stopped(records, generation)
        if partition in (None, stopped.partition)
    ]
    if partition is not None and not found:
        raise NotFound(f"partition {partition} is not stopped: `tq status` shows which are")
    ends = records.ends(LIFECYCLE.name) if drain and found else {}
    resumed = [
        Resumed(stopped.partition, stopped.reason, ends.get(stopped.partition))
        for stopped, _ in found
    ]
    words = [_word(last, one.drain_until) for (_, last), one in zip(found, resumed, strict=True)]
    records.send(
        [(PROGRESS.name, one.partition, word) for one, word in zip(resumed, words, strict=True)]
    )
    return resumed


def _stopped(records: Records, generation: int) -> Sequence[tuple[Stopped, Record]]:
    found = []
    for partition, record in sorted(records.last(PROGRESS.name).items()):
        progress = decode("partition_progress", record.value or b"")
        if progress["generation"] == generation and progress["stopped"] is not None:
            found.append((Stopped(partition, progress["stopped"]), record))
    return found


def _word(last: Record, drain_until: int | None) -> Record:
    """The last progress again, without the stop."""
    progress = decode("partition_progress", last.value or b"")
    value = encode("partition_progress", {**progress, "stopped": None, "drain_until": drain_until})
    return replace(last, value=value, headers=((RESUMED, b"1"),))
