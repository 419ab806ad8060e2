"""The write protocol of the score stage, for one partition. No Faust and no Kafka in here, so that
the simulation drives the same code.

For each batch: decode, fold, send dead letters and outputs. At a flush: wait until the outputs are
durable, send the changed rows, wait until they are durable, acknowledge. A crash anywhere replays
a suffix of the log: rows that were durable skip it, others compute the same outputs with the same
ids. The order matters: a durable row says that its outputs are durable too.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from schemas import topics
from schemas.codec import encode
from schemas.lifecycle import Refused, decode_records, encode_tick
from schemas.scores import Changes, version_of_score
from streams.crash_points import Reached, pass_by
from streams.dead_letters import dead_letter
from streams.outlet import Gap, Incoming, Outgoing, PackedOutlet, newest
from streams.outputs import Outputs
from streams.rows import pack, version_of
from tutor_quality.domain.fold import Numbers, TutorRows
from tutor_quality.domain.tutor import NEVER
from tutor_quality.errors import TutorQualityError

TICKS_AT_ONCE = 5_000
NOBODY = np.empty(0, np.int64)


class Batch(Protocol):
    """Consecutive records of the partition, and the promise to commit them."""

    @property
    def records(self) -> Sequence[Incoming]: ...

    def acknowledge(self) -> None:
        """Everything that follows from these records is durable."""


class PoisonedPartition(TutorQualityError):
    """So many records are refused that the fault is more likely ours or a producer's deploy."""


@dataclass(frozen=True, slots=True)
class PoisonLimit:
    """When to stop a partition instead of draining it into the dead letters."""

    ratio: float = 0.05
    """Refused share of the last `window` records."""
    run: int = 100
    """Refused in a row."""
    window: int = 2_000


class PoisonWatch:
    """Counts refusals; raises PoisonedPartition beyond the limit."""

    def __init__(self, limit: PoisonLimit) -> None:
        self._limit = limit
        self._recent: deque[tuple[int, int]] = deque()
        self._records = self._refused = self._run = 0

    def see(self, records: int, refused: Sequence[int]) -> None:
        """`refused`: places in a batch of `records`, ascending."""
        self._run = self._longest_run(records, refused)
        self._recent.append((records, len(refused)))
        self._records += records
        self._refused += len(refused)
        while self._records - self._recent[0][0] >= self._limit.window:
            old_records, old_refused = self._recent.popleft()
            self._records -= old_records
            self._refused -= old_refused
        share = self._refused / max(self._records, self._limit.window)
        if self._run >= self._limit.run or share > self._limit.ratio:
            raise PoisonedPartition(
                f"{self._refused} of the last {self._records} records were refused: "
                "mend the producer or the decoder, then `tq resume`; with --drain they all become "
                "dead letters"
            )

    def _longest_run(self, records: int, refused: Sequence[int]) -> int:
        """The run at the end of the batch, or the limit if a run within it reached that."""
        run, expected = self._run, 0
        for place in refused:
            run = run + 1 if place == expected else 1
            expected = place + 1
            if run >= self._limit.run:
                return run
        return run if expected == records else 0


class ScorePartition:
    """Rows, unsent state and unacknowledged batches of one partition."""

    def __init__(
        self,
        partition: int,
        rows: TutorRows,
        outlet: PackedOutlet,
        outputs: Outputs,
        poison: PoisonLimit,
        outlived: Iterable[int] = (),
        unsaid: Numbers = NOBODY,
        tail: int = -1,
        told: tuple[int, int] = (0, -1),
        drain_until: int = 0,
        reached: Reached = pass_by,
    ) -> None:
        """`outlived`, `unsaid`, `tail`, `told` and `drain_until`: see `streams/holdings.py`."""
        self._partition = partition
        self._rows = rows
        self._outlet = outlet
        self._outputs = outputs
        self._limit = poison
        self._poison = PoisonWatch(poison)
        self._drain_until = drain_until
        self._stopped: str | None = None
        self._dirty: list[Numbers] = [np.array([*outlived], np.int64)]
        """Tutors whose rows are not durable, batch by batch."""
        self._unsaid = unsaid
        self._tail = tail
        self._reached = reached
        self._unacknowledged: list[Batch] = []
        self._ticked: dict[int, tuple[int, int]] = {}
        """Tutor -> the instant due and the offset applied when it was ticked."""
        self._progress: tuple[object, ...] | None = None
        self.newest = -1
        """Greatest timestamp among the partition's records before `position` that are known."""
        self.position, self._now = told
        """The offset after the last record folded, and the partition's time: what an earlier owner
        has told of them stays true, also while its last records are read again."""

    @property
    def clean(self) -> bool:
        """Whether all that the rows say is durable."""
        return not self._unacknowledged

    async def process(self, batch: Batch) -> None:
        """Fold a batch and send what follows from it; nothing is waited for.

        Raises PoisonedPartition after too many refused records: the batch is then neither
        folded nor acknowledged.
        """
        records = batch.records
        decoded = decode_records(records)
        # All before is folded, also by an earlier owner: so the report of a stop can say it.
        self.position = max(self.position, records[0].offset)
        self._see_refused(records, [refused.index for refused in decoded.refused])
        self._unacknowledged.append(batch)
        await self._send_dead_letters(records, decoded.refused)
        folded = self._rows.fold(decoded.columns)
        self._dirty.append(folded.touched)
        self.newest = max(self.newest, newest(records))
        self.position = max(self.position, records[-1].offset + 1)
        await self._send_changes(folded.changes)
        await self._send_scores(folded.touched)
        self._reached("outputs-sent")

    async def halt(self, reason: str, *, live: bool) -> None:
        """Say that the partition stands still. To be called after a flush."""
        self._stopped = reason
        self._progress = None  # It may have been said before, and then hidden by a late record.
        await self.report(self.newest, live=live)

    def resume(self, drain_until: int) -> None:
        """Go on with a fresh watch, which does not see records below `drain_until`."""
        self._stopped = None
        self._poison = PoisonWatch(self._limit)
        self._drain_until = drain_until

    def _see_refused(self, records: Sequence[Incoming], refused: list[int]) -> None:
        drained = 0
        if records[0].offset < self._drain_until:
            drained = sum(record.offset < self._drain_until for record in records)
        rest = [place - drained for place in refused if place >= drained]
        if drained < len(records):
            self._poison.see(len(records) - drained, rest)

    async def flush(self) -> None:
        """Make everything durable in the order of the protocol, then acknowledge."""
        dirty, self._dirty = _distinct(self._dirty), []
        batches = self._unacknowledged
        unsaid, self._unsaid = self._unsaid, NOBODY
        await self._send_scores(unsaid)
        await self._outlet.durable()
        if len(dirty):
            self._reached("outputs-durable")
            await self._send_rows(dirty)
            await self._outlet.durable()
            self._reached("rows-durable")
        await self._heal()
        for batch in batches:
            batch.acknowledge()
        self._unacknowledged = []
        if batches:
            self._reached("acknowledged")

    def catch_up(self, position: int) -> None:
        """To be called when all records of the partition, up to `position`, are folded."""
        self.position = max(self.position, position)
        self.newest = max(self.newest, self._tail)

    async def watch(self) -> None:
        """Look for what others wrote behind our last write. To be called after a flush."""
        await self._outlet.look()
        await self._heal()

    async def tick(self, now: int) -> None:
        """Append a tick for each tutor of whom a count changes by `now`.

        Once per change, unless the tutor's next record did not bring the change: the broker's
        clock, which stamps a tick, may be behind the clock that `now` is from.

        Ticks are records like any other: they come back through the log, so time passes for a
        tutor at one place in the log and nowhere else.
        """
        due = self._rows.due(now)
        awaited = dict(zip(due.tolist(), self._awaited(due), strict=True))
        new = {tutor: one for tutor, one in awaited.items() if self._ticked.get(tutor) != one}
        if not new:
            return
        told = dict(islice(new.items(), TICKS_AT_ONCE))
        self._ticked |= told
        keys = self._rows.keys(np.array([*told], np.int64))
        ticks = [
            Outgoing(key, encode_tick(key.decode(), instant), timestamp=now)
            for key, (instant, _) in zip(keys, told.values(), strict=True)
        ]
        await self._outlet.send(topics.LIFECYCLE.name, ticks)
        await self._outlet.durable()

    async def report(self, now: int, *, live: bool) -> None:
        """Say up to which instant the scores are complete; `now` is the partition's time.

        To be called when nothing is unacknowledged, so that the scores are durable.
        """
        self._forget_ticks()
        # The partition's time does not go back when a record comes that is older than a tick;
        # what is complete does, when that record has an expiry that is due already.
        self._now = max(self._now, now)
        self._rows.due(self._now)
        until = min(self._now, self._rows.next_due() - 1)
        drain_until = self._drain_until if self.position < self._drain_until else None
        progress = (self.position, until, live, self._stopped, drain_until)
        if progress == self._progress:
            return
        self._progress = progress
        value = encode(
            "partition_progress",
            {
                "partition": self._partition,
                "generation": self._outputs.generation,
                "applied_offset": self.position - 1,
                "applied_until": until,
                "score_offset": self._outlet.end_of(topics.SCORE.name),
                "live": live,
                "stopped": self._stopped,
                "drain_until": drain_until,
            },
        )
        key = str(self._partition).encode()
        await self._outlet.send(topics.PROGRESS.name, [Outgoing(key, value)])
        await self._outlet.durable()

    def _forget_ticks(self) -> None:
        """Those that brought their change."""
        tutors = np.array([*self._ticked], np.int64)
        awaited = zip(self._ticked.items(), self._awaited(tutors), strict=True)
        self._ticked = {tutor: seen for (tutor, seen), now in awaited if seen == now}

    def _awaited(self, tutors: Numbers) -> list[tuple[int, int]]:
        """Of each, when a count changes next, and what was applied last."""
        return self._rows.awaited(tutors)

    async def _send_scores(self, tutors: Numbers) -> None:
        if len(tutors):
            scores = self._outputs.scores(self._rows, tutors)
            await self._outlet.send_packed(topics.SCORE.name, scores)

    async def _send_changes(self, changes: Changes) -> None:
        if len(changes):
            told = self._outputs.risk_changes(self._rows, changes)
            await self._outlet.send_packed(topics.RISK_CHANGED.name, told)
            alerts = self._outputs.alerts(self._rows, changes)
            await self._outlet.send_packed(topics.HIGH_RISK.name, alerts)

    async def _send_rows(self, tutors: Numbers) -> None:
        rows = pack(self._rows, tutors, self._outputs.generation)
        await self._outlet.send_packed(topics.SCORE_CHANGELOG.name, rows)

    async def _send_dead_letters(
        self, records: Sequence[Incoming], refused: Sequence[Refused]
    ) -> None:
        if refused:
            letters = [
                dead_letter(records[r.index], topics.LIFECYCLE, self._partition, r.error)
                for r in refused
            ]
            await self._outlet.send(topics.dead_letters(topics.LIFECYCLE).name, letters)

    async def _heal(self) -> None:
        """Write again what a zombie's late write may have put behind our own.

        Compaction keeps the last record of a key, not the one that applied most, so our row
        must stand behind the zombie's before the compaction lag is over.
        """
        while gaps := self._outlet.gaps():
            for gap in gaps:
                await self._heal_gap(gap)
            await self._outlet.durable()

    async def _heal_gap(self, gap: Gap) -> None:
        if gap.topic == topics.PROGRESS.name:
            self._progress = None  # The next report is written, whatever it says.
            return
        version = version_of if gap.topic == topics.SCORE_CHANGELOG.name else version_of_score
        # Of a key written several times the last record counts.
        found = {key: version(value) for key, value in await self._outlet.read(gap)}
        tutors = self._rows.numbers(found)
        ours = zip(tutors.tolist(), self._rows.awaited(tutors), found.values(), strict=True)
        generation = self._outputs.generation
        newer = np.array(
            [
                tutor
                for tutor, (_, applied), theirs in ours
                if tutor >= 0 and (generation, applied) > theirs
            ],
            np.int64,
        )
        if gap.topic == topics.SCORE_CHANGELOG.name:
            await self._send_rows(newer)
        else:
            await self._send_scores(newer)


def _distinct(parts: Sequence[Numbers]) -> Numbers:
    return np.unique(np.concatenate(parts)) if parts else NOBODY


def partition_time(newest: int, now: int, *, live: bool, idle: bool) -> int:
    """What time it is in a partition: the newest record's, or the wall clock's while it is live
    and nothing arrives. -1 while nothing was ever recorded; never NEVER."""
    if newest < 0 or not (live and idle):
        return newest
    return max(newest, min(now, NEVER))
