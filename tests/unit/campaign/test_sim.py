"""The simulation itself: it must replay, and its own parts must be as bad as the real ones."""

from random import Random

import pytest

from streams.outlet import Outgoing
from tests.support import oracles
from tutor_quality.campaign import oracle
from tutor_quality.campaign.sim import run
from tutor_quality.campaign.sim.broker import INPUT, Broker, Producer
from tutor_quality.campaign.sim.history import a_history
from tutor_quality.campaign.sim.planted import Mistake, planted
from tutor_quality.campaign.sim.process import Steps
from tutor_quality.campaign.sim.run import Result, run_in_pieces, run_one, run_schedules
from tutor_quality.domain.tutor import TutorRow

PLACE = (INPUT, 0)


def test_a_seed_replays_the_same_story() -> None:
    first: list[str] = []
    again: list[str] = []
    assert run_one(29, first.append) == run_one(29, again.append)
    assert first == again
    assert len(first) > 20


def test_two_seeds_tell_two_stories() -> None:
    first: list[str] = []
    other: list[str] = []
    run_one(1, first.append)
    run_one(2, other.append)
    assert first != other


def test_pieces_in_processes_of_their_own_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PIECE", 16)
    counts = []
    for result in run_in_pieces(range(100, 140)):
        counts.append(result.schedules)
    assert counts == [0, 16, 32, 40]
    assert result == run_schedules(range(100, 140))


def test_every_diverging_seed_is_named_and_the_first_one_told() -> None:
    whole = Result()
    for seeds in (range(3), range(3, 500)):
        piece = Result()
        for seed in seeds:
            piece.see(seed, 2, [f"wrong {seed}"] if seed % 2 else [])
        whole.add(piece)
    assert (whole.schedules, whole.faults, whole.divergences) == (500, 1_000, 250)
    assert whole.diverged == list(range(1, 200, 2))
    assert whole.first_divergence is not None
    assert whole.first_divergence.problems == ["wrong 1"]
    assert not whole.holds


@pytest.mark.parametrize("seed", [566, 1413, 1020357])
def test_what_was_once_wrong_holds(seed: int) -> None:
    """A word of the operator's that counted again and again, twice; a process that left twice."""
    assert run_one(seed)[1] == []


def test_a_mistake_is_gone_after_it_was_planted() -> None:
    before = TutorRow.close
    mistake = Mistake("tie", TutorRow, "close", ">= (occurred_at, event_id)", "> (0, b'')")
    with planted(mistake):
        assert TutorRow.close is not before
    assert TutorRow.close is before


def test_a_mistake_that_the_code_has_outgrown_is_refused() -> None:
    mistake = Mistake("gone", TutorRow, "close", "what is not there", "")
    with pytest.raises(ValueError, match="does not say"), planted(mistake):
        pass


def test_the_naive_oracle_equals_that_of_the_tests() -> None:
    """Two texts of the same definition, so that neither has to be trusted alone."""
    for seed in range(20):
        told = [(n, raw.timestamp, raw.event) for n, raw in enumerate(a_history(seed).records)]
        naive, other = oracle.naive_tutor(told), oracles.naive_tutor(told)
        assert (naive.clock, list(naive.counts)) == (other.clock, other.counts)
        assert (naive.verdict, naive.transitions) == (other.verdict, other.transitions)


def test_compaction_keeps_the_last_record_even_where_it_is_the_older_state() -> None:
    broker = Broker(0, stamps=False)
    broker.append(PLACE, [Outgoing(b"a", b"new"), Outgoing(b"b", b"b"), Outgoing(b"a", b"old")])
    assert broker.compact(PLACE, 3) == 1
    assert [record.value for record in broker.logs[PLACE] if not record.gone] == [b"b", b"old"]


def test_compaction_does_not_look_beyond_its_end() -> None:
    broker = Broker(0, stamps=False)
    broker.append(PLACE, [Outgoing(b"a", b"1"), Outgoing(b"a", b"2")])
    assert broker.compact(PLACE, 1) == 0


@pytest.mark.parametrize("seed", range(20))
def test_of_what_a_dead_producer_sent_a_prefix_is_durable_or_late(seed: int) -> None:
    broker = Broker(0, stamps=False)
    producer = Producer(broker, Random(seed))
    values = [str(number).encode() for number in range(4)]

    async def send() -> None:
        for value in values:
            batch = producer.create_batch()
            batch.append(key=b"k", value=value, headers=(), timestamp=None)
            await producer.send_batch(batch, INPUT, partition=0)

    steps = Steps(send())
    while steps.runnable:
        steps.step()
    landed, late, lost = producer.die()
    assert landed + late + lost == len(values)
    written = [record.value for record in broker.logs[PLACE]]
    for _, batches in broker.orphans:
        written += [record.value for batch in batches for record in batch.records]
    assert written == values[: landed + late]
