"""The write protocol of the predict stage, for one partition. No Faust and no Kafka in here.

As in the score stage: vectors and predictions are sent as they are made; at a flush they become
durable first, then the rows, then the partition's own record with the position, and only then is
anything acknowledged. A crash replays a suffix: looks have ids that follow from what was known, so
that a look taken again is the same look.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import orjson

from schemas import topics
from schemas.codec import decode
from schemas.lifecycle import decode_records
from schemas.lifecycle.events import session_events, tutor_keys
from streams.crash_points import Reached, pass_by
from streams.outlet import Incoming, Outgoing, Outlet
from streams.predict_outputs import PredictOutputs, model_status
from streams.predict_rows import PARTITION, Look, PredictRows, Reason
from streams.predictor import Levels, Prediction, Predictor, Vectors
from streams.protocol import Batch
from tutor_quality.errors import InvalidRecord

log = logging.getLogger(__name__)

AT_ONCE = 1000
"""Looks that are predicted together: enough to be fast, few enough not to hold up the others."""

Answer = Callable[[Callable[[Vectors], list[Prediction]], Vectors], Awaitable[list[Prediction]]]
"""Runs the function away from the event loop."""


class PredictPartition:
    """Rows, unsent state and unacknowledged batches of one partition."""

    def __init__(
        self,
        partition: int,
        rows: PredictRows,
        outlet: Outlet,
        predictor: Predictor,
        levels: Levels,
        answer: Answer,
        reached: Reached = pass_by,
    ) -> None:
        self._partition = partition
        self._rows = rows
        self._outlet = outlet
        self._predictor = predictor
        version = rows.version
        self._outputs = PredictOutputs(version.generation, version.fingerprint, levels)
        self._answer = answer
        self._reached = reached
        self._unacknowledged: list[Batch] = []
        self._said: bytes | None = None

    @property
    def clean(self) -> bool:
        """Whether all that was taken is durable and acknowledged."""
        return not self._unacknowledged

    @property
    def rows(self) -> PredictRows:
        return self._rows

    async def process(self, batch: Batch) -> None:
        """Fold a batch of session events and send what is seen on the way."""
        self._unacknowledged.append(batch)
        await self._send(self._rows.fold(facts(batch.records)))
        self._reached("looks-sent")

    async def obey(self, batch: Batch, *, wall: bool) -> None:
        """Carry out a batch of commands; with `wall` the time of a refresh is that of its
        record, else that of the log."""
        self._unacknowledged.append(batch)
        for record in batch.records:
            command = _command(record)
            if command is not None and command["kind"] == "refresh":
                as_of = record.timestamp if wall else self._rows.clock
                await self._send(self._refresh(command, as_of))

    def _refresh(self, command: dict[str, Any], as_of: int) -> Iterable[Look]:
        tutor, session = command["tutor_id"], command["session_id"]
        if tutor is None or session is None:
            return ()
        return self._rows.refresh(tutor.encode(), session, command["scheduled_start"], as_of)

    async def go_live(self) -> None:
        await self._send(self._rows.go_live())

    async def use(self, predictor: Predictor) -> None:
        """Let another model of the same features answer, at once for every upcoming slot."""
        self._predictor = predictor
        if self._rows.live:
            await self._send(self._rows.look_again(Reason.PROMOTION))

    async def flush(self, *, hold_last: bool = False) -> None:
        """Make everything durable in the order of the protocol, then acknowledge.

        `hold_last` leaves the newest batch unacknowledged: something still follows from it.
        """
        await self._outlet.durable()
        rows = self._rows.packed()
        if rows:
            self._reached("looks-durable")
            await self._outlet.send(topics.PREDICT_CHANGELOG.name, _records(rows))
            await self._outlet.durable()
            self._reached("rows-durable")
        await self._say_position()
        await self._heal()
        keep = 1 if hold_last else 0
        done = self._unacknowledged[: len(self._unacknowledged) - keep]
        self._unacknowledged = self._unacknowledged[len(done) :]
        for batch in done:
            batch.acknowledge()
        if done:
            self._reached("acknowledged")

    async def say_model(self, said_at: int) -> None:
        record = model_status(self._predictor, self._partition, said_at)
        await self._outlet.send(topics.MODEL_STATUS.name, [record])
        await self._outlet.durable()

    async def tick(self, tick: bytes, now: int) -> None:
        """Append a record that says what time it is: looks are due that nothing else wakes."""
        await self._outlet.send(topics.LIFECYCLE.name, [Outgoing(None, tick, timestamp=now)])
        await self._outlet.durable()

    async def _send(self, looks: Iterable[Look]) -> None:
        """A generator looks at the state as it goes on, so it is taken to its end."""
        looking = iter(looks)
        while some := list(islice(looking, AT_ONCE)):
            x = np.array([look.vector for look in some], np.float32)
            ids = self._outputs.ids(some)
            await self._outlet.send(topics.FEATURES.name, self._outputs.features(some, ids, x))
            for ask in (self._predictor.answer, self._predictor.shadow):
                predictions = await self._answer(ask, x)
                if predictions:
                    said = self._outputs.predictions(some, ids, predictions)
                    await self._outlet.send(topics.PREDICTED.name, said)

    async def _say_position(self) -> None:
        said = partition_record(self._rows)
        if said == self._said:
            return
        self._said = said
        await self._outlet.send(topics.PREDICT_CHANGELOG.name, [Outgoing(PARTITION, said)])
        await self._outlet.durable()

    async def _heal(self) -> None:
        """What a worker that was believed dead wrote behind our rows would outlive them when the
        topic is compacted: they are written again."""
        for gap in self._outlet.gaps():
            found = {key for key, _ in await self._outlet.read(gap)}
            self._rows.touched |= {key for key in found if self._rows.has(key)}
            self._said = None


def partition_record(rows: PredictRows) -> bytes:
    """How far the partition is folded, and by which specification."""
    return orjson.dumps(
        {
            "generation": rows.version.generation,
            "fingerprint": rows.version.fingerprint,
            "position": rows.position,
            "clock": rows.clock,
            "live": rows.live,
            "spec": rows.spec.to_json(),
        }
    )


def _records(rows: Sequence[tuple[bytes, bytes]]) -> list[Outgoing]:
    return [Outgoing(key, value) for key, value in rows]


def facts(records: Sequence[Incoming]) -> Iterable[tuple[int, int, bytes, Any]]:
    """Refused records are the score stage's business: here they did not happen."""
    batch = decode_records(records)
    columns = batch.columns
    return zip(
        columns.offset.tolist(),
        columns.timestamp.tolist(),
        tutor_keys(columns),
        session_events(batch),
        strict=True,
    )


def _command(record: Incoming) -> dict[str, Any] | None:
    try:
        return decode("command", record.value or b"")
    except InvalidRecord as error:
        log.warning("ignored the command at offset %d: %s", record.offset, error)
        return None
