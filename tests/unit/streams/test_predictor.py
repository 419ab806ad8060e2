"""Whatever lies in the registry, something answers, and it says what."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from models import artefact as artefacts
from models.ladder import GLOBAL, POSTERIOR, SHRUNK
from models.registry import Registry
from streams.predictor import DEFAULT_SPEC, MODEL, Cast, Levels, Predictor, Vectors, cast
from tutor_quality.features import FeatureSpec
from tutor_quality.model_health import standing as places
from tutor_quality.model_health.standing import SHIPPED, Change

FILES = (places.MANIFEST, artefacts.TREES, artefacts.LINE)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The shipped model stands; another version of it lies beside, as `copied` names it."""
    _copy(tmp_path, {"note": "the same model under another name"})
    return Registry(tmp_path)


def _copy(registry: Path, about: dict[str, str]) -> Path:
    manifest = json.loads((SHIPPED / places.MANIFEST).read_text("utf-8"))
    manifest["about"] = about
    manifest["sha256"] = artefacts._checksum(manifest)
    version: str = manifest["sha256"][: places.VERSION_LENGTH]
    folder = registry / "versions" / version
    shutil.copytree(SHIPPED, folder)
    (folder / places.MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return folder


def _stand(registry: Registry, version: str, challenger: str | None = None) -> None:
    places.change(registry.folder, Change(0, "test", version, challenger, "test"))


def _copied(registry: Registry) -> Path:
    (folder,) = (registry.folder / "versions").iterdir()
    return folder


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return cast(Registry(tmp_path_factory.mktemp("empty")), None)


def some_vectors(spec: FeatureSpec, seed: int, count: int = 20) -> Vectors:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, len(spec.features))).astype(np.float32)
    x[rng.random(x.shape) < 0.2] = np.nan
    return x


def test_the_shipped_model_answers_when_nothing_was_promoted(shipped: Cast) -> None:
    assert shipped.champion is not None and not shipped.degraded
    predictor = Predictor(shipped, shipped.champion.model.spec)
    answers = predictor.answer(some_vectors(predictor.spec, 1))
    assert {answer.source for answer in answers} == {MODEL}
    assert {answer.version for answer in answers} == {places.version_of(SHIPPED)}
    assert predictor.shadow(some_vectors(predictor.spec, 1)) == []


@pytest.mark.parametrize("seed", range(40))
def test_over_a_mutated_artefact_the_ladder_answers_and_says_why(
    registry: Registry, shipped: Cast, seed: int
) -> None:
    folder = _copied(registry)
    _stand(registry, folder.name)
    _mutate(folder / FILES[seed % 3], random.Random(seed))
    found = cast(registry, None)
    assert found.champion is None
    assert found.degraded and found.why
    predictor = Predictor(found, DEFAULT_SPEC)
    for answer in predictor.answer(some_vectors(DEFAULT_SPEC, seed)):
        assert answer.source in (POSTERIOR, SHRUNK, GLOBAL)
        assert 0 < answer.probability < 1

    kept = cast(registry, shipped)
    assert kept.champion is shipped.champion, "the last good model goes on"
    assert kept.degraded and kept.wanted == folder.name


def _mutate(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    kind = rng.randrange(4)
    if kind == 0:
        path.unlink()
        return
    if kind == 1:
        del content[rng.randrange(len(content)) :]
    elif kind == 2:
        content = bytearray(rng.randbytes(rng.randrange(1, 4096)))
    else:
        for _ in range(rng.randrange(1, 9)):
            content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    path.write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'[{"at": 1}]'])
def test_over_a_damaged_record_of_standing_the_last_good_model_goes_on(
    registry: Registry, shipped: Cast, content: bytes
) -> None:
    (registry.folder / places.STANDING).write_bytes(content)
    assert cast(registry, None).champion is None
    kept = cast(registry, shipped)
    assert kept.degraded and kept.champion is shipped.champion


def test_an_unknown_version_is_degraded_and_a_known_one_mends_it(registry: Registry) -> None:
    _stand(registry, "0123456789ab")
    lost = cast(registry, None)
    assert lost.degraded
    _stand(registry, _copied(registry).name, challenger=places.version_of(SHIPPED))
    mended = cast(registry, lost)
    assert not mended.degraded
    assert mended.champion is not None and mended.champion.version == _copied(registry).name
    predictor = Predictor(mended, mended.champion.model.spec)
    x = some_vectors(predictor.spec, 2)
    champion, challenger = predictor.answer(x), predictor.shadow(x)
    assert [one.probability for one in champion] == [one.probability for one in challenger]
    assert {one.shadow for one in challenger} == {True}
    assert cast(registry, mended) is mended, "nothing is loaded again"


def test_the_ladder_goes_from_the_posterior_to_the_rate_to_the_platform() -> None:
    names = DEFAULT_SPEC.names
    x = np.zeros((3, len(names)), np.float32)
    x[0, names.index("tutor_evidence_180d")] = 4
    x[0, names.index("tutor_effect_180d")] = 1.5
    x[1, names.index("tutor_reschedule_rate_90d")] = 0.5
    x[1, names.index("tutor_total_sessions_90d")] = 10
    answers = Predictor(Cast("none", None, None, "nothing"), DEFAULT_SPEC).answer(x)
    assert [answer.source for answer in answers] == [POSTERIOR, SHRUNK, GLOBAL]
    assert answers[0].probability > 0.15
    assert answers[1].probability == pytest.approx((0.5 * 10 + 0.15 * 10) / 20)
    assert answers[2].probability == pytest.approx(0.15)
    for answer in answers:
        parts = sum(reason.contribution for reason in answer.reasons)
        assert answer.raw_score == pytest.approx(np.log(0.15 / 0.85) + parts, abs=1e-5)


@pytest.mark.parametrize(
    ("probability", "level"),
    [(0.1499, "low"), (0.15, "medium"), (0.3499, "medium"), (0.35, "high")],
)
def test_levels_begin_at_their_thresholds(probability: float, level: str) -> None:
    assert Levels(medium=0.15, high=0.35).of(probability) == level
