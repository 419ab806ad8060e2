"""Which version serves: a small file in the registry that only ever grows by changes.

    registry/standing.json              the changes, newest last
    registry/versions/<version>/        artefacts with their cards

The file is the truth; the command on the topic is the bell that makes stages look at it. So a
bell that is heard twice, late or out of order changes nothing.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tutor_quality.errors import InvalidInput, NotFound

SHIPPED = Path(__file__).parents[2] / "models" / "shipped" / "reschedule"
"""The artefact that travels with the product: champion until another one is promoted."""
MANIFEST = "manifest.json"
VERSION_LENGTH = 12
STANDING = "standing.json"


@dataclass(frozen=True, slots=True)
class Change:
    """Who serves from then on, and why."""

    at: int
    """ms"""
    by: str
    champion: str
    challenger: str | None
    """Predicts on the same vectors; nobody is shown its answers."""
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    champion: str
    challenger: str | None
    changes: tuple[Change, ...]
    """Oldest first; empty = the shipped model serves."""

    def role_of(self, version: str) -> str | None:
        """champion or challenger; None = neither."""
        if version == self.champion:
            return "champion"
        return "challenger" if version == self.challenger else None

    @property
    def previous(self) -> str | None:
        """The champion before this one; None = there was none."""
        earlier = [version_of(SHIPPED), *(change.champion for change in self.changes)]
        return next((v for v in reversed(earlier) if v != self.champion), None)


def standing(registry: Path) -> Standing:
    """Raises InvalidInput if the file is damaged."""
    path = registry / STANDING
    try:
        changes = tuple(Change(**change) for change in json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Standing(version_of(SHIPPED), None, ())
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(f"{path}: damaged: {error}; delete it to serve the shipped model") from (
            error
        )
    if not changes:
        return Standing(version_of(SHIPPED), None, ())
    return Standing(changes[-1].champion, changes[-1].challenger, changes)


def change(registry: Path, new: Change) -> Standing:
    """Appends a change; readers see the old or the new file, never half of one."""
    registry.mkdir(parents=True, exist_ok=True)
    with _alone(registry):
        changes = (*standing(registry).changes, new)
        beside = registry / f"{STANDING}.new"
        beside.write_text(json.dumps([asdict(change) for change in changes], indent=1) + "\n")
        beside.replace(registry / STANDING)
    return Standing(new.champion, new.challenger, changes)


def folder_of(registry: Path, version: str) -> Path:
    """Raises NotFound for a version that nobody registered."""
    if version == version_of(SHIPPED):
        return SHIPPED
    folder = registry / "versions" / version
    if not version.isalnum() or not folder.is_dir():
        raise NotFound(f"no model {version!r} in {registry}; `tq models ls` lists them")
    return folder


def versions(registry: Path) -> list[str]:
    """The shipped one first, then those of the registry by name."""
    found = sorted(path.name for path in (registry / "versions").glob("*") if path.is_dir())
    shipped = version_of(SHIPPED)
    return [shipped, *(version for version in found if version != shipped)]


def manifest_of(folder: Path) -> dict[str, Any]:
    """Unchecked: to show it. `models.artefact.load` checks what is to be used.

    Raises InvalidInput if there is none, or none that can be read.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path}: no model there: {error.strerror}; train one") from error
    except ValueError as error:
        raise InvalidInput(f"{path}: damaged: not JSON; train the model again") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("sha256"), str):
        raise InvalidInput(f"{path}: another kind of file, not a model's manifest")
    return manifest


def version_of(folder: Path) -> str:
    """Names exactly this model: the start of its manifest's checksum."""
    return str(manifest_of(folder)["sha256"])[:VERSION_LENGTH]


@contextmanager
def _alone(registry: Path) -> Iterator[None]:
    with (registry / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
