"""Which facts of a batch win, against the words of design/domain.md."""

import random

import numpy as np
import pytest

from tests.support.builders import columns_of
from tests.support.sink import some_facts
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.storage.slots import winners


def _opened_slot(fact: SessionEvent) -> tuple[str, int] | None:
    if fact.event_type is EventType.SCHEDULED:
        return fact.session_id, fact.scheduled_start
    return None if fact.new_start is None else (fact.session_id, fact.new_start)


@pytest.mark.parametrize("seed", range(20))
def test_winners_are_the_greatest_of_their_slot(seed: int) -> None:
    rng = random.Random(seed)
    facts = some_facts(rng, 60)
    facts += rng.sample(facts, 10)
    won = winners(columns_of([(offset, 0, fact) for offset, fact in enumerate(facts)]))
    outcomes: dict[tuple[str, int], SessionEvent] = {}
    bookings: dict[tuple[str, int], list[SessionEvent]] = {}
    for fact in sorted(facts, key=lambda fact: (fact.occurred_at, fact.event_id)):
        if fact.event_type is not EventType.SCHEDULED:
            outcomes[fact.session_id, fact.scheduled_start] = fact
        if (slot := _opened_slot(fact)) is not None:
            bookings.setdefault(slot, []).append(fact)
    best = {
        slot: max(claims, key=lambda fact: fact.event_type is EventType.SCHEDULED)
        if claims[-1].event_type is not EventType.SCHEDULED
        else claims[-1]
        for slot, claims in bookings.items()
    }
    decided = [facts[place] for place in np.flatnonzero(won.decides)]
    booked = [facts[place] for place in np.flatnonzero(won.books)]
    assert {(f.session_id, f.scheduled_start): f for f in decided} == outcomes
    assert len(decided) == len(outcomes)
    assert len(booked) == len(best)
    for place in np.flatnonzero(won.books):
        slot = _opened_slot(facts[place])
        assert slot is not None
        assert won.booked_start[place] == slot[1]
        assert won.opened_at[place] == bookings[slot][0].occurred_at


def test_the_first_record_of_an_event_is_the_fresh_one() -> None:
    facts = some_facts(random.Random(1), 20)
    sent = [*facts, *reversed(facts)]
    won = winners(columns_of([(offset, 0, fact) for offset, fact in enumerate(sent)]))
    assert won.fresh.tolist() == [True] * 20 + [False] * 20


def test_no_facts_have_no_winners() -> None:
    won = winners(columns_of([]))
    assert len(won.fresh) == len(won.books) == len(won.opened_at) == 0
