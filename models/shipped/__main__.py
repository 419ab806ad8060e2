"""python -m models.shipped FOLDER: make the shipped model."""

import sys
from pathlib import Path

import numpy as np

from models.datasets import base_rate
from models.publishing import publish
from models.recipe import train
from tutor_quality.features import FeatureSpec, LabelRule
from tutor_quality.features.replay import in_order
from tutor_quality.simulation import SimulationConfig, simulate

WORLD = 7
"""Another one than the demo's, so that the demo shows how the model does with strangers."""
START_MS = 1_735_689_600_000
YEAR_MS = 365 * 86_400_000


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m models.shipped FOLDER")
    config = SimulationConfig(start_ms=START_MS, end_ms=START_MS + YEAR_MS)
    events = in_order(event for _, event in simulate(config, np.random.default_rng(WORLD)))
    rule = LabelRule.tutor_moved()
    trained = train(events, FeatureSpec(rule, base_rate(events, rule)), seed=0)
    source = {"source": f"world {WORLD} of the simulator, 2025", "seed": 0}
    print(publish(Path(sys.argv[1]), trained, source).version)  # noqa: T201


if __name__ == "__main__":
    main()
