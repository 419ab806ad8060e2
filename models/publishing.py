"""A trained model as a folder that people can read and machines can load."""

import json
from pathlib import Path
from typing import Any

from models.artefact import Artefact, golden_vectors, load, save
from models.card import card
from models.plots import write_plots
from models.recalibration import Recalibration
from models.recipe import Trained


def republish(folder: Path, old: Artefact, new: Recalibration) -> Artefact:
    """The model with its new numbers; its figures stay those of the training."""
    golden = golden_vectors(old.manifest, old.model.spec)
    source = {"recalibrated": {"from": old.version, **new.figures}}
    return publish(folder, Trained(new.model, golden, old.manifest["about"]), source)


def publish(folder: Path, trained: Trained, source: dict[str, Any]) -> Artefact:
    """Writes artefact, card (Markdown, JSON) and plots; `source` says what it was made of."""
    about = {**trained.about, **source}
    save(folder, trained.model, trained.golden, about)
    artefact = load(folder, probe=False)
    plots = write_plots(folder, about["test"])
    (folder / "card.md").write_text(card(artefact, plots), "utf-8")
    document = {"version": artefact.version, **about}
    (folder / "card.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return artefact
