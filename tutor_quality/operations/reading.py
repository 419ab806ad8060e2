"""A refused value, as far as it can be read."""

from dataclasses import dataclass
from typing import Any

from schemas import codec
from schemas.binary import AvroReader
from schemas.forms import compile_record
from schemas.registry import HEADER_BYTES, release_of, schema_id_of
from tutor_quality.errors import UndecodableRecord


@dataclass(frozen=True, slots=True)
class Reading:
    schema: str | None
    """Subject and version by the value's header, or that it is JSON; None = not recognised."""
    fields: dict[str, Any]
    """Those before the first one that cannot be read."""
    problem: str | None
    """What stopped the reading; None = all was read."""


def read_value(value: bytes | None) -> Reading:
    if value is None:
        return Reading(None, {}, "a tombstone: there is no value")
    try:
        if value[:1] == b"{":
            return Reading("JSON", codec.json_object(value), None)
        return _read_avro(value)
    except UndecodableRecord as error:
        return Reading(None, {}, str(error))


def _read_avro(value: bytes) -> Reading:
    release = release_of(schema_id_of(value))
    name = f"{release.subject} version {release.version}"
    reader, fields = AvroReader(value, HEADER_BYTES), {}
    for field, form in compile_record(release.schema()).fields:
        try:
            fields[field] = form.read(reader)
        except UndecodableRecord as error:
            where = f"{field}, at byte {reader.position}: {error}"
            return Reading(name, fields, where)
    left = len(value) - reader.position
    return Reading(name, fields, f"{left} bytes after the end" if left else None)
