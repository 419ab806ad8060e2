"""The sink on a real Postgres: repeats, order, refusals, faults."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta

import asyncpg
import orjson
import pytest

from schemas import codec
from schemas.lifecycle import encode_event, encode_tick
from schemas.topics import (
    HIGH_RISK,
    LIFECYCLE,
    PROGRESS,
    RISK_CHANGED,
    SCORE,
    STUDENT_PROFILE,
    TUTOR_PROFILE,
    Topic,
    dead_letters,
)
from streams.dead_letters import dead_letter
from streams.sink_writer import CHANNEL, SinkWriter
from tests.support.builders import HOUR, START, TUTOR, an_event, an_id
from tests.support.postgres_proxy import PostgresProxy
from tests.support.sink import (
    ARecord,
    Batch,
    a_database,
    a_progress,
    a_score,
    contents,
    empty,
    event_records,
    shuffled,
    some_facts,
    write_all,
)
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.errors import UndecodableRecord
from tutor_quality.storage.engine import open_pool
from tutor_quality.storage.tables import WINDOWS
from tutor_quality.storage.upserts import FEW, lock_progress

pytestmark = pytest.mark.integration
LETTERS = dead_letters(LIFECYCLE)


def _records(values: Iterable[tuple[str, bytes]]) -> list[ARecord]:
    return [
        ARecord(key.encode(), value, offset, START + (2 + offset % 5) * HOUR)
        for offset, (key, value) in enumerate(values)
    ]


def _a_profile(rng: random.Random) -> tuple[str, bytes]:
    tutor = an_id(rng.randrange(3), "7")
    profile = {"tutor_id": tutor, "updated_at": START + rng.randrange(3)}
    details = {"name": rng.choice([None, "Zoë", "Ana"]), "preferred_pace": rng.randrange(1, 6)}
    return tutor, orjson.dumps(profile | details)


def _a_student_profile(rng: random.Random) -> tuple[str, bytes]:
    student = f"student-{rng.randrange(3)}"
    profile = {"student_id": student, "updated_at": START + rng.randrange(3)}
    return student, orjson.dumps(profile | {"age": rng.randrange(8, 25)})


def _a_risk_change(rng: random.Random) -> tuple[str, bytes]:
    number = rng.randrange(8)
    change = {
        "event_id": an_id(number, "c"),
        "tutor_id": TUTOR,
        "generation": 1,
        "transition": number,
        "occurred_at": START + number,
        "is_high_risk": True,
        "was_high_risk": False,
        "evidence": "raw",
        "previous_evidence": None,
        "reasons": ["7d"],
        **{f"total_sessions_{d}d": number for d in WINDOWS},
        **{f"tutor_reschedules_{d}d": 1 for d in WINDOWS},
        "risk_threshold": 0.15,
        "cause": "expiry",
        "cause_offset": number,
        "cause_slot_at": START,
    }
    return TUTOR, codec.encode("risk_changed", change)


def _an_alert(rng: random.Random) -> tuple[str, bytes]:
    number = rng.randrange(8)
    alert = {
        "event_id": an_id(number, "a"),
        "kind": "tutor_entered",
        "tutor_id": TUTOR,
        "session_id": None,
        "occurred_at": START + number,
        "evidence": "confirmed",
        "reasons": ["30d"],
        **{f"reschedule_rate_{d}d": number / 7 for d in WINDOWS},
        "risk_threshold": 0.15,
        "probability": None,
        "scheduled_start": None,
    }
    return TUTOR, codec.encode("high_risk_alert", alert)


def _letters(rng: random.Random) -> list[ARecord]:
    """Refusals of few records, some told again after a crash."""
    letters = []
    for offset in range(20):
        refused = ARecord(b"k", b"nonsense", rng.randrange(6), START)
        letter = dead_letter(refused, LIFECYCLE, 0, UndecodableRecord("not Avro"))
        letters.append(ARecord(letter.key, letter.value, offset, START, tuple(letter.headers)))
    return letters


def _every_topic(rng: random.Random) -> list[Batch]:
    """More than FEW records of each, so that a whole batch and pieces of it go different ways."""
    versions = [(an_id(rng.randrange(3), "7"), rng.randrange(50)) for _ in range(80)]
    progress = [a_progress(10 * n, n) for n in range(65)]
    return [
        (LIFECYCLE, 0, event_records(some_facts(rng, 60), rng)),
        (TUTOR_PROFILE, 0, _records(_a_profile(rng) for _ in range(60))),
        (STUDENT_PROFILE, 0, _records(_a_student_profile(rng) for _ in range(60))),
        (SCORE, 0, _records((tutor, a_score(tutor, version)) for tutor, version in versions)),
        (RISK_CHANGED, 0, _records(_a_risk_change(rng) for _ in range(60))),
        (HIGH_RISK, 0, _records(_an_alert(rng) for _ in range(60))),
        (PROGRESS, 0, _records(("0", value) for value in progress)),
        (LETTERS, 0, _letters(rng)),
    ]


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_and_any_repeat_of_batches_give_the_same_tables(
    pool: asyncpg.Pool, seed: int
) -> None:
    rng = random.Random(seed)
    batches = _every_topic(rng)
    assert all(len(records) > FEW for topic, _, records in batches if topic is not LETTERS)
    await write_all(pool, batches)
    expected = await contents(pool)
    assert all(expected[name] for name in ("sessions", "tutor_scores", "alerts", "dead_letters"))
    for _ in range(2):
        await empty(pool)
        await write_all(pool, shuffled(batches, rng))
        assert await contents(pool) == expected


async def test_partitions_that_are_written_at_once_give_the_same_tables(
    pool: asyncpg.Pool,
) -> None:
    """All partitions speak of the same slots, tutors and students."""
    rng = random.Random(7)
    facts = some_facts(rng, 240)
    batches = [(LIFECYCLE, p, event_records(facts[p * 60 :][:60], rng)) for p in range(4)]
    await write_all(pool, batches)
    expected = await contents(pool)
    await empty(pool)
    writer = SinkWriter(pool)
    await asyncio.gather(*(writer.write(*batch) for batch in batches))
    assert await contents(pool) == expected


def _outcome(facts: Sequence[SessionEvent], session: str, start: int) -> SessionEvent | None:
    """By the words of design/domain.md."""
    claims = [
        fact
        for fact in facts
        if (fact.session_id, fact.scheduled_start) == (session, start)
        and fact.event_type is not EventType.SCHEDULED
    ]
    return max(claims, key=lambda fact: (fact.occurred_at, fact.event_id), default=None)


def _milliseconds(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000)::bigint AS {column}"


@pytest.mark.parametrize("seed", range(4))
async def test_every_slot_has_its_greatest_outcome_and_its_first_opening(
    pool: asyncpg.Pool, seed: int
) -> None:
    rng = random.Random(seed)
    facts = some_facts(rng, 80)
    await write_all(pool, shuffled([(LIFECYCLE, 0, event_records(facts, rng))], rng))
    rows = await pool.fetch(
        f"SELECT session_id::text, {_milliseconds('scheduled_start')}, status, initiator,"
        f" outcome_event_id::text, {_milliseconds('opened_at')} FROM sessions"
    )
    slots = {(fact.session_id, fact.scheduled_start) for fact in facts}
    slots |= {(fact.session_id, fact.new_start) for fact in facts if fact.new_start is not None}
    assert {(row["session_id"], row["scheduled_start"]) for row in rows} == slots
    for row in rows:
        slot = (row["session_id"], row["scheduled_start"])
        outcome = _outcome(facts, *slot)
        opened = [
            fact.occurred_at
            for fact in facts
            if fact.session_id == slot[0]
            and slot[1]
            == (fact.scheduled_start if fact.event_type == "scheduled" else fact.new_start)
        ]
        assert row["status"] == (outcome.event_type if outcome else "scheduled")
        assert row["outcome_event_id"] == (outcome.event_id if outcome else None)
        assert row["initiator"] == (outcome.initiator if outcome else None)
        assert row["opened_at"] == min(opened, default=None)


async def test_a_fact_arrives_with_all_that_it_says(pool: asyncpg.Pool) -> None:
    event = an_event(
        event_type=EventType.RESCHEDULED,
        new_start=START + 9 * HOUR,
        reason_code="ill",
        reason="Zoë is ill",
        is_first_session=False,
        context='{"a": 1}',
    )
    record = ARecord(TUTOR.encode(), encode_event(event), 5, START + HOUR)
    await write_all(pool, [(LIFECYCLE, 3, [record])])
    row = await pool.fetchrow(
        "SELECT *, event_id::text AS id, extract(epoch FROM new_start) AS new FROM session_events"
    )
    assert row["id"] == event.event_id
    assert row["new"] * 1000 == event.new_start
    said = (
        "student_id",
        "duration_minutes",
        "reason_code",
        "reason",
        "is_first_session",
        "context",
    )
    assert {name: row[name] for name in said} == {name: getattr(event, name) for name in said}
    assert (row["event_type"], row["initiator"]) == ("rescheduled", "tutor")
    assert (row["record_partition"], row["record_offset"]) == (3, 5)
    assert (row["started_at"], row["rating"]) == (None, None)


async def test_the_view_shows_who_moved_what_how_long_before(pool: asyncpg.Pool) -> None:
    moved = an_event(
        event_type=EventType.RESCHEDULED,
        occurred_at=START - 90 * 60_000,
        new_start=START + 9 * HOUR,
    )
    kept = an_event(2)
    values = [(TUTOR, encode_event(fact)) for fact in (moved, kept)]
    await write_all(pool, [(LIFECYCLE, 0, _records(values))])
    (row,) = await pool.fetch("SELECT * FROM reschedules")
    assert (str(row["session_id"]), row["initiator"]) == (moved.session_id, "tutor")
    assert float(row["hours_before_session"]) == 1.5
    assert row["new_time"] - row["original_time"] == timedelta(hours=9)


async def test_tutors_get_a_name_from_their_id_until_their_profile_says_one(
    pool: asyncpg.Pool,
) -> None:
    event = (TUTOR, encode_event(an_event()))
    await write_all(pool, [(LIFECYCLE, 0, _records([event]))])
    assert await pool.fetchval("SELECT name FROM tutors") == f"Tutor {TUTOR[:8]}"
    profile = orjson.dumps({"tutor_id": TUTOR, "updated_at": START, "name": "Ana"})
    await write_all(pool, [(TUTOR_PROFILE, 0, _records([(TUTOR, profile)]))])
    assert await pool.fetchval("SELECT name FROM tutors") == "Ana"


async def test_an_older_score_never_replaces_a_newer_one(pool: asyncpg.Pool) -> None:
    scores = [(a_score(TUTOR, 9), 0), (a_score(TUTOR, 8), 1), (a_score(TUTOR, 1, generation=2), 2)]
    seen = []
    for value, offset in scores:
        await write_all(pool, [(SCORE, 0, [ARecord(TUTOR.encode(), value, offset)])])
        seen.append(tuple(await pool.fetchrow("SELECT generation, version FROM tutor_scores")))
    assert seen == [(1, 9), (1, 9), (2, 1)]


async def test_the_newest_score_of_a_batch_need_not_be_its_last(pool: asyncpg.Pool) -> None:
    """A worker that was believed dead wakes up and sends what it still holds."""
    values = [a_score(TUTOR, 8), a_score(TUTOR, 9), a_score(TUTOR, 7)]
    await write_all(pool, [(SCORE, 0, _records((TUTOR, value) for value in values))])
    assert await pool.fetchval("SELECT version FROM tutor_scores") == 9


async def test_an_undecodable_score_does_not_keep_others_out(pool: asyncpg.Pool) -> None:
    good = a_score(TUTOR, 8)
    values = [good, good[:30], b"", good + b"x"]
    records = _records((TUTOR, value) for value in values)
    refused = await SinkWriter(pool).write(SCORE, 0, records)
    assert {row.offset for row in refused} >= {1, 2}
    assert await pool.fetchval("SELECT version FROM tutor_scores") == 8


async def test_an_acknowledged_alert_stays_acknowledged_when_it_is_told_again(
    pool: asyncpg.Pool,
) -> None:
    alerts = _records([_an_alert(random.Random(1))])
    await write_all(pool, [(HIGH_RISK, 0, alerts)])
    await pool.execute("UPDATE alerts SET acknowledged_by = 'ana'")
    await write_all(pool, [(HIGH_RISK, 0, alerts)])
    assert await pool.fetchval("SELECT acknowledged_by FROM alerts") == "ana"


async def test_ticks_and_undecodable_records_are_left_to_the_score_stage(
    pool: asyncpg.Pool,
) -> None:
    values = [
        (TUTOR, encode_tick(TUTOR, START)),
        (TUTOR, b"nonsense"),
        (TUTOR, encode_event(an_event())),
    ]
    writer = SinkWriter(pool)
    assert await writer.write(LIFECYCLE, 0, _records(values)) == []
    assert writer.skipped == 2
    assert await pool.fetchval("SELECT count(*) FROM session_events") == 1
    assert await pool.fetchval("SELECT next_offset FROM sink_positions") == 3


async def test_a_batch_of_nothing_but_ticks_moves_the_position(pool: asyncpg.Pool) -> None:
    ticks = _records([(TUTOR, encode_tick(TUTOR, START))] * 3)
    await write_all(pool, [(LIFECYCLE, 2, ticks)])
    assert await pool.fetchval("SELECT next_offset FROM sink_positions WHERE partition = 2") == 3


async def test_a_profile_that_cannot_be_decoded_is_returned_and_the_rest_lands(
    pool: asyncpg.Pool,
) -> None:
    rng = random.Random(1)
    values = [_a_profile(rng), (TUTOR, b'{"tutor_id": 7}'), _a_profile(rng)]
    refused = await SinkWriter(pool).write(TUTOR_PROFILE, 0, _records(values))
    assert [row.offset for row in refused] == [1]
    assert await pool.fetchval("SELECT count(*) FROM tutors") > 0


@pytest.mark.parametrize("places", [{0}, {49}, {3, 4, 31}, set(range(50))])
async def test_rows_that_postgres_refuses_are_found_and_the_rest_lands(
    pool: asyncpg.Pool, places: set[int]
) -> None:
    # An index row must fit into a third of a page; random text does not compress.
    too_long = random.Random(1).randbytes(8000).hex()
    values = []
    for number in range(50):
        name = too_long if number in places else "Ana"
        profile = {"tutor_id": an_id(number, "7"), "updated_at": START, "name": name}
        values.append((an_id(number, "7"), orjson.dumps(profile)))
    refused = await SinkWriter(pool).write(TUTOR_PROFILE, 0, _records(values))
    assert {row.offset for row in refused} == places
    assert await pool.fetchval("SELECT count(*) FROM tutors") == 50 - len(places)
    assert await pool.fetchval("SELECT next_offset FROM sink_positions") == 50


async def test_an_event_that_postgres_refuses_does_not_hide_the_outcome_it_had_beaten(
    pool: asyncpg.Pool,
) -> None:
    """Times beyond Postgres' range can only come from a broker that lets anything pass."""
    beyond = 2**63 - 1
    kept = an_event(1)
    better = an_event(2, session_id=kept.session_id, occurred_at=START + 2 * HOUR)
    records = [
        ARecord(TUTOR.encode(), encode_event(kept), 0, START + HOUR),
        ARecord(TUTOR.encode(), encode_event(better), 1, beyond),
    ]
    refused = await SinkWriter(pool).write(LIFECYCLE, 0, records)
    assert [row.offset for row in refused] == [1]
    assert "out of range" in refused[0].reason
    outcome = await pool.fetchval("SELECT outcome_event_id::text FROM sessions")
    assert outcome == kept.event_id


# --- progress ----------------------------------------------------------------------------------


async def _shown(pool: asyncpg.Pool) -> list[int]:
    return [row[0] for row in await pool.fetch("SELECT applied_offset FROM pipeline_progress")]


def _progress_record(offset: int, applied: int, score_offset: int) -> Batch:
    value = a_progress(applied, score_offset)
    return (PROGRESS, 0, [ARecord(b"0", value, offset)])


def _scores_up_to(next_offset: int) -> Batch:
    score = ARecord(TUTOR.encode(), a_score(TUTOR, next_offset), next_offset - 1)
    return (SCORE, 0, [score])


async def test_progress_is_shown_when_the_scores_it_speaks_of_are_here(
    pool: asyncpg.Pool,
) -> None:
    await write_all(pool, [_progress_record(0, 100, 5)])
    assert await _shown(pool) == []
    await write_all(pool, [_scores_up_to(4)])
    assert await _shown(pool) == []
    await write_all(pool, [_scores_up_to(5)])
    assert await _shown(pool) == [100]
    await write_all(pool, [_progress_record(1, 200, 5)])
    assert await _shown(pool) == [200]


async def test_progress_goes_on_while_the_sink_lags_behind_the_newest_of_it(
    pool: asyncpg.Pool,
) -> None:
    batches = [_progress_record(n, 100 * n, 10 * n) for n in range(1, 6)]
    await write_all(pool, [*batches, _scores_up_to(25)])
    assert await _shown(pool) == [200]
    assert await pool.fetchval("SELECT count(*) FROM pending_progress") == 3


async def test_a_zombies_old_progress_does_not_turn_the_clock_back(pool: asyncpg.Pool) -> None:
    await write_all(pool, [_scores_up_to(50), _progress_record(0, 100, 5)])
    await write_all(pool, [_progress_record(1, 90, 4)])
    assert await _shown(pool) == [100]


async def test_scores_of_another_partition_do_not_count(pool: asyncpg.Pool) -> None:
    score = ARecord(TUTOR.encode(), a_score(TUTOR, 9), 9)
    await write_all(pool, [_progress_record(0, 100, 5), (SCORE, 1, [score])])
    assert await _shown(pool) == []


async def test_progress_that_lands_beside_its_scores_does_not_wait_for_the_next_ones(
    pool: asyncpg.Pool, postgres_url: str
) -> None:
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():
        await lock_progress(other, [0])
        writing = asyncio.create_task(SinkWriter(pool).write(*_scores_up_to(5)))
        await _blocked_backend(other)
        await other.execute(
            "INSERT INTO pending_progress VALUES (0, 1, 100, '2026-01-01Z', 5, false, 0)"
        )
    await writing
    await other.close()
    assert await _shown(pool) == [100]


# --- faults ------------------------------------------------------------------------------------


class _Pauses:
    """Notes the pauses instead of sleeping; `enough` is set after so many of them."""

    def __init__(self, enough: int = 1) -> None:
        self.seconds: list[float] = []
        self.enough = asyncio.Event()
        self._wanted = enough

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) >= self._wanted:
            self.enough.set()
        await asyncio.sleep(0)


def _some_batch() -> tuple[Topic, int, list[ARecord]]:
    rng = random.Random(3)
    return LIFECYCLE, 0, event_records(some_facts(rng, 50), rng)


async def test_a_commit_whose_answer_was_lost_is_written_again_without_effect(
    pool: asyncpg.Pool, postgres_url: str
) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(postgres_url)
    await listener.add_listener(CHANNEL, lambda *message: heard.append(message[3]))
    async with PostgresProxy(postgres_url).running() as proxy:
        through = await open_pool(proxy.url, application_name="test")
        proxy.commits_to_lose = 1
        await SinkWriter(through, sleep=_Pauses().sleep).write(*_some_batch())
        await through.close()
    twice = await contents(pool)
    await empty(pool)
    await write_all(pool, [_some_batch()])
    assert await contents(pool) == twice
    await listener.execute("SELECT 1")
    assert len(heard) == 3, "the first commit was carried out, and so was the second"
    await listener.close()


async def test_a_database_that_is_away_is_waited_for(pool: asyncpg.Pool, postgres_url: str) -> None:
    pauses = _Pauses(enough=3)
    async with PostgresProxy(postgres_url).running() as proxy:
        through = await open_pool(proxy.url, application_name="test")
        await through.expire_connections()
        proxy.away = True
        writer = SinkWriter(through, sleep=pauses.sleep, jitter=lambda: 0.0)
        writing = asyncio.create_task(writer.write(*_some_batch()))
        await pauses.enough.wait()
        assert await pool.fetchval("SELECT count(*) FROM session_events") == 0
        proxy.away = False
        assert await writing == []
        await through.close()
    assert pauses.seconds[:3] == [0.05, 0.1, 0.2]
    assert await pool.fetchval("SELECT count(*) FROM session_events") == 50


async def _blocked_backend(connection: asyncpg.Connection) -> int:
    """Waits until a transaction waits for our lock; its process id."""
    while True:
        pid: int | None = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        if pid is not None:
            return pid
        await asyncio.sleep(0.01)


async def test_a_transaction_that_is_killed_in_the_middle_is_written_again(
    pool: asyncpg.Pool, postgres_url: str
) -> None:
    other = await asyncpg.connect(postgres_url)
    pauses = _Pauses()
    async with other.transaction():
        await other.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        writer = SinkWriter(pool, sleep=pauses.sleep)
        writing = asyncio.create_task(writer.write(*_some_batch()))
        await other.execute("SELECT pg_terminate_backend($1)", await _blocked_backend(other))
        await pauses.enough.wait()
    assert await writing == []
    await other.close()
    assert await pool.fetchval("SELECT count(*) FROM session_events") == 50


async def test_a_connection_whose_backend_was_terminated_while_idle_is_dropped(
    pool: asyncpg.Pool, postgres_url: str
) -> None:
    """asyncpg raises InternalClientError then: MagicStack/asyncpg#1069."""
    async with PostgresProxy(postgres_url).running() as proxy:
        proxy.half_open = True
        through = await open_pool(proxy.url, application_name="idle")
        await pool.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'idle'"
        )
        await proxy.hung_up.wait()
        proxy.half_open = False
        await asyncio.sleep(0)  # The client reads what the server said last.
        pauses = _Pauses()
        assert await SinkWriter(through, sleep=pauses.sleep).write(*_some_batch()) == []
        await through.close()
    assert len(pauses.seconds) == 1
    assert await pool.fetchval("SELECT count(*) FROM session_events") == 50


async def test_a_closed_pool_ends_the_waiting(postgres_url: str) -> None:
    async with a_database(postgres_url) as pool:
        await pool.close()
        with pytest.raises(asyncpg.InterfaceError):
            await SinkWriter(pool).write(*_some_batch())


async def test_listeners_hear_of_each_batch_once_it_is_visible(
    pool: asyncpg.Pool, postgres_url: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(postgres_url)
    await listener.add_listener(CHANNEL, lambda *message: heard.put_nowait(message[3]))
    await write_all(pool, [_scores_up_to(5)])
    assert orjson.loads(await heard.get()) == {"topic": SCORE.name, "partition": 0, "offset": 4}
    await listener.close()
