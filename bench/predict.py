"""python -m bench.predict: predictions a second of one core, in the steps of the predict stage.

A simulated platform is folded; then every upcoming slot is looked at again and again.
"""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import TypeVar

import numpy as np

from models.registry import Registry
from streams import compiled
from streams.predict_outputs import PredictOutputs
from streams.predict_protocol import AT_ONCE
from streams.predict_rows import Look, PredictRows, Reason
from streams.predictor import Levels, Prediction, Predictor, Vectors, cast
from tutor_quality.settings import Settings
from tutor_quality.simulation import SimulationConfig, simulate

DAY_MS = 86_400_000
START = 1_700_000_000_000
ROUNDS = 5
T = TypeVar("T")


def main() -> None:
    compiled.keep(Settings())
    compiled.use_everything()
    with TemporaryDirectory() as folder:
        found = cast(Registry(Path(folder)), None)
    assert found.champion is not None
    predictor = Predictor(found, found.champion.model.spec)
    rows, fold_seconds = _folded(predictor)
    cpu = dict.fromkeys(("features", "predict_with_reasons", "records"), 0.0)
    looked = 0
    for _ in range(ROUNDS):
        looking = rows.look_again(Reason.CATCH_UP)
        while some := _timed(cpu, "features", lambda: list(islice(looking, AT_ONCE))):  # noqa: B023
            looked += len(some)
            _answer(some, predictor, rows, cpu)
    total = sum(cpu.values())
    micros = {name: round(seconds / looked * 1e6, 1) for name, seconds in cpu.items()}
    without_records = total - cpu["records"]
    print(
        json.dumps(
            {
                "looks": looked,
                "microseconds_each": micros,
                "per_cpu_second": round(looked / without_records),
                "per_cpu_second_with_records": round(looked / total),
                "fold_microseconds_an_event": round(fold_seconds, 1),
            },
            indent=2,
        )
    )


def _folded(predictor: Predictor) -> tuple[PredictRows, float]:
    """Rows of a platform of 50,000 events, and the CPU time of an event."""
    config = SimulationConfig(
        start_ms=START, end_ms=START + 120 * DAY_MS, live_days=30, tutors=150, events=50_000
    )
    told = [one for one in simulate(config, np.random.default_rng(1)) if one[0] < config.end_ms]
    rows = PredictRows(predictor.spec, generation=1)
    began = process_time()
    list(rows.fold((n, at, e.tutor_id.encode(), e) for n, (at, e) in enumerate(told)))
    rows.live = True
    return rows, (process_time() - began) / len(told) * 1e6


def _answer(
    some: list[Look], predictor: Predictor, rows: PredictRows, cpu: dict[str, float]
) -> None:
    x = np.array([look.vector for look in some], np.float32)
    answers = _timed(cpu, "predict_with_reasons", lambda: predictor.answer(x))
    outputs = PredictOutputs(1, rows.version.fingerprint, Levels(0.15, 0.35))
    _timed(cpu, "records", lambda: _records(outputs, some, x, answers))


def _records(
    outputs: PredictOutputs, some: list[Look], x: Vectors, answers: list[Prediction]
) -> None:
    ids = outputs.ids(some)
    outputs.features(some, ids, x)
    outputs.predictions(some, ids, answers)


def _timed(cpu: dict[str, float], name: str, work: Callable[[], T]) -> T:
    began = process_time()
    done = work()
    cpu[name] += process_time() - began
    return done


if __name__ == "__main__":
    main()
