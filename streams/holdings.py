"""What a worker holds of its partitions: the rows, restored from the changelog. No Faust and no
Kafka in here, so that the simulation drives the same code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from schemas import topics
from schemas.codec import decode
from streams.rows import generation_of
from tutor_quality.domain.fold import Numbers, TutorRows
from tutor_quality.domain.tutor import applied_offset
from tutor_quality.errors import ConfigurationError, LogRewound

CHANGELOG = topics.SCORE_CHANGELOG.name
NO_ROW = -1, b""
WATCHED = (CHANGELOG, topics.SCORE.name, topics.PROGRESS.name)
"""Compacted topics where a zombie's late write could outlive ours."""


NOTHING_SAID: Mapping[str, Any] = {
    "applied_offset": -1,
    "applied_until": -1,
    "score_offset": 0,
    "stopped": None,
    "drain_until": None,
}


class Reader(Protocol):
    """Reads stretches of partitions of one topic."""

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end offset of each partition."""

    async def read(
        self,
        stretches: Mapping[int, tuple[int, int | None]],
        take: Callable[[int, Sequence[Any]], None],
    ) -> dict[int, int]:
        """Hand over the records of {partition: (from, to)}; to None = the end as of now."""


@dataclass(slots=True)
class Holding:
    """One partition."""

    rows: TutorRows
    position: int = 0
    """How far the changelog was read."""
    outlived: set[int] = field(default_factory=set)
    """Tutors whose last row in the changelog is not the one that applied most: compaction would
    keep the wrong one, so ours has to be written again."""
    unsaid: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    """Tutors whose score may not be the last one in its topic."""
    ends: dict[str, int] = field(default_factory=dict)
    """Of each watched topic: what is below is right, but for `outlived` and `unsaid`."""
    tail: int = -1
    """The partition's time once everything in its log is folded; -1 = nothing was recorded."""
    told: tuple[int, int] = (0, -1)
    """By the last progress: the offset up to which and the instant until which all is complete."""
    stopped: str | None = None
    """Why the partition was stopped and has not been resumed."""
    drain_until: int = 0
    """Records below this offset do not count towards the limit of refused ones."""


class RowsRead:
    """What was read of the changelog of one partition.

    Nearly every row there has been written over. It is not worth making those into state that a
    later one replaces, so of each tutor only the bytes of the best row are kept until the end.
    """

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._best: dict[bytes, tuple[int, bytes]] = {}
        """By key of the tutor: the offset applied, and the row."""
        self._last: dict[bytes, int] = {}
        """What the last row applied, whose ever it is; -1 = it is of an older generation."""

    def take(self, records: Iterable[Any]) -> None:
        for record in records:
            key, row = record.key, record.value
            applied = applied_offset(row) if self._is_ours(row) else -1
            self._last[key] = applied
            if applied > self._best.get(key, NO_ROW)[0]:
                self._best[key] = applied, row

    def _is_ours(self, row: bytes) -> bool:
        """Whether it is of this generation; rows of older ones speak of another log."""
        generation = generation_of(row)
        if generation > self._generation:
            raise ConfigurationError(
                f"a row is of generation {generation}, but TQ_TOPIC_GENERATION is "
                f"{self._generation}: it can only be raised"
            )
        return generation == self._generation

    def give(self, holding: Holding) -> None:
        """Complete the rows, and say of which tutors the last row was not the best one."""
        rows = holding.rows
        rows.load([*self._best], [row for _, row in self._best.values()])
        numbers = rows.numbers(self._last)
        applied = (offset for _, offset in rows.awaited(numbers))
        for tutor, best, last in zip(numbers.tolist(), applied, self._last.values(), strict=True):
            if last == best:
                holding.outlived.discard(tutor)
            elif tutor >= 0:
                holding.outlived.add(tutor)


class Holdings:
    """All partitions of this worker."""

    def __init__(
        self,
        new_rows: Callable[[int], TutorRows],
        generation: int,
        source: Reader,
        readers: Mapping[str, Reader],
    ) -> None:
        """`new_rows` makes the empty rows of a partition; `source` reads the input topic,
        `readers` the watched ones."""
        self._new_rows = new_rows
        self._generation = generation
        self._source = source
        self._readers = readers
        self._held: dict[int, Holding] = {}

    def __getitem__(self, partition: int) -> Holding:
        return self._held[partition]

    def rows_held(self) -> int:
        return sum(len(holding.rows) for holding in self._held.values())

    def drop(self, partition: int) -> None:
        """Forget rows of which something may not be durable."""
        self._held.pop(partition, None)

    async def restore(self, partitions: set[int]) -> None:
        """Make the rows of exactly these partitions ready.

        Rows of a partition that others have now are dropped; of one kept, the tail is read.
        Raises LogRewound when rows have applied what the input topic does not hold any more.
        """
        for partition in set(self._held) - partitions:
            del self._held[partition]
        if not partitions:
            return
        for partition in partitions - set(self._held):
            self._held[partition] = Holding(self._new_rows(partition))
        await self._load(partitions)
        await self._find_ends(partitions)
        await self._look_at_source(partitions)

    async def _load(self, partitions: set[int]) -> None:
        """Read the changelog from where it was read to; a row counts if it applied most."""
        read = {partition: RowsRead(self._generation) for partition in partitions}
        stretches = {p: (self._held[p].position, None) for p in partitions}
        reached = await self._readers[CHANGELOG].read(
            stretches, lambda partition, records: read[partition].take(records)
        )
        for partition, end in reached.items():
            holding = self._held[partition]
            holding.position = end
            holding.ends = {CHANGELOG: end}
            read[partition].give(holding)

    async def _find_ends(self, partitions: set[int]) -> None:
        """Scores of rows that applied no more than the last progress says are right below its
        score offset, whoever wrote it; all others get looked at or said again."""
        scores, progress = topics.SCORE.name, topics.PROGRESS.name
        scored = await self._readers[scores].ends(partitions)
        reported = await self._readers[progress].ends(partitions)
        said: dict[int, dict[str, Any]] = {}

        def take(partition: int, records: Sequence[Any]) -> None:
            for record in records:
                last = decode("partition_progress", record.value)
                if last["generation"] == self._generation:
                    said[partition] = last

        await self._readers[progress].read(_last_ones(reported), take)
        for partition in partitions:
            last = said.get(partition, NOTHING_SAID)
            holding = self._held[partition]
            holding.unsaid = holding.rows.applied_after(last["applied_offset"])
            holding.ends[scores] = min(last["score_offset"], scored[partition])
            holding.ends[progress] = reported[partition]
            holding.told = last["applied_offset"] + 1, last["applied_until"]
            holding.stopped = last["stopped"]
            holding.drain_until = last["drain_until"] or 0

    async def _look_at_source(self, partitions: set[int]) -> None:
        ends = await self._source.ends(partitions)
        for partition, end in ends.items():
            holding = self._held[partition]
            applied = holding.rows.applied()
            if applied >= end:
                raise LogRewound(
                    f"{topics.LIFECYCLE.name} partition {partition} ends at {end}, but rows have "
                    f"applied {applied}: the topic was re-created. Raise TQ_TOPIC_GENERATION by "
                    "one to begin anew."
                )
            holding.tail = holding.rows.clock()
        await self._source.read(_last_ones(ends), self._see_tail)

    def _see_tail(self, partition: int, records: Sequence[Any]) -> None:
        holding = self._held[partition]
        holding.tail = max(holding.tail, *(record.timestamp for record in records))


def _last_ones(ends: Mapping[int, int]) -> dict[int, tuple[int, int | None]]:
    """The stretch of the last record of each partition that has any."""
    return {partition: (end - 1, end) for partition, end in ends.items() if end > 0}
