"""What a new owner of a partition makes good, on the simulated broker."""

from random import Random

import numpy as np
import pytest

from schemas import topics
from schemas.codec import encode
from schemas.scores import version_of_score
from streams.holdings import CHANGELOG
from streams.outlet import Outgoing
from streams.outputs import Outputs
from streams.rows import pack, version_of
from tests.support.builders import START, TUTOR, an_event, columns_of
from tutor_quality.campaign.oracle import THRESHOLD
from tutor_quality.campaign.sim.broker import INPUT, Broker
from tutor_quality.campaign.sim.process import RULE, Config, Ledger, Process
from tutor_quality.domain.fold import TutorRows
from tutor_quality.errors import ConfigurationError, LogRewound

KEY = TUTOR.encode()
SCORE = topics.SCORE.name


def rows_with(applied: int) -> TutorRows:
    rows = TutorRows(RULE)
    rows.fold(columns_of([(applied, START, an_event(occurred_at=START))]))
    return rows


def a_row(applied: int, generation: int = 1) -> bytes:
    return pack(rows_with(applied), np.array([0]), generation).values.tobytes()


def a_score(applied: int) -> bytes:
    outputs = Outputs(RULE, 1, 0, THRESHOLD)
    return outputs.scores(rows_with(applied), np.array([0])).values.tobytes()


def a_broker(end: int = 100) -> Broker:
    broker = Broker(START, stamps=False)
    broker.append((INPUT, 0), [Outgoing(KEY, b"folded", timestamp=START)] * end)
    return broker


def put(broker: Broker, topic: str, *values: bytes) -> None:
    broker.append((topic, 0), [Outgoing(KEY, value) for value in values])


def progress(applied: int, score_offset: int) -> bytes:
    return encode(
        "partition_progress",
        {
            "partition": 0,
            "generation": 1,
            "applied_offset": applied,
            "applied_until": START,
            "score_offset": score_offset,
            "live": False,
        },
    )


def take_over(broker: Broker, generation: int = 1) -> None:
    """A new process restores the partition, finds nothing to fold, and flushes."""
    config = Config(Random(0), live=False)
    config.generation = generation
    process = Process("w", broker, config, Ledger(), Random(0))
    process.restore({0: 100})
    assert process.restoring is not None
    while not process.restoring.done:
        process.restoring.step()
    run = process.runs[0]
    while run.park is None:
        run.task.step()
        process.producer.land_all()
    process.close()


def test_a_score_newer_than_the_last_progress_is_said_again() -> None:
    """A zombie's late score stands last, and its own progress says that all below is right."""
    broker = a_broker()
    put(broker, CHANGELOG, a_row(93))
    put(broker, SCORE, a_score(93), a_score(90))
    put(broker, topics.PROGRESS.name, progress(90, 2))
    take_over(broker)
    assert version_of_score(broker.logs[SCORE, 0][-1].value or b"") == (1, 93)


def test_a_stale_score_behind_the_last_progress_is_said_again() -> None:
    broker = a_broker()
    put(broker, CHANGELOG, a_row(80))
    put(broker, SCORE, a_score(80), a_score(50))
    put(broker, topics.PROGRESS.name, progress(85, 1))
    take_over(broker)
    assert version_of_score(broker.logs[SCORE, 0][-1].value or b"") == (1, 80)


def test_scores_that_are_right_are_not_said_again() -> None:
    broker = a_broker()
    put(broker, CHANGELOG, a_row(80))
    put(broker, SCORE, a_score(80))
    put(broker, topics.PROGRESS.name, progress(85, 1))
    take_over(broker)
    assert len(broker.logs[SCORE, 0]) == 1


def test_a_stale_row_that_stands_last_is_written_over() -> None:
    broker = a_broker()
    put(broker, CHANGELOG, a_row(80), a_row(50))
    take_over(broker)
    assert version_of(broker.logs[CHANGELOG, 0][-1].value or b"") == (1, 80)


def test_rows_that_are_ahead_of_the_log_mean_that_it_was_re_created() -> None:
    broker = a_broker(end=10)
    put(broker, CHANGELOG, a_row(80))
    with pytest.raises(LogRewound, match="TQ_TOPIC_GENERATION"):
        take_over(broker)


def test_rows_of_an_older_generation_are_left_alone() -> None:
    broker = a_broker(end=10)
    put(broker, CHANGELOG, a_row(80))
    take_over(broker, generation=2)
    assert len(broker.logs[CHANGELOG, 0]) == 1


def test_a_lowered_generation_is_refused() -> None:
    broker = a_broker()
    put(broker, CHANGELOG, a_row(80, 2))
    with pytest.raises(ConfigurationError, match="can only be raised"):
        take_over(broker)
