"""What the releases promise: files that never change, versions that read one another.

Needs the `avro` package of the development tools; nothing that runs in production imports this.
"""

import json
from collections.abc import Iterator
from itertools import combinations

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.forms import compile_record
from schemas.registry import FOLDER, Release, fingerprint, releases
from tutor_quality.errors import ConfigurationError


def problems() -> list[str]:
    """Sentences that say what is wrong with the releases and how to mend it."""
    return [*_misnumbered(), *_unlisted(), *_changed(), *_unreadable(), *_incompatible()]


def disagreements(older: object, newer: object) -> list[str]:
    """Why one of two schemas cannot read what the other wrote, in either direction."""
    schemas = parse(json.dumps(older)), parse(json.dumps(newer))
    return [*_cannot_read(*schemas), *_cannot_read(*reversed(schemas))]


def _cannot_read(reader: object, writer: object) -> list[str]:
    verdict = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
    if verdict.compatibility is SchemaCompatibilityType.compatible:
        return []
    return sorted(verdict.messages)


def _misnumbered() -> Iterator[str]:
    ids = [release.id for release in releases()]
    if ids != list(range(1, len(ids) + 1)):
        yield f"ids in index.json are {ids}: append with the next number, never reuse one"
    for subject in {release.subject for release in releases()}:
        versions = [release.version for release in releases() if release.subject == subject]
        if versions != list(range(1, len(versions) + 1)):
            yield f"versions of {subject} are {versions}: number them 1, 2, 3 in order"


def _unlisted() -> Iterator[str]:
    listed = {release.file for release in releases()}
    for path in sorted((FOLDER / "avro").glob("*.avsc")):
        if path.name not in listed:
            yield f"{path.name} is not in index.json: append it with the next id"


def _changed() -> Iterator[str]:
    for release in releases():
        found = fingerprint(release.schema())
        if found != release.sha256:
            yield (
                f"{release.file} of id {release.id} is not what was released: put it back and add "
                f"the change as a new version (a file never released has the sha256 {found})"
            )


def _unreadable() -> Iterator[str]:
    for release in releases():
        try:
            compile_record(release.schema())
        except ConfigurationError as error:
            yield f"{release.file}: {error}"


def _incompatible() -> Iterator[str]:
    for older, newer in combinations(releases(), 2):
        if older.subject == newer.subject:
            yield from _disagreements_of(older, newer)


def _disagreements_of(older: Release, newer: Release) -> Iterator[str]:
    for reason in disagreements(older.schema(), newer.schema()):
        yield f"{newer.file} and {older.file} cannot read each other: {reason}"
