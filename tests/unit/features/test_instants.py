import pytest

from tutor_quality.features.instants import Fading, Instants


def test_instants_count_a_half_open_interval() -> None:
    instants = Instants()
    for at in (5, 1, 3, 3):
        instants.add(at)
    assert instants.count(1, 5) == 3
    assert instants.count(0, 3) == 3
    instants.remove(3)
    assert instants.times == [1, 3, 5]


def test_an_instant_that_was_forgotten_is_not_removed_in_anothers_place() -> None:
    instants = Instants([1, 5, 9])
    instants.forget(4)
    instants.remove(1)
    instants.remove(7)
    assert instants.times == [5, 9]


def test_the_last_instant_is_at_or_before_the_one_asked_for() -> None:
    instants = Instants([1, 3])
    assert (instants.last(0), instants.last(2), instants.last(3)) == (None, 1, 3)


def test_weight_halves_with_each_half_life() -> None:
    fading = Fading(half_life=10)
    fading.add(0, 4.0, 2.0)
    assert fading.seen_from(20) == (1.0, 0.5)


def test_facts_in_any_order_weigh_the_same() -> None:
    forwards, backwards = Fading(7), Fading(7)
    facts = [(1, 1.0, 0.0), (9, 1.0, 1.0), (4, 1.0, 1.0)]
    for fact in facts:
        forwards.add(*fact)
    for fact in reversed(facts):
        backwards.add(*fact)
    assert forwards.seen_from(12) == pytest.approx(backwards.seen_from(12))


def test_a_flow_of_trials_does_not_depend_on_how_often_it_is_looked_at() -> None:
    once, often = Fading(100), Fading(100)
    once.flow(500, 0.5)
    for at in range(0, 501, 50):
        often.flow(at, 0.5)
    assert once.trials == pytest.approx(often.trials)
