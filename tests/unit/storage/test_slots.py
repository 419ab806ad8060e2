"""Which facts of a batch win, against the words of design/domain.md."""

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.builders import columns_of
from tests.support.sink import some_facts
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.storage.slots import Winners, winners


def _opened_slot(fact: SessionEvent) -> tuple[str, int] | None:
    if fact.event_type is EventType.SCHEDULED:
        return fact.session_id, fact.scheduled_start
    return None if fact.new_start is None else (fact.session_id, fact.new_start)


def _order(fact: SessionEvent) -> tuple[int, str]:
    return fact.occurred_at, fact.event_id


def _booking_order(fact: SessionEvent) -> tuple[bool, int, str]:
    return fact.event_type is EventType.SCHEDULED, *_order(fact)


def _winners(facts: Sequence[SessionEvent], partition: int = 0) -> Winners:
    columns = columns_of([(offset, 0, fact) for offset, fact in enumerate(facts)])
    return winners(columns, np.full(len(facts), partition))


@pytest.mark.parametrize("seed", range(20))
def test_winners_are_the_greatest_of_their_slot(seed: int) -> None:
    rng = random.Random(seed)
    facts = some_facts(rng, 60)
    facts += rng.sample(facts, 10)
    won = _winners(facts)
    outcomes, bookings = defaultdict(list), defaultdict(list)
    for fact in facts:
        if fact.event_type is not EventType.SCHEDULED:
            outcomes[fact.session_id, fact.scheduled_start].append(fact)
        if (slot := _opened_slot(fact)) is not None:
            bookings[slot].append(fact)
    decided = [facts[place] for place in np.flatnonzero(won.decides)]
    assert sorted(decided, key=_order) == sorted(
        (max(claims, key=_order) for claims in outcomes.values()), key=_order
    )
    booked = [(won.booked_start[p], won.opened_at[p], facts[p]) for p in np.flatnonzero(won.books)]
    assert len(booked) == len(bookings)
    for start, opened_at, fact in booked:
        claims = bookings[fact.session_id, start]
        assert fact == max(claims, key=_booking_order)
        assert opened_at == min(claim.occurred_at for claim in claims)


def test_the_first_record_of_an_event_is_the_fresh_one() -> None:
    facts = some_facts(random.Random(1), 20)
    sent = [*facts, *reversed(facts)]
    won = _winners(sent)
    assert won.fresh.tolist() == [True] * 20 + [False] * 20


def test_of_two_partitions_the_first_record_is_that_of_the_lower_one() -> None:
    (fact,) = some_facts(random.Random(1), 1)
    columns = columns_of([(0, 0, fact), (7, 0, fact), (8, 0, fact)])
    won = winners(columns, np.array([1, 0, 0]))
    assert won.fresh.tolist() == [False, True, False]


def test_no_facts_have_no_winners() -> None:
    won = _winners([])
    assert len(won.fresh) == len(won.books) == len(won.opened_at) == 0
