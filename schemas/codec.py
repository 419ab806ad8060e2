"""Encodes and decodes records of every schema; `schemas/lifecycle` is the fast way for events.

Records are plain: timestamps are ms since the epoch, UUIDs are strings in lower case.
"""

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import fastavro
import orjson

from schemas.binary import AvroReader
from schemas.forms import Record, compile_record
from schemas.registry import (
    HEADER_BYTES,
    MAX_VALUE_BYTES,
    header,
    latest,
    release_of,
    schema_id_of,
)
from tutor_quality.errors import UndecodableRecord

JSON_ACCEPTED = frozenset({"session_event", "tutor_profile", "student_profile"})
"""Schemas of topics that others write to, where a value may be JSON instead."""


def encode(name: str, record: Mapping[str, object]) -> bytes:
    """With the header. A record that does not fit its schema is a ValueError or TypeError."""
    release = latest(name)
    out = io.BytesIO()
    out.write(header(release.id))
    fastavro.schemaless_writer(out, _writer_schema(release.id), record, strict_allow_default=True)
    return out.getvalue()


def decode(name: str, value: bytes) -> dict[str, Any]:
    """A record in the form of the latest version; raises UndecodableRecord."""
    if len(value) > MAX_VALUE_BYTES:
        raise UndecodableRecord(f"{len(value)} bytes: at most {MAX_VALUE_BYTES} are allowed")
    if value[:1] == b"{" and name in JSON_ACCEPTED:
        return _form(latest(name).id).take("the value", json_object(value))
    return _decode_avro(name, value)


def json_object(value: bytes) -> dict[str, object]:
    """The object, or the `data` of a CloudEvents envelope around it."""
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UndecodableRecord(f"not JSON: {error}") from None
    if isinstance(parsed, dict) and "specversion" in parsed:
        parsed = parsed.get("data")
    if not isinstance(parsed, dict):
        raise UndecodableRecord("the JSON is not an object")
    return parsed


def _decode_avro(name: str, value: bytes) -> dict[str, Any]:
    schema_id = schema_id_of(value)
    if release_of(schema_id).subject != name:
        raise UndecodableRecord(f"schema id {schema_id} is no version of {name}")
    reader = AvroReader(value, HEADER_BYTES)
    record = _form(schema_id).read(reader)
    reader.finish()
    if schema_id == latest(name).id:
        return record
    return _form(latest(name).id).take("the value", record)


@cache
def _form(schema_id: int) -> Record:
    """Of a released id only: the cache must not grow by what hostile records name."""
    return compile_record(release_of(schema_id).schema())


@cache
def _writer_schema(schema_id: int) -> Any:
    return fastavro.parse_schema(_without_logical_types(release_of(schema_id).schema()))


def _without_logical_types(schema: Any) -> Any:
    """fastavro would want datetimes and UUID objects for them."""
    if isinstance(schema, dict):
        return {
            key: _without_logical_types(value)
            for key, value in schema.items()
            if key != "logicalType"
        }
    if isinstance(schema, list):
        return [_without_logical_types(item) for item in schema]
    return schema
