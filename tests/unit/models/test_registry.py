"""Versions side by side, and which of them serves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.artefact import save
from models.publishing import publish
from models.recipe import Trained
from models.registry import Registry
from tutor_quality.errors import InvalidInput, NotFound
from tutor_quality.model_health.logits import Calibrator
from tutor_quality.model_health.standing import SHIPPED, STANDING, version_of

WHO = {"by": "ann", "why": "a test"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> tuple[Path, str, str]:
    """A registry with two versions of the trained model, of different calibrations."""
    folder = tmp_path_factory.mktemp("filled")
    added = []
    for shift in (0.1, 0.2):
        model = replace(trained.model, calibrator=Calibrator(shift, 1.0))
        save(folder / str(shift), model, trained.golden, trained.about)
        added.append(Registry(folder / "registry").add(folder / str(shift)).version)
    return folder / "registry", added[0], added[1]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


@pytest.fixture
def versions(registry: Registry, filled: tuple[Path, str, str]) -> tuple[str, str]:
    """In `registry`."""
    source, one, two = filled
    shutil.copytree(source, registry.folder)
    return one, two


def test_before_anything_is_promoted_the_shipped_model_serves(registry: Registry) -> None:
    standing = registry.standing()
    assert standing.champion == version_of(SHIPPED)
    assert registry.load(standing.champion).version == standing.champion
    assert not registry.folder.exists()


def test_the_shipped_model_knows_this_versions_features_and_beats_the_base_rate() -> None:
    artefact = Registry(Path("nowhere")).load(version_of(SHIPPED))
    test = artefact.manifest["about"]["test"]
    assert test["log_loss"] < test["base_rate_log_loss"] - 0.05
    assert artefact.manifest["about"]["source"].startswith("world")


def test_a_promoted_version_serves_and_a_rollback_brings_the_one_before_back(
    registry: Registry, versions: tuple[str, str]
) -> None:
    one, two = versions
    registry.promote(one, at=1, **WHO)
    assert registry.promote(two, at=2, **WHO).previous == one
    assert registry.standing().champion == two
    assert registry.rollback(at=3, **WHO).champion == one
    assert [change.champion for change in registry.standing().changes] == [one, two, one]


def test_the_first_promotion_can_be_rolled_back_to_the_shipped_model(
    registry: Registry, versions: tuple[str, str]
) -> None:
    registry.promote(versions[0], at=1, **WHO)
    assert registry.rollback(at=2, **WHO).champion == version_of(SHIPPED)


def test_without_an_earlier_champion_there_is_nothing_to_go_back_to(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="no other champion"):
        registry.rollback(at=1, **WHO)


def test_a_challenger_stands_beside_the_champion_until_it_is_promoted_or_ended(
    registry: Registry, versions: tuple[str, str]
) -> None:
    one, two = versions
    registry.promote(one, at=1, **WHO)
    registry.challenge(two, at=2, **WHO)
    assert (registry.standing().champion, registry.standing().challenger) == (one, two)
    assert registry.promote(two, at=3, **WHO).challenger is None
    registry.challenge(one, at=4, **WHO)
    assert registry.challenge(None, at=5, **WHO).challenger is None


def test_the_champion_cannot_challenge_itself(
    registry: Registry, versions: tuple[str, str]
) -> None:
    registry.promote(versions[0], at=1, **WHO)
    with pytest.raises(InvalidInput, match="another version"):
        registry.challenge(versions[0], at=2, **WHO)


def test_a_version_that_may_not_be_used_is_not_promoted(
    registry: Registry, versions: tuple[str, str]
) -> None:
    (registry.folder / "versions" / versions[0] / "trees.ubj").write_bytes(b"nonsense")
    with pytest.raises(InvalidInput, match="damaged"):
        registry.promote(versions[0], at=1, **WHO)
    assert registry.standing().champion == version_of(SHIPPED)


@pytest.mark.parametrize("name", ["", "..", "../../etc", "0123456789ab"])
def test_a_version_that_nobody_registered_is_not_found(registry: Registry, name: str) -> None:
    with pytest.raises(NotFound):
        registry.load(name)


def test_a_folder_that_holds_another_version_is_refused(
    registry: Registry, versions: tuple[str, str]
) -> None:
    one, two = (registry.folder / "versions" / version for version in versions)
    shutil.rmtree(one)
    shutil.copytree(two, one)
    with pytest.raises(InvalidInput, match=versions[1]):
        registry.load(versions[0])


def test_a_damaged_record_of_standings_says_what_to_do(registry: Registry) -> None:
    registry.folder.mkdir(parents=True)
    (registry.folder / STANDING).write_text('[{"champion": 1}]')
    with pytest.raises(InvalidInput, match="delete it to serve the shipped model"):
        registry.standing()


def test_a_published_model_has_a_card_to_read_and_plots_to_see(
    tmp_path: Path, trained: Trained
) -> None:
    artefact = publish(tmp_path, trained, {"source": "a test"})
    card = (tmp_path / "card.md").read_text("utf-8")
    document = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert document["version"] == artefact.version
    assert {"auc", "ece", "slope", "o_e"} <= set(document["test"]["intervals_90"])
    for plot in ("reliability.png", "precision_recall.png", "lead_bands.png"):
        assert f"({plot})" in card
        assert (tmp_path / plot).read_bytes().startswith(b"\x89PNG")


def test_profiles_describe_the_training_set(trained: Trained) -> None:
    profiles = trained.about["profiles"]
    weekend = profiles["1 to 3 days"]["is_weekend"]
    assert sum(weekend["shares"]) == pytest.approx(1, abs=1e-3)
    assert weekend["edges"] in ([0.0, 1.0], [1.0])
    assert np.isfinite(
        [share for band in profiles.values() for p in band.values() for share in p["shares"]]
    ).all()
