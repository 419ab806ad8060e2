"""`tq dlq`: refused records are listed, shown, sent again and settled."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.lifecycle import encode_event
from schemas.topics import LIFECYCLE
from tests.support import stages
from tests.support.builders import HOUR, START, an_event, an_id
from tests.support.pipeline import Pipeline, a_pipeline
from tutor_quality.domain.sessions import EventType
from tutor_quality.local.postgres import Postgres
from tutor_quality.operations.records import Record, Records

pytestmark = pytest.mark.integration

TUTOR = an_id(1, "7")
GARBAGE = b"\x00garbage"
DONE = an_event(
    1, tutor_id=TUTOR, event_type=EventType.COMPLETED, occurred_at=START, scheduled_start=START
)
EARLY = an_event(
    2,
    tutor_id=TUTOR,
    event_type=EventType.COMPLETED,
    occurred_at=START + 2 * HOUR,
    scheduled_start=START + HOUR,
)
COUNT = "SELECT count(*) AS count FROM dead_letters"


@pytest.fixture(scope="module")
def pipeline(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres
) -> Iterator[Pipeline]:
    """One good event, one from the future, one cut short and one that is garbage."""
    folder = tmp_path_factory.mktemp("dlq")
    with a_pipeline(folder, postgres_server) as found:
        stages.publish(found.kafka, [(START, DONE), (START, EARLY), (START, None)])
        cut = Record(TUTOR.encode(), encode_event(DONE)[:60], (), START)
        odd = Record(None, GARBAGE, (("mine", b"\xff"), ("empty", None)), START)
        Records(found.kafka).send([(LIFECYCLE.name, 1, cut), (LIFECYCLE.name, 0, odd)])
        with found.stage("score"), found.stage("sink"):
            found.wait_for(COUNT, lambda rows: rows[0]["count"] == 3)
            yield found


def letters(pipeline: Pipeline, *filters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pipeline.answer("dlq", "ls", *filters)
    return found


def total(pipeline: Pipeline) -> int:
    (row,) = pipeline.sql("SELECT total_sessions_90d AS n FROM tutor_scores")
    return int(row["n"])


def test_letters_are_found_by_what_is_asked_for(pipeline: Pipeline) -> None:
    assert len(letters(pipeline)) == 3
    assert [letter["reason"] for letter in letters(pipeline, "--reason", "from-the-future")] == [
        "from-the-future"
    ]
    assert {letter["key"] for letter in letters(pipeline, "--tutor", TUTOR)} == {TUTOR}
    assert [letter["key"] for letter in letters(pipeline, "--partition", "0")][-1:] == [None]
    assert letters(pipeline, "--topic", "another") == []
    assert letters(pipeline, "--since", "2199-01-01T00:00:00Z") == []
    assert len(letters(pipeline, "--limit", "2", "--open")) == 2


def test_a_letter_is_shown_as_far_as_it_can_be_read(pipeline: Pipeline) -> None:
    shown = {
        letter["key"]: pipeline.answer("dlq", "show", letter["place"])
        for letter in letters(pipeline, "--reason", "undecodable")
    }
    assert shown[None]["hex"] == GARBAGE.hex()
    assert shown[None]["fields"] == {} and shown[None]["unreadable"]
    assert ["mine", "\\xff"] in shown[None]["headers"]
    assert ["empty", None] in shown[None]["headers"]
    assert shown[TUTOR]["schema"] == "session_event version 1"
    assert shown[TUTOR]["fields"]["event_id"] == DONE.event_id
    assert "at byte" in shown[TUTOR]["unreadable"]


def test_a_retry_sends_the_bytes_again_and_another_one_sends_nothing(pipeline: Pipeline) -> None:
    (letter,) = [one for one in letters(pipeline, "--reason", "undecodable") if one["key"] is None]
    ends = Records(pipeline.kafka).ends(LIFECYCLE.name)
    planned = pipeline.answer("dlq", "retry", letter["place"])
    assert (planned["executed"], planned["retried"]) == (False, [letter["place"]])
    assert Records(pipeline.kafka).ends(LIFECYCLE.name) == ends

    pipeline.answer("dlq", "retry", letter["place"], "--execute")
    again = pipeline.answer("dlq", "retry", letter["place"], "--execute")
    assert (again["retried"], again["skipped"]) == ([], [letter["place"]])
    pipeline.wait_for(COUNT, lambda rows: rows[0]["count"] == 4)
    assert Records(pipeline.kafka).ends(LIFECYCLE.name)[0] == ends[0] + 1

    found = {one["place"]: one for one in letters(pipeline, "--reason", "undecodable")}
    assert found.pop(letter["place"])["state"] == "retried"
    (new,) = [one for one in found.values() if one["attempt"] == 2]
    shown = pipeline.answer("dlq", "show", new["place"])
    assert (shown["retry_of"], shown["hex"]) == (letter["place"], GARBAGE.hex())
    assert shown["headers"][:2] == [["mine", "\\xff"], ["empty", None]]


def test_an_event_from_the_future_counts_once_its_time_has_come(pipeline: Pipeline) -> None:
    assert total(pipeline) == 1
    stages.publish(pipeline.kafka, [(START + 3 * HOUR, None)])
    pipeline.answer("dlq", "retry", "--reason", "from-the-future", "--execute")
    pipeline.wait_for("SELECT total_sessions_90d AS n FROM tutor_scores", lambda r: r[0]["n"] == 2)
    forced = pipeline.answer("dlq", "retry", "--reason", "from-the-future", "--execute", "--force")
    assert len(forced["retried"]) == 1
    assert pipeline.answer("verify", "--transitions")["differences"] == []
    assert total(pipeline) == 2
    assert letters(pipeline, "--reason", "from-the-future")[0]["attempt"] == 1


def test_a_dropped_letter_is_not_retried(pipeline: Pipeline) -> None:
    (letter,) = letters(pipeline, "--reason", "undecodable", "--tutor", TUTOR)
    assert pipeline.answer("dlq", "drop", letter["place"])["executed"] is False
    assert letters(pipeline, "--tutor", TUTOR, "--reason", "undecodable")[0]["state"] == "open"
    pipeline.answer("dlq", "drop", letter["place"], "--execute")
    assert pipeline.answer("dlq", "retry", letter["place"], "--execute")["retried"] == []
    assert letters(pipeline, "--tutor", TUTOR, "--reason", "undecodable")[0]["state"] == "dropped"


def test_a_wrong_place_is_misuse_and_an_unknown_one_fails(pipeline: Pipeline) -> None:
    assert pipeline.tq("dlq", "show", "somewhere").returncode == 2
    done = pipeline.tq("dlq", "retry", f"{LIFECYCLE.name}/0/999999", "--execute")
    assert done.returncode == 1
    assert "no dead letter" in done.stderr
