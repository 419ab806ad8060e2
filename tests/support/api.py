"""The API in this process on a real database, and rows for it to show."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from api import keys
from api.app import create_app
from tutor_quality.clock import ManualClock
from tutor_quality.settings import Settings
from tutor_quality.storage.tables import ATTENDANCE

PEPPER = "pepper of the tests"
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
"""A Wednesday."""
NOW_MS = int(NOW.timestamp() * 1000)
AS_OF = NOW - timedelta(seconds=2)
NOWHERE = "127.0.0.1:9"
"""No broker listens there."""
SITE = "http://tutor-quality.test"


def settings_for(database_url: str, kafka_bootstrap: str = NOWHERE, **more: Any) -> Settings:
    return Settings(
        _env_file=None,  # a developer's own must not matter
        database_url=SecretStr(database_url),
        kafka_bootstrap=kafka_bootstrap,
        api_pepper=SecretStr(PEPPER),
        **more,
    )


@dataclass(frozen=True, slots=True)
class Api:
    """A running application, a client of it without credentials, its clock and database."""

    app: FastAPI
    http: httpx.AsyncClient
    clock: ManualClock
    database: Any

    async def key(self, *scopes: str) -> dict[str, str]:
        """Headers of a new key."""
        made = await keys.create(self.database, PEPPER, "test", scopes or ("read",), NOW)
        return {"x-api-key": made}


@asynccontextmanager
async def running_api(
    database_url: str, *, kafka_bootstrap: str = NOWHERE, dist: Path | None = None, **settings: Any
) -> AsyncIterator[Api]:
    clock = ManualClock(NOW_MS)
    wanted = settings_for(database_url, kafka_bootstrap, **settings)
    app = create_app(wanted, clock=clock, dashboard_folder=dist)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    connection = await asyncpg.connect(database_url)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=SITE) as client,
        ):
            yield Api(app, client, clock, connection)
    finally:
        await connection.close()


async def insert(connection: Any, table: str, **columns: Any) -> None:
    places = ", ".join(f"${number + 1}" for number in range(len(columns)))
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *columns.values()
    )


async def a_tutor(connection: Any, name: str = "Ada", **columns: Any) -> UUID:
    tutor_id = columns.pop("id", None) or uuid4()
    await insert(
        connection, "tutors", **{"id": tutor_id, "name": name, "created_at": NOW, **columns}
    )
    return UUID(str(tutor_id))


async def a_score(
    connection: Any, tutor_id: UUID, counts: Iterable[tuple[int, int]], **columns: Any
) -> None:
    """`counts`: (tutor_reschedules, total_sessions) of 7, 30 and 90 days."""
    score: dict[str, Any] = {
        "tutor_id": tutor_id,
        "generation": 1,
        "version": 10,
        "partition": 0,
        "as_of": AS_OF - timedelta(hours=1),
        "is_high_risk": False,
        "risk_threshold": 0.15,
        "risk_level": "low",
        "reasons": [],
        "transition": 0,
        "open_slots": 0,
    }
    for days, (moved, total) in zip((7, 30, 90), counts, strict=True):
        score[f"tutor_reschedules_{days}d"] = moved
        score[f"total_sessions_{days}d"] = total
        score[f"reschedule_rate_{days}d"] = moved / total if total else None
        score |= {f"{name}_{days}d": 0 for name in ATTENDANCE}
    await insert(connection, "tutor_scores", **{**score, **columns})


async def progress(connection: Any, partition: int = 0, **columns: Any) -> None:
    row = {
        "partition": partition,
        "generation": 1,
        "applied_offset": 10,
        "applied_until": AS_OF,
        "score_offset": 10,
        "live": True,
        "record_offset": 1,
    }
    await insert(connection, "pipeline_progress", **{**row, **columns})


async def an_outcome(connection: Any, tutor_id: UUID, at: datetime, **columns: Any) -> UUID:
    """A closed slot that began a day after its outcome; completed unless said otherwise."""
    session_id = uuid4()
    row = {
        "session_id": session_id,
        "scheduled_start": at + timedelta(days=1),
        "tutor_id": tutor_id,
        "student_id": "student-1",
        "status": "completed",
        "outcome_at": at,
        "outcome_event_id": uuid4(),
    }
    await insert(connection, "sessions", **{**row, **columns})
    return session_id


async def a_change(connection: Any, tutor_id: UUID, at: datetime, **columns: Any) -> UUID:
    event_id = uuid4()
    row: dict[str, Any] = {
        "event_id": event_id,
        "tutor_id": tutor_id,
        "generation": 1,
        "transition": 1,
        "occurred_at": at,
        "is_high_risk": True,
        "was_high_risk": False,
        "evidence": "raw",
        "reasons": ["30d"],
        "risk_threshold": 0.15,
        "cause": "event",
        "cause_offset": 9,
    }
    for days in (7, 30, 90):
        row |= {f"total_sessions_{days}d": 10, f"tutor_reschedules_{days}d": 2}
    await insert(connection, "risk_changes", **{**row, **columns})
    return event_id


async def an_alert(connection: Any, tutor_id: UUID, at: datetime, **columns: Any) -> UUID:
    event_id = uuid4()
    row = {
        "event_id": event_id,
        "kind": "tutor_entered",
        "tutor_id": tutor_id,
        "occurred_at": at,
        "evidence": "raw",
        "reasons": ["30d"],
        "reschedule_rate_30d": 0.2,
        "risk_threshold": 0.15,
    }
    await insert(connection, "alerts", **{**row, **columns})
    return event_id
