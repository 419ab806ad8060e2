"""The campaign of real faults must be able to fail, and to be replayed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from schemas import topics
from schemas.codec import decode, encode
from streams.crash_points import crash_at, pass_by
from tutor_quality.campaign.nemesis.load import Load, a_load
from tutor_quality.campaign.nemesis.observed import READ, Tables
from tutor_quality.campaign.nemesis.oracles import LETTERS, Ledger, check
from tutor_quality.campaign.nemesis.plan import draw
from tutor_quality.campaign.nemesis.records import Stored
from tutor_quality.campaign.nemesis.sink_log import SimulatedLog, a_log
from tutor_quality.verify.recount import winners
from tutor_quality.verify.scores import Snapshot

START = 1_500_000_000_000


def test_one_seed_draws_the_same_faults_and_the_same_load_again() -> None:
    assert draw(Random(7)) == draw(Random(7)) != draw(Random(8))
    plan = draw(Random(7))
    assert a_load(Random(7), START, plan.storms, 4) == a_load(Random(7), START, plan.storms, 4)


def test_a_process_ends_when_it_comes_to_its_crash_point_for_the_nth_time() -> None:
    program = (
        "from streams.crash_points import crash_at\n"
        "reached = crash_at('rows-durable:2')\n"
        "for point in ('rows-durable', 'acknowledged', 'acknowledged', 'rows-durable'):\n"
        "    print(point, flush=True)\n"
        "    reached(point)\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == 4


def test_no_crash_point_is_set_by_default() -> None:
    assert crash_at(None) is pass_by


@dataclass
class World:
    load: Load
    log: SimulatedLog
    tables: Tables | None = None

    def problems(self) -> list[str]:
        ledger = Ledger()
        ledger.take({topic.name: self.log.of(topic.name) for topic in READ})
        tables = self.tables or honest_tables(ledger, self.load)
        return check(ledger, self.load, tables)[1]

    def edit(self, topic: str, change: Callable[[list[Stored]], None]) -> None:
        for (name, _), records in self.log.items():
            if name == topic and records:
                change(records)


def honest_tables(ledger: Ledger, load: Load) -> Tables:
    """What Postgres shows when all is well."""
    snapshot = ledger.snapshot(load.tutors, Snapshot({}, {}, {}))
    outcomes = [o for history in ledger.histories.values() for o in winners(history.records)]
    return Tables(
        snapshot,
        load.event_ids,
        {outcome.slot: outcome.event_id for outcome in outcomes},
        frozenset(name for names in ledger.change_ids.values() for name in names),
        frozenset(name for names in ledger.alerts.values() for name in names),
        frozenset(ledger.refused),
    )


@pytest.fixture
async def world() -> World:
    load = a_load(Random(1), START, [(0.5, 8)], 2, 120)
    return World(load, await a_log(load, Random(1), 2))


async def test_an_undisturbed_log_has_no_problems(world: World) -> None:
    assert world.problems() == []


def _miscount(records: list[Stored]) -> None:
    score = decode("tutor_score", records[-1].value or b"")
    score["total_sessions_90d"] += 1
    records[-1] = records[-1]._replace(value=encode("tutor_score", score))


def _contradict(records: list[Stored]) -> None:
    change = decode("risk_changed", records[-1].value or b"")
    change["occurred_at"] += 1
    records.append(records[-1]._replace(value=encode("risk_changed", change)))


def _drop_last(records: list[Stored]) -> None:
    del records[-1]


def _drop_last_score(records: list[Stored]) -> None:
    newest = records[-1].key
    records[:] = [record for record in records if record.key != newest] + [
        record for record in records if record.key == newest
    ][:-1]


TAMPERINGS: dict[str, tuple[str, Callable[[list[Stored]], None]]] = {
    "a count is wrong": (topics.SCORE.name, _miscount),
    "the newest score is missing": (topics.SCORE.name, _drop_last_score),
    "a transition is missing": (topics.RISK_CHANGED.name, _drop_last),
    "a transition is told in two ways": (topics.RISK_CHANGED.name, _contradict),
    "an alert is missing": (topics.HIGH_RISK.name, _drop_last),
    "a dead letter is missing": (LETTERS, _drop_last),
    "a dead letter has other bytes": (
        LETTERS,
        lambda records: records.append(records.pop()._replace(value=b"other")),
    ),
    "a fact was never recorded": (topics.LIFECYCLE.name, lambda records: records.clear()),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_what_is_wrong_in_a_topic_is_found(world: World, name: str) -> None:
    world.edit(*TAMPERINGS[name])
    assert world.problems() != []


@pytest.mark.parametrize("name", ["event_ids", "risk_changes", "alerts", "dead_letters"])
async def test_a_missing_row_is_found(world: World, name: str) -> None:
    ledger = Ledger()
    ledger.take({topic.name: world.log.of(topic.name) for topic in READ})
    tables = honest_tables(ledger, world.load)
    fewer: Any = {name: frozenset(list(getattr(tables, name))[1:])}
    world.tables = replace(tables, **fewer)
    assert world.problems() != []
