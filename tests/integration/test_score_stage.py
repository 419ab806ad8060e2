"""The score stage on a real broker, killed on the way, equals the naive computation of its log."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import sleep

import pytest

from schemas import topics
from schemas.admin import apply_topics
from schemas.codec import decode
from tests.support import broker, oracles, stages
from tests.support.builders import DAY, HOUR, START, an_event, an_id
from tutor_quality.domain.sessions import EventType, SessionEvent

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own: the stages' topics have fixed names."""
    with broker.running(broker.a_broker(tmp_path_factory.mktemp("broker"))) as kafka:
        apply_topics(kafka.bootstrap, partitions=4, embedded=True)
        yield kafka.bootstrap


def a_history(random: Random, tutors: int, sessions: int) -> list[tuple[int, SessionEvent]]:
    """Sessions over 200 days: some moved, some corrected, some told late or twice."""
    told: list[tuple[int, SessionEvent]] = []
    for number in range(sessions):
        tutor = an_id(random.randrange(tutors), "7")
        start = START + random.randrange(200 * DAY)
        kind = random.choice(
            [EventType.COMPLETED] * 6 + [EventType.RESCHEDULED, EventType.CANCELLED]
        )
        event = an_event(
            number,
            tutor_id=tutor,
            event_type=kind,
            scheduled_start=start,
            occurred_at=start + HOUR,
            new_start=start + DAY if kind is EventType.RESCHEDULED else None,
        )
        delay = random.choice([0, 0, 0, 0, 2 * DAY, 30 * DAY])
        told.append((event.occurred_at + delay, event))
        if random.random() < 0.05:
            told.append((event.occurred_at + delay + HOUR, event))
    return sorted(told, key=lambda record: record[0])


def test_scores_and_transitions_equal_the_naive_computation_after_kills(
    bootstrap: str, tmp_path: Path
) -> None:
    history = a_history(Random(1), tutors=120, sessions=5_000)
    end = history[-1][0] + 40 * DAY
    poison: list[tuple[int, SessionEvent | bytes | None]] = [(START, b"\x00garbage")]
    parts = [history[:1800], history[1800:3600], history[3600:]]
    settings = {"session_timeout_ms": "6000", "worker_slot": "0"}
    for part in parts[:2]:
        stages.publish(bootstrap, [*poison, *part])
        process = stages.start(
            "score", bootstrap, tmp_path, session_timeout_ms="6000", worker_slot="0"
        )
        sleep(4)
        process.kill()
        process.wait()
    stages.publish(bootstrap, [*parts[2], (end, None)])
    with stages.running("score", bootstrap, tmp_path, **settings) as process:
        stages.wait_until_applied(bootstrap, process)

    log = stages.records_by_tutor(stages.read_all(bootstrap, topics.LIFECYCLE.name))
    scores: dict[str, dict[str, object]] = {}
    for message in stages.read_all(bootstrap, topics.SCORE.name):
        score = decode("tutor_score", message.value())
        known = scores.get(score["tutor_id"])
        if known is None or known["version"] <= score["version"]:
            scores[score["tutor_id"]] = score
    transitions: dict[tuple[str, int], tuple[str, int, bool]] = {}
    for message in stages.read_all(bootstrap, topics.RISK_CHANGED.name):
        change = decode("risk_changed", message.value())
        name = (change["tutor_id"], change["transition"])
        said = (change["event_id"], change["occurred_at"], change["is_high_risk"])
        assert transitions.setdefault(name, said) == said
    expected: dict[tuple[str, int], tuple[int, bool]] = {}
    for key, records in log.items():
        naive = oracles.naive_tutor(records)
        score = scores[key.decode()]
        assert [
            (score[f"total_sessions_{d}d"], score[f"tutor_reschedules_{d}d"]) for d in (7, 30, 90)
        ] == naive.counts
        assert score["as_of"] == naive.clock
        facts = [event for _, _, event in records if event is not None]
        assert oracles.counts_at(facts, end) == naive.counts, "a due expiry had no tick"
        for number, instant, verdict in naive.transitions:
            expected[(key.decode(), number)] = (instant, verdict > 0)
    assert {name: said[1:] for name, said in transitions.items()} == expected

    letters = stages.read_all(bootstrap, topics.dead_letters(topics.LIFECYCLE).name)
    origins = {
        (headers["__streams.errors.partition"], headers["__streams.errors.offset"])
        for headers in (dict(letter.headers()) for letter in letters)
    }
    assert len(origins) == 2
    assert {letter.value() for letter in letters} == {b"\x00garbage"}
