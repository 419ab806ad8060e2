import json
import random
from pathlib import Path

import numpy as np
import pytest

from models import artefact as artefacts
from models.card import card
from models.datasets import Dataset
from models.recipe import Trained
from tutor_quality.errors import InvalidInput
from tutor_quality.model_health.standing import MANIFEST

FILES = (MANIFEST, artefacts.TREES, artefacts.LINE)


@pytest.fixture
def folder(tmp_path: Path, trained: Trained) -> Path:
    artefacts.save(tmp_path, trained.model, trained.golden, trained.about)
    return tmp_path


def test_a_model_answers_the_same_after_saving_and_loading(
    folder: Path, trained: Trained, rows: Dataset
) -> None:
    loaded = artefacts.load(folder).model
    assert np.array_equal(loaded.probabilities(rows.x), trained.model.probabilities(rows.x))
    assert loaded.spec == trained.model.spec


@pytest.mark.parametrize("seed", range(40))
def test_an_artefact_with_changed_bytes_is_refused(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = folder / FILES[seed % 3]
    content = bytearray(path.read_bytes())
    if seed % 4 == 0:
        content = content[: rng.randrange(len(content))]
    else:
        for _ in range(1 + seed % 5):
            content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    path.write_bytes(content)
    with pytest.raises(InvalidInput):
        artefacts.load(folder, probe=False)


@pytest.mark.parametrize("name", FILES)
def test_an_artefact_with_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidInput, match=name):
        artefacts.load(folder, probe=False)


def _forged(folder: Path, **changes: object) -> None:
    """A manifest that somebody changed and signed again."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text("utf-8")) | changes
    manifest["sha256"] = artefacts._checksum(manifest)
    path.write_text(json.dumps(manifest), "utf-8")


def test_a_model_of_other_features_is_refused(folder: Path) -> None:
    _forged(folder, fingerprint="0123456789abcdef")
    with pytest.raises(InvalidInput, match="computes differently"):
        artefacts.load(folder, probe=False)


def test_a_model_that_answers_differently_than_when_saved_is_refused(folder: Path) -> None:
    _forged(folder, calibrator=[0.5, 1.0])
    with pytest.raises(InvalidInput, match="does not answer as it did"):
        artefacts.load(folder, probe=False)


def test_another_programs_artefact_is_refused(folder: Path) -> None:
    _forged(folder, format="somebody-elses/1")
    with pytest.raises(InvalidInput, match="another kind of model"):
        artefacts.load(folder, probe=False)


def test_the_card_names_the_version_and_shows_the_figures(folder: Path) -> None:
    artefact = artefacts.load(folder, probe=False)
    text = card(artefact)
    assert artefact.version in text
    assert f"{artefact.manifest['about']['test']['auc']:.4f}" in text
