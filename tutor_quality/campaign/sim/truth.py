"""What follows from a raw log: by the naive oracle, and by an undisturbed fold in plain Python."""

from collections import defaultdict
from functools import cached_property, lru_cache
from typing import NamedTuple

from schemas.lifecycle import LifecycleBatch, decode_lifecycle
from streams.outputs import Outputs
from tutor_quality.campaign import reference
from tutor_quality.campaign.oracle import THRESHOLD, Naive, Told, naive_tutor
from tutor_quality.campaign.reference import ReferenceRows
from tutor_quality.campaign.sim.history import FUTURE, Raw
from tutor_quality.campaign.sim.process import RULE
from tutor_quality.campaign.sim.schedule import Epoch
from tutor_quality.domain.tutor import Fate


class Logged(NamedTuple):
    key: bytes | None
    value: bytes | None
    timestamp: int
    raw: Raw | None
    """None: a tick."""


class Truth:
    """Of the log of one partition; computed when it is asked for."""

    def __init__(self, log: tuple[Logged, ...], generation: int, partition: int) -> None:
        self.log = log
        self.generation = generation
        self.partition = partition
        self.refused = frozenset(at for at, one in enumerate(log) if _is_refused(one))

    @cached_property
    def told(self) -> dict[bytes, list[Told]]:
        """The valid records of each tutor."""
        told: dict[bytes, list[Told]] = defaultdict(list)
        for offset, (key, _, timestamp, raw) in enumerate(self.log):
            if key and offset not in self.refused:
                told[key].append((offset, timestamp, None if raw is None else raw.event))
        return dict(told)

    @cached_property
    def naive(self) -> dict[bytes, Naive]:
        return {key: naive_tutor(records) for key, records in self.told.items()}

    @cached_property
    def fold(self) -> ReferenceRows:
        rows = ReferenceRows(RULE)
        if self.log:
            rows.fold(self._decoded.columns)
        return rows

    @cached_property
    def fates(self) -> dict[int, Fate]:
        """By offset."""
        return dict(zip(self._decoded.columns.offset.tolist(), self.fold.fates, strict=True))

    @cached_property
    def scores(self) -> dict[bytes, bytes]:
        saying = Outputs(RULE, self.generation, self.partition, THRESHOLD).saying
        return {key: reference.score(key, row, saying) for key, row in self.fold.rows.items()}

    @cached_property
    def row_bytes(self) -> dict[bytes, bytes]:
        return {key: row.encode() for key, row in self.fold.rows.items()}

    @cached_property
    def _decoded(self) -> LifecycleBatch:
        keys, values, timestamps, _ = map(list, zip(*self.log, strict=True))
        return decode_lifecycle(keys, values, range(len(self.log)), timestamps)


_remembered = lru_cache(maxsize=64)(Truth)


def truth_of(epoch: Epoch, partition: int) -> Truth:
    """Remembered, as the logs of many neighbouring schedules become the same."""
    raws = epoch.raw
    log = tuple(
        Logged(one.key, one.value, one.timestamp, raws.get((partition, one.offset)))
        for one in epoch.logs[partition]
    )
    return _remembered(log, epoch.generation, partition)


def _is_refused(record: Logged) -> bool:
    raw = record.raw
    if raw is None:
        return False
    if not raw.legal:
        return True
    return raw.event is not None and raw.event.occurred_at - FUTURE > record.timestamp
