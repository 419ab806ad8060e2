"""`tq replay`, `tq verify` and the stages between them, on a real broker and a real Postgres."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from models.files import read_history
from schemas.admin import apply_topics
from schemas.codec import decode
from schemas.topics import COMMANDS
from tests.support import broker, stages
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.ingest.log import logged_events, read_topic
from tutor_quality.ingest.mapping import load_sessions_mapping
from tutor_quality.local.postgres import Postgres
from tutor_quality.settings import inherited_environment
from tutor_quality.storage.migrate import upgrade

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
HOTEL = ("tests/data/hotel_excerpt.csv", "--map", "mappings/hotel.yaml")
EVENTS = 960
AN_ID = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Stack:
    kafka: str
    database: str
    folder: Path

    def tq(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "tutor_quality.cli", *arguments],
            cwd=ROOT,
            env={
                **inherited_environment(),
                "TQ_KAFKA_BOOTSTRAP": self.kafka,
                "TQ_DATABASE_URL": self.database,
                "TQ_DATA_DIR": str(self.folder),
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def answer(self, *arguments: str) -> dict[str, object]:
        """Of a command that must succeed."""
        done = self.tq(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def sql(self, statement: str) -> list[asyncpg.Record]:
        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.database)
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return asyncio.run(run())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> Iterator[Stack]:
    """The hotel excerpt, replayed."""
    folder = tmp_path_factory.mktemp("replay")
    postgres_server.create_database("replay")
    database = postgres_server.url("replay")
    upgrade(database)
    with ExitStack() as running:
        kafka = running.enter_context(broker.running(broker.a_broker(folder))).bootstrap
        apply_topics(kafka, partitions=4, embedded=True)
        for stage in ("score", "sink"):
            settings = {"session_timeout_ms": "6000", "database_url": database}
            running.enter_context(stages.running(stage, kafka, folder, **settings))
        found = Stack(kafka, database, folder)
        sent = found.answer("replay", *HOTEL, "--wait")
        assert sent["sent"] == sent["applied"] == EVENTS
        assert sent["dead_lettered"] == 0
        yield found
    postgres_server.drop_database("replay")


def test_a_replay_says_that_a_frozen_broker_confirms_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        kafka = f"127.0.0.1:{frozen.getsockname()[1]}"
        command = [sys.executable, "-m", "tutor_quality.cli", "replay", *HOTEL]
        settings = {
            "TQ_KAFKA_BOOTSTRAP": kafka,
            "TQ_DATABASE_URL": "postgresql://127.0.0.1:1/none",
            "TQ_DATA_DIR": str(tmp_path),
        }
        environment = {**inherited_environment(), **settings}
        replay = subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        with replay:
            assert replay.stderr is not None
            said = next(line for line in replay.stderr if "Kafka" in line)
            replay.kill()
    assert f"Kafka at {kafka} has confirmed nothing" in said


def test_every_event_and_every_tutor_of_the_file_is_in_postgres(stack: Stack) -> None:
    (events,) = stack.sql("SELECT count(*) FROM session_events")
    assert events["count"] == EVENTS
    tutors = stack.sql(
        "SELECT external_id FROM tutors JOIN tutor_scores ON id = tutor_id ORDER BY external_id"
    )
    assert [row["external_id"] for row in tutors][:2] == ["ag-C-13", "ag-C-15"]
    assert len(tutors) == 5


def test_time_has_come_to_the_end_of_the_file_everywhere(stack: Stack) -> None:
    until = {row["applied_until"] for row in stack.sql("SELECT * FROM pipeline_progress")}
    (last,) = stack.sql("SELECT max(occurred_at) AS at FROM session_events")
    assert until == {last["at"]}


def test_the_same_file_again_changes_no_count(stack: Stack) -> None:
    counts = "SELECT tutor_id, total_sessions_90d, tutor_reschedules_90d, transition"
    before = stack.sql(f"{counts} FROM tutor_scores ORDER BY 1")
    assert before
    stack.answer("replay", *HOTEL, "--wait")
    assert stack.sql(f"{counts} FROM tutor_scores ORDER BY 1") == before
    (events,) = stack.sql("SELECT count(*) FROM session_events")
    assert events["count"] == EVENTS


def test_the_log_is_the_same_history_as_the_file(stack: Stack) -> None:
    """What `tq train` learns from, whichever of the two it is given."""
    written = read_history(ROOT / HOTEL[0], load_sessions_mapping(ROOT / HOTEL[2]))
    logged = list(logged_events(stack.kafka))
    assert sorted(logged, key=_id) == sorted(written, key=_id)


def _id(event: SessionEvent) -> str:
    return event.event_id


def test_postgres_equals_the_raw_log_with_all_transitions(stack: Stack) -> None:
    found = stack.answer("verify", "--transitions")
    assert found["differences"] == []
    assert found["transitions_of"] == 5
    assert found["behind"] == 0
    (changes,) = stack.sql("SELECT count(*) FROM risk_changes")
    assert changes["count"] > 0


def test_the_past_can_be_verified_too(stack: Stack) -> None:
    found = stack.answer("verify", "--as-of", "2016-05-01T12:00:00Z")
    assert found["differences"] == []
    assert found["compared"] == 6 * 5


def test_a_wrong_number_in_postgres_is_found(stack: Stack) -> None:
    (row,) = stack.sql("SELECT tutor_id FROM tutor_scores ORDER BY 1 LIMIT 1")
    tutor = str(row["tutor_id"])
    change = (
        "UPDATE tutor_scores SET total_sessions_90d = total_sessions_90d {} 1 WHERE tutor_id = '{}'"
    )
    stack.sql(change.format("+", tutor))
    done = stack.tq("verify", "--tutor", tutor, "--json")
    stack.sql(change.format("-", tutor))
    assert done.returncode == 1
    fields = [(d["window"], d["field"]) for d in json.loads(done.stdout)["differences"]]
    assert fields == [("90d", "total_sessions")] * 2


def test_a_wrong_transition_in_postgres_is_found(stack: Stack) -> None:
    (row,) = stack.sql("SELECT event_id, tutor_id FROM risk_changes LIMIT 1")
    move = (
        "UPDATE risk_changes SET occurred_at = occurred_at {} interval '1 ms' WHERE event_id = '{}'"
    )
    stack.sql(move.format("+", row["event_id"]))
    done = stack.tq("verify", "--tutor", str(row["tutor_id"]), "--json")
    stack.sql(move.format("-", row["event_id"]))
    assert done.returncode == 1
    (difference,) = json.loads(done.stdout)["differences"]
    assert difference["field"].startswith("transition_")


def test_an_unknown_tutor_is_said_to_be_unknown(stack: Stack) -> None:
    done = stack.tq("verify", "--tutor", "00000000-0000-4000-8000-000000000000")
    assert done.returncode == 1
    assert "no tutor" in done.stderr


def test_a_refused_file_sends_nothing(stack: Stack, tmp_path: Path) -> None:
    text = (ROOT / HOTEL[0]).read_text().replace("no_show", "vanished")
    file = tmp_path / "hotel.csv"
    file.write_text(text)
    done = stack.tq("replay", str(file), *HOTEL[1:])
    assert done.returncode == 1
    assert "column outcome: 'vanished' is not under outcomes" in done.stderr
    (events,) = stack.sql("SELECT count(*) FROM session_events")
    assert events["count"] == EVENTS


def test_an_event_by_hand_and_a_simulated_file_arrive(stack: Stack, tmp_path: Path) -> None:
    lesson, tutor = "5" + AN_ID[1:], "7" + AN_ID[1:]
    about = ("--session", lesson, "--tutor", tutor, "--student", "s", "--initiator", "tutor")
    stack.answer("produce", "cancelled", *about, "--start", "2026-01-05T16:00:00Z")
    lines = tmp_path / "events.ndjson"
    dials = ("--tutors", "5", "--events", "500", "--days", "30", "--seed", "3")
    assert stack.tq("simulate", *dials, "--out", str(lines)).returncode == 0
    sent = json.loads(stack.tq("produce", "--json", stdin=lines.read_text()).stdout)
    assert sent["sent"] == len(lines.read_text().splitlines()) > 300
    found = stack.answer("verify")
    assert found["differences"] == []
    assert found["tutors"] == 5 + 1 + 5
    (row,) = stack.sql(f"SELECT * FROM tutor_scores WHERE tutor_id = '{tutor}'")
    assert (row["total_sessions_7d"], row["is_high_risk"]) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("produce", "cancelled", "--session", "x"), "line 1: session_id is not a UUID"),
        (("replay", *HOTEL, "--speed", "fast"), "--speed fast: write max"),
        (("replay", HOTEL[0], *HOTEL, *HOTEL[1:], *HOTEL[1:]), "2 files and 3 mappings"),
        (("verify", "--as-of", "noon"), "--as-of noon: expected a time"),
        (("verify", "--tutor", "anna"), "--tutor anna: expected a UUID"),
        (("simulate",), "give --out FILE"),
    ],
)
def test_wrong_arguments_are_explained(stack: Stack, arguments: tuple[str, ...], said: str) -> None:
    done = stack.tq(*arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_model_is_trained_on_the_log(stack: Stack, tmp_path: Path) -> None:
    world = ("--tutors", "12", "--events", "6000", "--days", "120")
    assert stack.tq("simulate", *world, "--send").returncode == 0
    trained = stack.answer("train", "reschedule", "--from-kafka", "--out", str(tmp_path))
    assert trained["events"] == len(list(logged_events(stack.kafka)))
    assert trained["source"] == "the input topic"
    promoted = stack.answer("models", "promote", str(tmp_path), "--why", "newer")
    assert (promoted["champion"], promoted["announced"]) == (trained["version"], True)
    (command,) = (decode("command", r.value) for r in read_topic(stack.kafka, COMMANDS))
    assert command["kind"] == "promote_model"
    assert (command["model_version"], command["reason"]) == (trained["version"], "newer")
