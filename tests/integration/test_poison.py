"""A partition full of refused records stops with an alarm; the others and all commands go on."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.topics import LIFECYCLE, dead_letters
from tests.integration.test_replay import HOTEL
from tests.integration.test_score_stage import a_history
from tests.support import stages
from tests.support.builders import DAY, START
from tests.support.pipeline import Pipeline, a_pipeline
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.local.postgres import Postgres

pytestmark = pytest.mark.integration

GARBAGE = 150
POISONED = 0
STOPPED = "SELECT partition, stopped FROM pipeline_progress WHERE stopped IS NOT NULL"
PROGRESS = f"SELECT record_offset FROM pipeline_progress WHERE partition = {POISONED}"
SCORED = "SELECT partition, count(*) AS count FROM tutor_scores GROUP BY 1 ORDER BY 1"


@pytest.fixture(scope="module")
def pipeline(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres
) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("poison")
    with a_pipeline(folder, postgres_server) as found, found.stage("sink"):
        yield found


def events(seed: int, after: int) -> list[tuple[int, SessionEvent | bytes | None]]:
    """Of 40 tutors, the same for every seed, recorded `after` ms later than they happened."""
    history = a_history(Random(seed), tutors=40, sessions=400)
    return [(recorded + after, event) for recorded, event in history]


def committed(kafka: str, partition: int) -> int:
    """The score stage's place in the partition."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "score-g1"})
    (found,) = consumer.committed([TopicPartition(LIFECYCLE.name, partition)], timeout=10)
    consumer.close()
    return max(int(found.offset), 0)


def test_a_poisoned_partition_stops_and_goes_on_by_command(pipeline: Pipeline) -> None:
    garbage: list[tuple[int, SessionEvent | bytes | None]] = [
        (START + 300 * DAY, b"\x00garbage %d" % number) for number in range(GARBAGE)
    ]
    stages.publish(pipeline.kafka, events(1, 0))
    with pipeline.stage("score") as process:
        stages.wait_until_applied(pipeline.kafka, process)
        first = committed(pipeline.kafka, POISONED)
        stages.publish(pipeline.kafka, garbage)
        pipeline.wait_for(STOPPED, bool)
        # It is told apart from the others, which go on.
        stages.publish(pipeline.kafka, events(2, 301 * DAY))
        known = {row["partition"] for row in pipeline.sql(SCORED)}
        assert known == {0, 1, 2, 3}
        others_are_at(pipeline, ends_of(pipeline))
        (row,) = pipeline.sql(STOPPED)
        assert row["partition"] == POISONED
        assert f"{GARBAGE} of the last" in row["stopped"]
        commands_name_the_stopped_partition(pipeline)
    # It ended when it was asked to, and has not committed past the first refused record.
    assert committed(pipeline.kafka, POISONED) == first

    with pipeline.stage("score") as process:
        # A second worker takes half of the partitions; the stop outlives that.
        with pipeline.stage("score", worker_slot="second"):
            stages.publish(pipeline.kafka, events(3, 302 * DAY))
            others_are_at(pipeline, ends_of(pipeline))
        assert len(pipeline.sql(STOPPED)) == 1
        assert committed(pipeline.kafka, POISONED) == first
        assert stages.read_all(pipeline.kafka, dead_letters(LIFECYCLE).name) == []

        assert pipeline.tq("resume", "--partition", "1").returncode == 1
        # Without a mended decoder it stops again.
        (before,) = pipeline.sql(PROGRESS)
        (resumed,) = pipeline.answer("resume")["resumed"]
        assert (resumed["partition"], resumed["drain_until"]) == (POISONED, None)
        the_next_but_one = before["record_offset"] + 2
        pipeline.wait_for(PROGRESS, lambda rows: rows[0]["record_offset"] >= the_next_but_one)
        assert len(pipeline.sql(STOPPED)) == 1
        assert committed(pipeline.kafka, POISONED) == first

        end = ends_of(pipeline)[POISONED]
        (resumed,) = pipeline.answer("resume", "--partition", "0", "--drain")["resumed"]
        assert resumed["drain_until"] == end
        stages.wait_until_applied(pipeline.kafka, process)
        assert pipeline.sql(STOPPED) == []
        assert pipeline.answer("verify", "--transitions")["differences"] == []

    letters = stages.read_all(pipeline.kafka, dead_letters(LIFECYCLE).name)
    places = Counter(
        (headers["__streams.errors.partition"], int(headers["__streams.errors.offset"]))
        for headers in (dict(letter.headers() or ()) for letter in letters)
    )
    assert places == {(b"0", first + number): 1 for number in range(GARBAGE)}
    assert {letter.value() for letter in letters} == {value for _, value in garbage}
    rows = pipeline.sql("SELECT partition, record_offset, attempt FROM dead_letters")
    assert {(row["partition"], row["record_offset"]) for row in rows} == {
        (POISONED, first + number) for number in range(GARBAGE)
    }


def commands_name_the_stopped_partition(pipeline: Pipeline) -> None:
    """And say what to do, instead of waiting for it."""
    word = f"partition {POISONED} of the score stage is stopped"
    verified = pipeline.answer("verify", code=1)
    assert verified["differences"] == []
    assert verified["behind"] > 0
    (stopped,) = verified["stopped"]
    assert stopped["partition"] == POISONED
    replayed = pipeline.tq("replay", *HOTEL, "--wait")
    assert replayed.returncode == 1
    for said in (pipeline.tq("verify").stdout, replayed.stderr):
        assert word in said
        assert "`tq resume`" in said


def ends_of(pipeline: Pipeline) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": pipeline.kafka, "group.id": "ends"})
    ends = {
        partition: consumer.get_watermark_offsets(TopicPartition(LIFECYCLE.name, partition))[1]
        for partition in range(4)
    }
    consumer.close()
    return ends


def others_are_at(pipeline: Pipeline, ends: dict[int, int]) -> None:
    """Until the partitions that are not poisoned have applied everything below `ends`."""
    pipeline.wait_for(
        "SELECT partition, applied_offset + 1 AS position FROM pipeline_progress",
        lambda rows: all(
            row["position"] >= ends[row["partition"]]
            for row in rows
            if row["partition"] != POISONED
        ),
    )
