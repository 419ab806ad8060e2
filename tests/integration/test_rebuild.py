"""`tq rebuild`: the read model from the log is, bit for bit, the one that the sink has written."""

import asyncio
from collections.abc import Iterator
from random import Random

import asyncpg
import pytest

from schemas.topics import LIFECYCLE
from tests.integration.test_score_stage import a_history
from tests.support import stages
from tests.support.pipeline import HOTEL, Pipeline, a_pipeline
from tutor_quality.local.postgres import Postgres
from tutor_quality.operations.read_model import BESIDE, FROM_THE_LOG
from tutor_quality.storage.tables import metadata

pytestmark = pytest.mark.integration

SCHEMAS = f"SELECT nspname FROM pg_namespace WHERE nspname = '{BESIDE}'"
JULY_2016 = 1_467_000_000_000
CHUNK = 100
KEPT = {
    "api_keys",
    "login_links",
    "login_sessions",
    "audit_log",
    "email_reports",
}


@pytest.fixture(scope="module")
def pipeline(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres
) -> Iterator[Pipeline]:
    """The hotel excerpt, replayed, and a dead letter."""
    folder = tmp_path_factory.mktemp("rebuild")
    with a_pipeline(folder, postgres_server) as found, found.stage("score"), found.stage("sink"):
        stages.publish(found.kafka, [(JULY_2016, b"\x00garbage")])
        found.answer("replay", *HOTEL, "--wait")
        yield found


def contents(pipeline: Pipeline) -> dict[str, list[str]]:
    """Every row of every table, as text."""

    async def read() -> dict[str, list[str]]:
        connection = await asyncpg.connect(pipeline.database)
        found = {
            name: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {name} t")]
            for name in metadata.tables
        }
        await connection.close()
        return {name: sorted(rows) for name, rows in found.items()}

    return asyncio.run(read())


def test_nothing_of_what_people_entered_comes_from_the_log() -> None:
    assert KEPT.isdisjoint(table.name for table in FROM_THE_LOG)
    assert {"tutors", "sessions", "alerts", "dead_letters"} < {t.name for t in FROM_THE_LOG}


def test_the_tables_from_the_log_are_those_of_the_sink(pipeline: Pipeline) -> None:
    before = contents(pipeline)
    found = pipeline.answer("rebuild")
    assert found == {
        "tables": len(FROM_THE_LOG),
        "rows": sum(len(before[table.name]) for table in FROM_THE_LOG),
        "differences": [],
        "swapped": False,
    }
    assert contents(pipeline) == before
    assert pipeline.sql(SCHEMAS) == []


def test_damage_is_found_and_mended_and_the_pipeline_goes_on(pipeline: Pipeline) -> None:
    pipeline.sql("UPDATE alerts SET acknowledged_at = now(), acknowledged_by = 'me'")
    pipeline.sql("UPDATE dead_letters SET dropped_at = now()")
    pipeline.answer("keys", "create", "reader", "--scopes", "read")
    pipeline.sql("GRANT SELECT ON sessions TO pg_monitor")
    right = contents(pipeline)
    assert right["alerts"] and right["dead_letters"] and right["api_keys"]
    pipeline.sql("UPDATE tutor_scores SET total_sessions_90d = total_sessions_90d + 1")
    pipeline.sql(
        "DELETE FROM sessions WHERE session_id = (SELECT session_id FROM sessions LIMIT 1)"
    )
    pipeline.sql("INSERT INTO students (id, name, created_at) VALUES ('nobody', 'N', now())")

    found = pipeline.answer("rebuild", code=1)
    damaged = {difference["table"] for difference in found["differences"]}
    assert damaged == {"tutor_scores", "sessions", "students"}
    (extra,) = [d for d in found["differences"] if d["table"] == "students"]
    assert (extra["key"], extra["rebuilt"]) == ("(nobody)", None)

    assert pipeline.answer("rebuild", "--execute")["swapped"]
    assert contents(pipeline) == right
    (row,) = pipeline.sql("SELECT has_table_privilege('pg_monitor', 'sessions', 'SELECT') AS may")
    assert row["may"]
    assert pipeline.sql("SELECT count(*) FROM reschedules")[0]["count"] > 0
    assert pipeline.sql(SCHEMAS) == []


def test_the_sink_writes_on_into_the_new_tables_while_they_are_swapped(pipeline: Pipeline) -> None:
    history = a_history(Random(4), tutors=20, sessions=3_000)

    async def send() -> None:
        for place in range(0, len(history), CHUNK):
            part = [*history[place : place + CHUNK], (history[place][0], None)]
            await asyncio.to_thread(stages.publish, pipeline.kafka, part)

    async def both() -> None:
        sending = asyncio.create_task(send())
        for _ in range(2):
            swapped = await asyncio.to_thread(pipeline.answer, "rebuild", "--execute")
            assert swapped["differences"] == []
        await sending

    asyncio.run(both())
    assert pipeline.answer("verify")["differences"] == []
    assert pipeline.answer("rebuild")["differences"] == []
    (row,) = pipeline.sql("SELECT count(*) AS count FROM session_events")
    told = {event.event_id for _, event in history}
    assert row["count"] == 960 + len(told)
    assert stages.lag(pipeline.kafka, "sink-g1", LIFECYCLE.name) == 0
