"""What a worker of the predict stage holds of its partitions, restored from the changelog and, for
features that it has no rows of, from the log itself. No Faust and no Kafka in here."""

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas import topics
from streams.holdings import Reader
from streams.predict_protocol import facts
from streams.predict_rows import PARTITION, PredictRows
from tutor_quality.errors import LogRewound
from tutor_quality.features import FeatureSpec

log = logging.getLogger(__name__)


@dataclass(slots=True)
class PredictHolding:
    """One partition."""

    rows: PredictRows
    changelog_end: int = 0
    """How far the changelog was read."""


@dataclass(slots=True)
class _Found:
    """Last values of the keys of one partition's changelog."""

    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    partition: dict[str, Any] | None = None


class PredictHoldings:
    """All partitions of this worker."""

    def __init__(self, generation: int, source: Reader, changelog: Reader) -> None:
        self._generation = generation
        self._source = source
        self._changelog = changelog

    async def spec(self, partitions: Iterable[int]) -> FeatureSpec | None:
        """The specification that an earlier worker used; None if there was none."""
        found = await self._read(partitions)
        for one in found.values():
            if one.partition is not None:
                return FeatureSpec.from_json(one.partition["spec"])
        return None

    async def restore(
        self, committed: Mapping[int, int], spec: FeatureSpec
    ) -> dict[int, PredictHolding]:
        """The rows of these partitions as of where they were durable last.

        `committed`: by partition, where the group goes on. Rows of other features are as good as
        none: then the log is folded again up to there. Raises LogRewound when the log ends before
        the rows.
        """
        found = await self._read(committed)
        ends = await self._changelog.ends(found)
        held = {}
        for partition, one in found.items():
            rows = self._rows(spec, one)
            held[partition] = PredictHolding(rows, ends[partition])
            if rows.position < committed[partition]:
                await self._fold_again(partition, rows, committed[partition])
        await self._check_ends(held)
        return held

    async def _read(self, partitions: Iterable[int]) -> dict[int, _Found]:
        found = {partition: _Found() for partition in partitions}

        def take(partition: int, records: Sequence[Any]) -> None:
            one = found[partition]
            for record in records:
                if record.key != PARTITION:
                    one.rows.append((record.key, record.value))
                elif (said := orjson.loads(record.value))["generation"] == self._generation:
                    one.partition = said

        if found:
            await self._changelog.read(dict.fromkeys(found, (0, None)), take)
        return found

    def _rows(self, spec: FeatureSpec, found: _Found) -> PredictRows:
        rows = PredictRows(spec, self._generation)
        said = found.partition
        if said is None or said["fingerprint"] != spec.fingerprint:
            return rows
        for key, value in found.rows:
            rows.load(key, value)
        rows.begin(said["position"], said["clock"], live=said["live"])
        return rows

    async def _fold_again(self, partition: int, rows: PredictRows, end: int) -> None:
        log.warning("partition %d: folding the log up to offset %d", partition, end)

        def take(_: int, records: Sequence[Any]) -> None:
            deque(rows.fold(facts(records)), maxlen=0)

        rows.fall_silent()
        await self._source.read({partition: (rows.position, end)}, take)

    async def _check_ends(self, held: Mapping[int, PredictHolding]) -> None:
        for partition, end in (await self._source.ends(held)).items():
            position = held[partition].rows.position
            if position > end:
                raise LogRewound(
                    f"{topics.LIFECYCLE.name} partition {partition} ends at {end}, but predictions "
                    f"were made up to {position}: the topic was re-created. Raise "
                    "TQ_TOPIC_GENERATION by one to begin anew."
                )
