import numpy as np

from bench.events import Job, encoded, make, tutor_key
from schemas.lifecycle import decode_lifecycle
from schemas.lifecycle.events import tutor_keys
from tutor_quality.domain.columns import Kind

JOB = Job(events=2_000, tutors=20, days=100)


def test_the_encoded_events_are_what_the_strict_decoder_accepts() -> None:
    events = make(JOB)
    keys, values, timestamps = zip(*encoded(events), strict=True)
    decoded = decode_lifecycle(keys, values, range(len(events)), timestamps)
    assert not decoded.refused
    columns = decoded.columns
    assert columns.kind.tolist() == events.kind.tolist()
    assert columns.initiator.tolist() == events.initiator.tolist()
    assert columns.scheduled_start.tolist() == events.start.tolist()
    assert columns.occurred_at.tolist() == events.occurred.tolist()
    assert tutor_keys(columns) == [tutor_key(tutor) for tutor in events.tutor.tolist()]


def test_the_same_seed_makes_the_same_bytes_and_another_one_others() -> None:
    def values(seed: int) -> list[bytes]:
        return [value for _, value, _ in encoded(make(Job(500, 5, seed=seed)))]

    assert values(1) == values(1)
    assert values(1) != values(2)


def test_some_events_are_late_and_some_too_late_for_any_window() -> None:
    events = make(Job(events=20_000, tutors=20))
    delay = events.arrived - events.occurred
    assert (np.diff(events.arrived) >= 0).all()
    assert 0.02 < (delay > 86_400_000).mean() < 0.05
    assert (delay > 90 * 86_400_000).any()


def test_a_hot_tutor_has_the_share_of_outcomes_that_was_asked_for() -> None:
    events = make(Job(events=10_000, tutors=100, hot_share=0.5))
    assert 0.48 < (events.tutor[events.kind != Kind.SCHEDULED] == 0).mean() < 0.54
