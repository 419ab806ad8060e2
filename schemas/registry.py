"""The released schemas: every version has an id that never changes and is never used again.

The wire format is Confluent's: a zero byte, the schema id as 4 bytes big-endian, the Avro body.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tutor_quality.errors import ConfigurationError, UndecodableRecord

FOLDER = Path(__file__).parent
HEADER_BYTES = 5
MAX_VALUE_BYTES = 64 << 10
"""Of any record that is decoded; the longest legal session event has 43 kB."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one subject; `sha256` is the fingerprint of its file."""

    subject: str
    version: int
    id: int
    file: str
    sha256: str

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = json.loads((FOLDER / "avro" / self.file).read_text("utf-8"))
        return schema


@cache
def releases() -> tuple[Release, ...]:
    """Every release in the order of ids."""
    rows = json.loads((FOLDER / "index.json").read_text("utf-8"))
    return tuple(Release(**row) for row in rows)


@cache
def versions(subject: str) -> tuple[Release, ...]:
    """Releases of one subject, oldest first."""
    found = tuple(release for release in releases() if release.subject == subject)
    if not found:
        raise ConfigurationError(f"no schema {subject!r}: add its file to schemas/index.json")
    return found


@cache
def latest(subject: str) -> Release:
    """The version that writers write."""
    return versions(subject)[-1]


def release_of(schema_id: int) -> Release:
    """Raises UndecodableRecord for an id that was never released."""
    release = _by_id().get(schema_id)
    if release is None:
        raise UndecodableRecord(f"schema id {schema_id} is not in schemas/index.json")
    return release


@cache
def _by_id() -> dict[int, Release]:
    return {release.id: release for release in releases()}


def header(schema_id: int) -> bytes:
    """The first bytes of every value of this schema."""
    return b"\0" + schema_id.to_bytes(4, "big")


def schema_id_of(value: bytes) -> int:
    """Reads the header; raises UndecodableRecord when there is none."""
    if len(value) < HEADER_BYTES or value[0] != 0:
        raise UndecodableRecord(
            "no Confluent header: a value starts with a zero byte and a schema id, or with '{'"
        )
    return int.from_bytes(value[1:HEADER_BYTES], "big")


def fingerprint(schema: object) -> str:
    """SHA-256 of all that readers and writers act on; documentation may still be mended."""
    canonical = json.dumps(_without_docs(schema), separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without_docs(schema: object) -> object:
    if isinstance(schema, dict):
        return {key: _without_docs(value) for key, value in schema.items() if key != "doc"}
    if isinstance(schema, list):
        return [_without_docs(item) for item in schema]
    return schema
