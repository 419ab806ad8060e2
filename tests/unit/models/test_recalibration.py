"""Two numbers fitted to outcomes, and when they are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.artefact import save
from models.publishing import republish
from models.recalibration import FEWEST, recalibrated
from models.recipe import Trained
from tutor_quality.errors import InvalidInput
from tutor_quality.model_health.logits import Calibrator, logistic


def outcomes(
    trained: Trained, n: int, *, shift: float, slope: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Raw logits, and labels of a world that has moved away from the model's calibration."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(-1.8, 1.0, n)
    truth = shift + slope * trained.model.calibrator(raw)
    return raw, (rng.random(n) < logistic(truth)).astype(np.int8)


def test_a_world_that_has_moved_is_followed(trained: Trained) -> None:
    found = recalibrated(trained.model, *outcomes(trained, 8_000, shift=0.6))
    old, new = trained.model.calibrator, found.model.calibrator
    assert new.shift - old.shift == pytest.approx(0.6, abs=0.15)
    assert found.log_loss_after < found.log_loss_before


def test_where_nothing_has_moved_nothing_is_set_right(trained: Trained) -> None:
    refused = 0
    for seed in range(20):
        try:
            recalibrated(trained.model, *outcomes(trained, 3_000, shift=0.0, seed=seed))
        except InvalidInput as error:
            assert "nothing to set right" in str(error)
            refused += 1
    assert refused >= 15


def test_a_handful_of_outcomes_is_refused(trained: Trained) -> None:
    with pytest.raises(InvalidInput, match="too few outcomes"):
        recalibrated(trained.model, *outcomes(trained, FEWEST - 1, shift=1.0))


def test_another_world_asks_for_another_model(trained: Trained) -> None:
    with pytest.raises(InvalidInput, match="train a new model"):
        recalibrated(trained.model, *outcomes(trained, 20_000, shift=4.0))


def test_corrections_add_up(trained: Trained) -> None:
    model = replace(trained.model, calibrator=Calibrator(0.5, 1.2))
    moved = replace(trained, model=model)
    found = recalibrated(model, *outcomes(moved, 8_000, shift=-0.4, slope=0.9))
    assert found.model.calibrator.slope == pytest.approx(1.2 * 0.9, abs=0.15)


def test_the_new_version_says_where_it_comes_from(tmp_path: Path, trained: Trained) -> None:
    old = save(tmp_path / "old", trained.model, trained.golden, trained.about)
    found = recalibrated(trained.model, *outcomes(trained, 8_000, shift=0.6))
    new = republish(tmp_path / "new", old, found)
    assert new.version != old.version
    assert new.manifest["about"]["recalibrated"]["from"] == old.version
    assert f"those of version `{old.version}`" in (tmp_path / "new" / "card.md").read_text("utf-8")
    assert new.model.calibrator == found.model.calibrator
