"""The live stream and the program itself, over a real socket."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from api import keys
from schemas.topics import HIGH_RISK, PROGRESS, RISK_CHANGED, SCORE
from tests.support.api import NOWHERE, PEPPER, a_change, a_tutor, an_alert, progress
from tutor_quality.local import ports
from tutor_quality.local.postgres import Postgres
from tutor_quality.settings import inherited_environment
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration
PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.05
AT = datetime(2026, 3, 18, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Program:
    """`python -m api`, a client of it with a key, and its database."""

    process: asyncio.subprocess.Process
    http: httpx.AsyncClient
    database: Any

    async def notify(self, *topics: str) -> None:
        """As the sink does in its transaction."""
        for topic in topics:
            payload = json.dumps({"topic": topic, "partition": 0, "offset": 1})
            await self.database.execute("SELECT pg_notify('tq_changes', $1)", payload)


@pytest.fixture(scope="module")
async def program(postgres_server: Postgres) -> AsyncIterator[Program]:
    """One for all tests: each tells of a later day. The last one stops it."""
    postgres_server.create_database("api_live")
    url = postgres_server.url("api_live")
    await asyncio.to_thread(migrate.upgrade, url)
    async with serving(url) as program:
        yield program
    postgres_server.drop_database("api_live")


@pytest.fixture
async def at(program: Program) -> datetime:
    """Later than everything that other tests tell of."""
    newest = await program.database.fetchval(
        "SELECT max(occurred_at) FROM (SELECT occurred_at FROM risk_changes UNION ALL"
        " SELECT occurred_at FROM alerts) AS news"
    )
    return (newest or AT) + timedelta(days=1)


@asynccontextmanager
async def serving(postgres_url: str) -> AsyncIterator[Program]:
    database = await asyncpg.connect(postgres_url)
    key = await keys.create(database, PEPPER, "test", ["read"], AT)
    port = ports.any_free()
    environment = {
        **inherited_environment(),
        "TQ_DATABASE_URL": postgres_url,
        "TQ_KAFKA_BOOTSTRAP": NOWHERE,
        "TQ_API_PEPPER": PEPPER,
        "TQ_API_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "api", env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": key}) as client:
            await answering(client)
            yield Program(process, client, database)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await database.close()


async def answering(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await client.get("/livez")
            except httpx.TransportError:
                await asyncio.sleep(POLL_SECONDS)
                continue
            return


@dataclass(frozen=True, slots=True)
class Event:
    id: str | None
    name: str
    data: dict[str, Any]


class Stream:
    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, *names: str) -> Event:
        """The next event with one of the names."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await self._event()
                if event.name in names:
                    return event

    async def _event(self) -> Event:
        fields: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                return Event(fields.get("id"), fields["event"], json.loads(fields["data"]))


@asynccontextmanager
async def following(program: Program, last_id: str | None = None) -> AsyncIterator[Stream]:
    """A stream that has begun: its first `pipeline` event was read."""
    headers = {"last-event-id": last_id} if last_id else {}
    async with program.http.stream("GET", "/api/events", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer.aiter_lines())


async def test_every_client_hears_of_a_risk_change_once(program: Program, at: datetime) -> None:
    tutor_id = await a_tutor(program.database)
    await a_change(program.database, tutor_id, at)
    async with following(program) as one, following(program) as other:
        for stream in (one, other):
            await stream.next("pipeline")
        new = await a_change(program.database, tutor_id, at + timedelta(seconds=1), transition=2)
        await program.notify(RISK_CHANGED.name)
        for stream in (one, other):
            event = await stream.next("risk-changed")
            assert event.data["event_id"] == str(new), "what happened before it joined is not news"
            assert event.data["tutor_id"] == str(tutor_id)
        await program.notify(RISK_CHANGED.name, SCORE.name)
        assert (await one.next("risk-changed", "score")).name == "score"


async def test_scores_and_progress_say_how_far_the_numbers_are(program: Program) -> None:
    await program.database.execute("DELETE FROM pipeline_progress")
    async with following(program) as stream:
        assert (await stream.next("pipeline")).data == {"as_of": None}
        await progress(program.database)
        await program.notify(SCORE.name, PROGRESS.name)
        assert (await stream.next("score")).data == {"as_of": "2026-03-18T11:59:58Z"}
        assert (await stream.next("pipeline")).data == {"as_of": "2026-03-18T11:59:58Z"}
        # Told later, but told: nothing follows that would bring it along.
        await program.database.execute(
            "UPDATE pipeline_progress SET applied_until = applied_until + interval '1 second'"
        )
        await program.notify(PROGRESS.name)
        assert (await stream.next("pipeline")).data == {"as_of": "2026-03-18T11:59:59Z"}


async def test_a_client_that_comes_back_is_told_what_it_missed(
    program: Program, at: datetime
) -> None:
    tutor_id = await a_tutor(program.database)
    async with following(program) as stream:
        await stream.next("pipeline")
        await a_change(program.database, tutor_id, at)
        await program.notify(RISK_CHANGED.name)
        seen = await stream.next("risk-changed")
    missed = await a_change(program.database, tutor_id, at + timedelta(seconds=1), transition=2)
    alert = await an_alert(program.database, tutor_id, at + timedelta(seconds=2))
    await program.notify(RISK_CHANGED.name, HIGH_RISK.name)
    async with following(program, seen.id) as stream:
        change = await stream.next("risk-changed", "alert")
        assert change.data["event_id"] == str(missed)
        again = await stream.next("risk-changed", "alert")
        assert (again.name, again.data["event_id"]) == ("alert", str(alert))
        assert again.data["reschedule_rate_30d"] == 20.0


async def test_a_client_that_missed_too_much_is_told_to_fetch_everything(
    program: Program, at: datetime
) -> None:
    tutor_id = await a_tutor(program.database)
    first = await a_change(program.database, tutor_id, at)
    for second in range(100):
        await a_change(program.database, tutor_id, at + timedelta(seconds=second + 1))
    last_id = f"{int(at.timestamp() * 1000)}:{first}"
    async with following(program, last_id) as stream:
        event = await stream.next("resync", "risk-changed")
        assert event.name == "resync"


async def test_an_id_that_is_not_ours_starts_anew(program: Program) -> None:
    async with following(program, "42") as stream:
        await stream.next("pipeline")


async def test_the_stream_goes_on_after_the_database_cut_its_connection(
    program: Program, at: datetime
) -> None:
    tutor_id = await a_tutor(program.database)
    async with following(program) as stream:
        await stream.next("pipeline")
        await program.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await stream.next("resync")
        event_id = await a_change(program.database, tutor_id, at)
        heard = asyncio.create_task(stream.next("risk-changed"))
        while not heard.done():
            # Until it listens again, nobody hears.
            await program.notify(RISK_CHANGED.name)
            await asyncio.wait([heard], timeout=0.2)
        assert (await heard).data["event_id"] == str(event_id)


async def test_many_idle_clients_need_no_thread_each(program: Program) -> None:
    def threads() -> int:
        return int(psutil.Process(program.process.pid).num_threads())

    before = threads()
    limits = httpx.Limits(max_connections=None)
    key = {"x-api-key": program.http.headers["x-api-key"]}
    url = program.http.base_url
    async with httpx.AsyncClient(base_url=url, headers=key, limits=limits, timeout=60) as client:
        streams = [client.stream("GET", "/api/events") for _ in range(200)]
        answers = await asyncio.gather(*(stream.__aenter__() for stream in streams))
        assert {answer.status_code for answer in answers} == {200}
        metrics = (await program.http.get("/metrics")).text
        assert "tq_api_live_clients 200.0" in metrics
        assert threads() - before < 10
        await asyncio.gather(*(stream.__aexit__(None, None, None) for stream in streams))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "tq_api_live_clients 0.0" not in (await program.http.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)


async def test_a_stop_signal_ends_open_streams_and_the_program(program: Program) -> None:
    async with following(program) as stream:
        await stream.next("pipeline")
        program.process.send_signal(signal.SIGTERM)
        with pytest.raises((StopAsyncIteration, httpx.RemoteProtocolError)):
            await stream.next("never")
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await program.process.wait() in (0, -signal.SIGTERM)


async def test_the_program_says_which_setting_is_missing() -> None:
    environment = {k: v for k, v in inherited_environment().items() if not k.startswith("TQ_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"TQ_API_PEPPER" in said
    assert b"Traceback" not in said
