"""The oracle against the row of the Python peers: neither knows of the other."""

from collections import defaultdict
from dataclasses import replace

import pytest

from bench.events import DAY, Job, encoded, make, tutor_key
from bench.oracle import Flip, Score, Truth, differences
from bench.peers.row import FLIP, SCORE, fold
from bench.peers.session_event import decode

JOB = Job(events=6_000, tutors=50)

Answers = tuple[Truth, dict[int, Score], dict[int, list[Flip]]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """What the peers' row makes of the job, and the truth."""
    events = make(JOB)
    rows: dict[bytes, bytes] = {}
    scores: dict[int, Score] = {}
    flips: defaultdict[int, list[Flip]] = defaultdict(list)
    for offset, (key, value, timestamp) in enumerate(encoded(events)):
        folded = fold(rows.get(key), decode(value), offset, timestamp)
        assert folded is not None
        rows[key], said, changes = folded
        tutor = int(key[-12:], 16)
        version, as_of, is_high, *counts = SCORE.unpack(said)
        scores[tutor] = Score(version, as_of, is_high, tuple(counts))
        flips[tutor] += [FLIP.unpack(change)[1:] for change in changes]
    return Truth(events, JOB.tutors), scores, dict(flips)


def test_counting_anew_and_counting_on_agree_on_every_count_and_flip(answers: Answers) -> None:
    truth, scores, flips = answers
    assert differences(truth, scores, flips) == []
    assert sum(map(len, flips.values())) > 100


def test_one_session_too_many_is_seen(answers: Answers) -> None:
    truth, scores, flips = answers
    total, *rest = scores[7].counts
    wrong = {**scores, 7: replace(scores[7], counts=(total + 1, *rest))}
    assert len(differences(truth, wrong, flips)) == 1


def test_a_flip_a_millisecond_late_is_seen(answers: Answers) -> None:
    truth, scores, flips = answers
    tutor = next(tutor for tutor, said in flips.items() if said)
    (instant, is_high), *rest = flips[tutor]
    assert differences(truth, scores, {**flips, tutor: [(instant + 1, is_high), *rest]})


def test_a_lost_tutor_is_seen(answers: Answers) -> None:
    truth, scores, flips = answers
    left = {tutor: score for tutor, score in scores.items() if tutor != 3}
    assert differences(truth, left, flips) == ["tutor 3 has no score"]


def test_time_that_was_let_pass_beyond_the_last_event_is_counted(answers: Answers) -> None:
    truth, scores, flips = answers
    later = {**scores, 5: replace(scores[5], as_of=scores[5].as_of + 90 * DAY)}
    assert any("tutor 5 has counts" in wrong for wrong in differences(truth, later, flips))


def test_a_record_that_the_row_has_applied_changes_nothing() -> None:
    key, value, timestamp = next(encoded(make(JOB)))
    folded = fold(None, decode(value), 0, timestamp)
    assert key.startswith(tutor_key(0)[:-12])
    assert folded is not None
    assert fold(folded[0], decode(value), 0, timestamp) is None
