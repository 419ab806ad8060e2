"""The predict stage on a real broker: killed on the way, fed with late, repeated and corrected
facts, it serves what a batch computation over the raw log gives, to the byte."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.registry import Registry
from schemas import topics
from schemas.admin import apply_topics
from schemas.codec import decode
from tests.support import broker, looks, stages
from tutor_quality.simulation import SimulationConfig, simulate

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

DAY_MS = 86_400_000
START = 1_700_000_000_000
SETTINGS = {"session_timeout_ms": "6000", "worker_slot": "0"}


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own: the stages' topics have fixed names."""
    with broker.running(broker.a_broker(tmp_path_factory.mktemp("broker"))) as kafka:
        apply_topics(kafka.bootstrap, partitions=4, embedded=True)
        yield kafka.bootstrap


def test_vectors_as_served_equal_a_batch_computation_after_kills(
    bootstrap: str, tmp_path: Path
) -> None:
    config = SimulationConfig(
        start_ms=START,
        end_ms=START + 60 * DAY_MS,
        tutors=30,
        events=3_000,
        late_share=0.1,
        duplicate_share=0.1,
        correction_share=0.1,
    )
    history = list(simulate(config, np.random.default_rng(3)))
    end = history[-1][0]
    cuts = [0, 1_200, 1_600, 2_000, len(history)]
    parts = [history[begin:end] for begin, end in pairwise(cuts)]

    stages.publish(bootstrap, [(START, b"\x00garbage"), *parts[0]])
    with stages.running("predict", bootstrap, tmp_path, **SETTINGS) as process:
        stages.wait_until_applied(bootstrap, process, "predict")
    live_from = {p: log[-1].offset + 1 for p, log in _log(bootstrap).items()}
    assert {look["reason"] for look in _served(bootstrap).values()} == {"catch-up"}
    for part, point in zip(parts[1:3], ("looks-sent:3", "rows-durable:2"), strict=True):
        stages.publish(bootstrap, part)
        killed = stages.start("predict", bootstrap, tmp_path, crash_at=point, **SETTINGS)
        assert killed.wait(240) != 0
    stages.publish(bootstrap, [*parts[3], (end + DAY_MS, None)])
    with stages.running("predict", bootstrap, tmp_path, **SETTINGS) as process:
        stages.wait_until_applied(bootstrap, process, "predict")

    log, served = _log(bootstrap), _served(bootstrap)
    spec = Registry(tmp_path / "models").load(Registry(tmp_path / "models").standing().champion)
    assert looks.differing(log, list(served.values()), spec.model.spec) == []
    due = set[tuple[str, int, str, float | None]]()
    for partition, records in log.items():
        due |= looks.expected_looks(records, live_from[partition])
    asked = {
        (look["session_id"], look["scheduled_start"], look["reason"], look["mark_hours"])
        for look in served.values()
    }
    assert {one for one in asked if one[2] in ("creation", "mark")} == due
    assert {"creation", "mark", "change", "catch-up"} == {one[2] for one in asked}
    _check_predictions(bootstrap, served)


def _check_predictions(bootstrap: str, served: dict[str, dict[str, object]]) -> None:
    said: dict[str, dict[str, object]] = {}
    for message in stages.read_all(bootstrap, topics.PREDICTED.name):
        prediction = decode("reschedule_predicted", message.value())
        assert said.setdefault(prediction["event_id"], prediction) == prediction
    assert {prediction["features_id"] for prediction in said.values()} == set(served)
    assert {prediction["source"] for prediction in said.values()} == {"model"}
    for prediction in said.values():
        assert 0 < float(str(prediction["probability"])) < 1
        assert len(prediction["reasons"]) == 3  # type: ignore[arg-type]


def _log(bootstrap: str) -> dict[int, list[looks.Record]]:
    return looks.raw_log(stages.read_all(bootstrap, topics.LIFECYCLE.name))


def _served(bootstrap: str) -> dict[str, dict[str, object]]:
    return looks.served(stages.read_all(bootstrap, topics.FEATURES.name))
