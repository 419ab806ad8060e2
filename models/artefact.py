"""Models on disk: data only, checked before use.

A folder holds `manifest.json` (what the model is, golden vectors, SHA-256 of everything),
`trees.ubj`, `line.json` and the model card. Nothing in it is ever executed.
"""

import hashlib
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from models.calibration import NewsCurves
from models.linear import Linear
from models.predictor import Model, vectors
from tutor_quality.errors import InvalidInput
from tutor_quality.features import FeatureSpec
from tutor_quality.model_health.logits import Calibrator
from tutor_quality.model_health.standing import MANIFEST, VERSION_LENGTH, manifest_of

FORMAT = "tutor-quality/reschedule/1"
TREES, LINE = "trees.ubj", "line.json"
GOLDEN_TOLERANCE = 1e-5
PROBE_CPU_SECONDS = 60
PROBE_SECONDS = 600
"""On a busy machine the clock on the wall says little about a load that does not end."""


@dataclass(frozen=True, slots=True)
class Artefact:
    model: Model
    manifest: dict[str, Any]

    @property
    def version(self) -> str:
        """Names exactly this model: the start of its manifest's checksum."""
        return str(self.manifest["sha256"])[:VERSION_LENGTH]


def save(
    folder: Path, model: Model, golden: np.ndarray[Any, Any], about: dict[str, Any]
) -> Artefact:
    """Writes the model with golden vectors (n, k); `about` goes into the manifest as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    trees = bytes(model.trees.save_raw("ubj"))
    line = json.dumps(model.line.to_json()).encode()
    manifest = {
        "format": FORMAT,
        "spec": model.spec.to_json(),
        "fingerprint": model.spec.fingerprint,
        "line_share": model.line_share,
        "calibrator": [model.calibrator.shift, model.calibrator.slope],
        "curves": model.curves.to_json(),
        "trained_until": model.trained_until,
        "golden": {
            "vectors": [[None if np.isnan(v) else float(v) for v in row] for row in golden],
            "probabilities": model.probabilities(golden).tolist(),
        },
        "files": {TREES: _sha256(trees), LINE: _sha256(line)},
        "about": about,
    }
    manifest["sha256"] = _checksum(manifest)
    (folder / TREES).write_bytes(trees)
    (folder / LINE).write_bytes(line)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return Artefact(model, manifest)


def load(folder: Path, *, probe: bool = True) -> Artefact:
    """Raises InvalidInput, saying what is wrong, unless the model answers as when it was saved.

    With `probe`, a child process loads it first: trees that were made to crash the library take
    only the child down.
    """
    manifest = _manifest(folder)
    parts = {name: _part(folder, name, sha) for name, sha in manifest["files"].items()}
    if probe:
        _refuse_what_kills(folder)
    try:
        model = _model(manifest, parts)
    except (KeyError, TypeError, ValueError, AssertionError, xgboost.core.XGBoostError) as error:
        raise InvalidInput(f"{folder}: not a model of ours: {error}") from error
    _check_golden(folder, model, manifest)
    return Artefact(model, manifest)


def _manifest(folder: Path) -> dict[str, Any]:
    path, manifest = folder / MANIFEST, manifest_of(folder)
    if manifest.get("format") != FORMAT:
        raise InvalidInput(f"{path}: another kind of model, not {FORMAT}")
    if manifest.get("sha256") != _checksum(manifest):
        raise InvalidInput(f"{path}: damaged: its checksum differs; train the model again")
    return manifest


def _part(folder: Path, name: str, sha: str) -> bytes:
    if name not in (TREES, LINE):
        raise InvalidInput(f"{folder}: its manifest names a foreign file {name!r}")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{folder / name}: missing: {error.strerror}; train again") from error
    if _sha256(content) != sha:
        raise InvalidInput(f"{folder / name}: damaged: its checksum differs; train again")
    return content


def _model(manifest: dict[str, Any], parts: dict[str, bytes]) -> Model:
    spec = FeatureSpec.from_json(manifest["spec"])
    if spec.fingerprint != manifest["fingerprint"]:
        raise ValueError(
            "it was trained on features that this version computes differently; train it again"
        )
    trees = xgboost.Booster({"nthread": 1})
    trees.load_model(bytearray(parts[TREES]))
    if trees.num_features() != len(spec.features):
        raise ValueError("its trees have another number of features")
    shift, slope = manifest["calibrator"]
    return Model(
        spec=spec,
        trees=trees,
        line=Linear.from_json(json.loads(parts[LINE])),
        line_share=float(manifest["line_share"]),
        calibrator=Calibrator(float(shift), float(slope)),
        curves=NewsCurves.from_json(manifest["curves"]),
        trained_until=int(manifest["trained_until"]),
    )


def _check_golden(folder: Path, model: Model, manifest: dict[str, Any]) -> None:
    answers = model.probabilities(golden_vectors(manifest, model.spec))
    if not np.allclose(answers, manifest["golden"]["probabilities"], rtol=0, atol=GOLDEN_TOLERANCE):
        raise InvalidInput(
            f"{folder}: the model does not answer as it did when it was saved; train it again"
        )


def golden_vectors(manifest: dict[str, Any], spec: FeatureSpec) -> np.ndarray[Any, Any]:
    """What `save` was given, (n, k)."""
    rows = manifest["golden"]["vectors"]
    return vectors([[np.nan if v is None else v for v in row] for row in rows], spec)


def _refuse_what_kills(folder: Path) -> None:
    command = [sys.executable, "-m", "models.artefact", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(f"{folder}: loading it does not end") from error
    if done.returncode < 0:
        raise InvalidInput(f"{folder}: loading it kills the process or does not end; train again")


def _checksum(manifest: dict[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return _sha256(json.dumps(rest, sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (PROBE_CPU_SECONDS, PROBE_CPU_SECONDS))
    load(Path(sys.argv[1]), probe=False)
