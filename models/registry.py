"""Versions of the model side by side, and which of them serves."""

import shutil
from pathlib import Path

from models.artefact import Artefact, load
from tutor_quality.errors import InvalidInput
from tutor_quality.model_health import standing as places
from tutor_quality.model_health.standing import Change, Standing


class Registry:
    """A folder that the commands, the predict stage and the API share; made when first written.

    Without any change on record the shipped model is champion.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def standing(self) -> Standing:
        """Raises InvalidInput if the record is damaged."""
        return places.standing(self.folder)

    def versions(self) -> list[str]:
        return places.versions(self.folder)

    def load(self, version: str) -> Artefact:
        """Checked as by `models.artefact.load`.

        Raises NotFound for an unknown version and InvalidInput for one that may not be used.
        """
        folder = places.folder_of(self.folder, version)
        artefact = load(folder)
        if artefact.version != version:
            raise InvalidInput(f"{folder}: it holds version {artefact.version}, not {version}")
        return artefact

    def add(self, source: Path) -> Artefact:
        """Takes a copy of a trained model; one that is there already is left as it is."""
        artefact = load(source)
        target = self.folder / "versions" / artefact.version
        if artefact.version not in self.versions():
            beside = target.with_suffix(".new")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(source, beside)
            beside.rename(target)
        return artefact

    def promote(self, version: str, *, at: int, by: str, why: str) -> Standing:
        """Makes it champion; a challenger of that version has served its term."""
        self.load(version)
        challenger = self.standing().challenger
        return places.change(
            self.folder,
            Change(at, by, version, None if challenger == version else challenger, why),
        )

    def challenge(self, version: str | None, *, at: int, by: str, why: str) -> Standing:
        """Lets it predict unseen beside the champion; None ends that."""
        champion = self.standing().champion
        if version == champion:
            raise InvalidInput(f"{version} is the champion; a challenger is another version")
        if version is not None:
            self.load(version)
        return places.change(self.folder, Change(at, by, champion, version, why))

    def rollback(self, *, at: int, by: str, why: str) -> Standing:
        """Back to the champion before this one. Raises InvalidInput if there was none."""
        previous = self.standing().previous
        if previous is None:
            raise InvalidInput("there was no other champion before this one")
        return self.promote(previous, at=at, by=by, why=why)
