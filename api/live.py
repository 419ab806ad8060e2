"""Live news for browsers: one LISTEN for the whole process, one bounded queue per client.

The sink notifies `tq_changes` in the transaction that wrote; here the notifications of a moment
are read together, fetched once and handed to every client as the same bytes. A client that cannot
keep up is dropped: it comes back with Last-Event-ID and is told from the tables what it missed.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from api.answers import JSON_OPTIONS
from api.database import AWAY, Connection, Database
from api.metrics import Metrics
from api.responses import alert_item
from api.times import instant, milliseconds
from schemas.topics import (
    HIGH_RISK,
    MODEL_STATUS,
    PREDICTED,
    PROGRESS,
    RISK_CHANGED,
    SCORE,
)
from tutor_quality.errors import TransientFailure
from tutor_quality.storage import queries
from tutor_quality.storage.queries import Row

log = logging.getLogger(__name__)

CHANNEL = "tq_changes"
GATHER_SECONDS = 0.25
"""Notifications of this long are answered by one look at the tables."""
PROGRESS_SECONDS = 1.0
"""Progress alone is told at most this often: each partition reports its own every second."""
HEARTBEAT_SECONDS = 15.0
RECONNECT_SECONDS = 2.0
QUEUE_LENGTH = 64
REPLAY_LIMIT = 500
OVERLAP = timedelta(minutes=10)
"""Partitions do not move in step: news may be older than the newest by this much."""
REMEMBERED = 5_000
HEARTBEAT = b": still here\n\n"
RESYNC = b"event: resync\ndata: {}\n\n"
"""More was missed than is worth telling one by one: fetch everything again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last news that a client has, as it is written in the id of an event."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{milliseconds(self.at)}:{self.id}"

    @staticmethod
    def parse(text: str) -> "Mark | None":
        """None for what is no id of ours, e.g. of an older release."""
        time, _, ident = text.partition(":")
        try:
            return Mark(instant(int(time)), UUID(ident))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class News:
    name: str
    mark: Mark
    body: dict[str, Any]

    def encoded(self) -> bytes:
        return _event(self.name, self.body, str(self.mark))


def _event(name: str, body: dict[str, Any], ident: str | None = None) -> bytes:
    head = f"id: {ident}\n" if ident else ""
    return (
        f"{head}event: {name}\ndata: ".encode() + orjson.dumps(body, option=JSON_OPTIONS) + b"\n\n"
    )


class Client:
    """One open stream."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_LENGTH)
        self.dropped = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """What to send next, heartbeats in between; ends when the client was too slow."""
        while not self.dropped:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    chunk = await self.queue.get()
            except TimeoutError:
                chunk = HEARTBEAT
            if chunk is None:
                return
            yield chunk


class Live:
    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._clients: set[Client] = set()
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._progress_due = 0.0
        self._since: datetime | None = None
        self._told: OrderedDict[UUID, None] = OrderedDict()

    async def run(self) -> None:
        """Listens until it is cancelled; while Postgres is away it tries again and again."""
        while True:
            try:
                await self._listen()
            except TransientFailure as failure:
                log.warning("Live news wait: %s", failure)
            except AWAY as error:
                log.warning("Live news wait: %s", type(error).__name__)
            self._publish(RESYNC)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        connection = await self._database.listener()
        try:
            connection.add_termination_listener(lambda _: self._wake.set())
            await connection.add_listener(CHANNEL, self._heard)
            while not connection.is_closed():
                await self._wake.wait()
                await asyncio.sleep(GATHER_SECONDS)
                self._wake.clear()
                changed = self._to_tell()
                if self._clients and changed:
                    await self._tell(changed)
        finally:
            await _closed(connection)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        self._changed.add(orjson.loads(payload)["topic"])
        self._wake.set()

    def _to_tell(self) -> set[str]:
        loop = asyncio.get_running_loop()
        if self._changed == {PROGRESS.name} and loop.time() < self._progress_due:
            loop.call_at(self._progress_due, self._wake.set)
            return set()
        self._progress_due = loop.time() + PROGRESS_SECONDS
        changed, self._changed = self._changed, set()
        return changed

    async def _tell(self, changed: set[str]) -> None:
        async with self._database.reading() as connection:
            if changed & {RISK_CHANGED.name, HIGH_RISK.name}:
                for news in await self._fresh(connection):
                    self._publish(news.encoded())
            version = await queries.data_version(connection)
        body = {"as_of": version.as_of}
        if SCORE.name in changed:
            self._publish(_event("score", body))
        if PROGRESS.name in changed:
            self._publish(_event("pipeline", body))
        if PREDICTED.name in changed:
            self._publish(_event("predictions", body))
        if MODEL_STATUS.name in changed:
            self._publish(_event("models", body))

    async def _fresh(self, connection: Connection) -> list[News]:
        """What has not been told yet, oldest first."""
        if self._since is None:
            return []
        found = await _news(connection, self._since - OVERLAP)
        fresh = [news for news in found if news.mark.id not in self._told]
        self._remember(fresh)
        return fresh

    def _remember(self, told: Iterable[News]) -> None:
        for news in told:
            self._told[news.mark.id] = None
            self._since = max(self._since or news.mark.at, news.mark.at)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def _publish(self, chunk: bytes) -> None:
        for client in list(self._clients):
            try:
                client.queue.put_nowait(chunk)
            except asyncio.QueueFull:
                self._drop(client)

    def _drop(self, client: Client) -> None:
        client.dropped = True
        self._clients.discard(client)
        self._metrics.live_dropped.inc()

    async def join(self, last: Mark | None) -> Client:
        """A new client, its queue filled with what came after `last`."""
        client = Client()
        async with self._database.reading() as connection:
            if self._since is None or not self._clients:
                await self._start_telling(connection)
            missed = await _missed(connection, last)
            version = await queries.data_version(connection)
        for chunk in missed:
            client.queue.put_nowait(chunk)
        client.queue.put_nowait(_event("pipeline", {"as_of": version.as_of}))
        self._clients.add(client)
        self._metrics.live_clients.set(len(self._clients))
        return client

    async def _start_telling(self, connection: Connection) -> None:
        """The first client hears of what comes from now on."""
        newest = await queries.newest_change(connection)
        self._since = newest or instant(0) + OVERLAP
        self._remember(await _news(connection, self._since - OVERLAP))

    def leave(self, client: Client) -> None:
        self._clients.discard(client)
        self._metrics.live_clients.set(len(self._clients))

    def end(self) -> None:
        """Closes every stream, so that the server can stop."""
        for client in list(self._clients):
            self._drop(client)
            while not client.queue.empty():
                client.queue.get_nowait()
            client.queue.put_nowait(None)


async def _missed(connection: Connection, last: Mark | None) -> list[bytes]:
    """At least what came after `last`; what it overlaps with is repeated with the same id."""
    if last is None:
        return []
    found = await _news(connection, last.at - OVERLAP)
    later = [news for news in found if (news.mark.at, news.mark.id.int) > (last.at, last.id.int)]
    if len(later) >= QUEUE_LENGTH - 2:
        return [RESYNC]
    return [news.encoded() for news in later]


async def _news(connection: Connection, since: datetime) -> list[News]:
    changes = await queries.risk_changes_since(connection, since, REPLAY_LIMIT)
    alerts = await queries.alerts_since(connection, since, REPLAY_LIMIT)
    news = [_risk_changed(row) for row in changes] + [_alert(row) for row in alerts]
    return sorted(news, key=lambda item: (item.mark.at, item.mark.id.int))


def _risk_changed(row: Row) -> News:
    mark = Mark(row["occurred_at"], UUID(row["event_id"]))
    return News("risk-changed", mark, dict(row))


def _alert(row: Row) -> News:
    mark = Mark(row["occurred_at"], UUID(row["event_id"]))
    return News("alert", mark, alert_item(row))


async def _closed(connection: Connection) -> None:
    try:
        await connection.close(timeout=1)
    except (asyncpg.PostgresError, *AWAY):
        connection.terminate()
