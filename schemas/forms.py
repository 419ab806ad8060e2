"""Types of the schemas: how each is read from Avro's bytes and how it is taken from JSON.

Only what our schemas use exists. What could make a reader run away (recursive types, arrays of
nulls, decimals, maps) is refused when a schema is compiled.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from schemas.binary import INT_LIMIT, AvroReader
from tutor_quality.errors import ConfigurationError, UndecodableRecord

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
FIRST_MOMENT = -62_135_596_800_000
LAST_MOMENT = 253_402_300_799_999
"""Years 1 to 9999: what Python and Postgres can hold."""
LONG_LIMIT = 1 << 63


class Form(Protocol):
    """A type. Both methods raise UndecodableRecord; `name` is the field, for the message."""

    def read(self, reader: AvroReader) -> Any: ...

    def take(self, name: str, value: object) -> Any: ...


class Boolean:
    def read(self, reader: AvroReader) -> bool:
        return reader.boolean()

    def take(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise UndecodableRecord(f"{name} is not true or false")
        return value


class Int:
    def read(self, reader: AvroReader) -> int:
        return reader.int()

    def take(self, name: str, value: object) -> int:
        return _whole(name, value, INT_LIMIT)


class Long:
    def read(self, reader: AvroReader) -> int:
        return reader.long()

    def take(self, name: str, value: object) -> int:
        return _whole(name, value, LONG_LIMIT)


class Double:
    def read(self, reader: AvroReader) -> float:
        return reader.double()

    def take(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UndecodableRecord(f"{name} is not a number")
        return float(value)


class Text:
    """Without NUL, which Postgres cannot hold."""

    def read(self, reader: AvroReader) -> str:
        return self._without_nul("a string", reader.string())

    def take(self, name: str, value: object) -> str:
        return self._without_nul(name, _text(name, value))

    def _without_nul(self, name: str, text: str) -> str:
        if "\0" in text:
            raise UndecodableRecord(f"{name} contains a NUL character")
        return text


class Bytes:
    """Of topics that only we write: there is no JSON form."""

    def read(self, reader: AvroReader) -> bytes:
        return reader.bytes()

    def take(self, name: str, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise UndecodableRecord(f"{name} has no JSON form")
        return value


class Uuid:
    """A string of 36 characters, given in any case and held in lower case."""

    def read(self, reader: AvroReader) -> str:
        return _uuid("a uuid", reader.string())

    def take(self, name: str, value: object) -> str:
        return _uuid(name, _text(name, value))


class Timestamp:
    """Milliseconds since the epoch; in JSON also ISO 8601 with a zone."""

    def read(self, reader: AvroReader) -> int:
        return _moment("a timestamp", reader.long())

    def take(self, name: str, value: object) -> int:
        if isinstance(value, str):
            return _milliseconds(name, value)
        return _moment(name, _whole(name, value, LONG_LIMIT))


@dataclass(frozen=True, slots=True)
class Enum:
    symbols: tuple[str, ...]

    def read(self, reader: AvroReader) -> str:
        return self.symbols[reader.index(len(self.symbols))]

    def take(self, name: str, value: object) -> str:
        if value not in self.symbols:
            raise UndecodableRecord(f"{name} is none of {', '.join(self.symbols)}")
        return str(value)


@dataclass(frozen=True, slots=True)
class Nullable:
    """A union of null and something, null first."""

    form: Form

    def read(self, reader: AvroReader) -> Any:
        return self.form.read(reader) if reader.present() else None

    def take(self, name: str, value: object) -> Any:
        return None if value is None else self.form.take(name, value)


@dataclass(frozen=True, slots=True)
class Array:
    """Every item takes a byte or more, so that the value's length bounds their number."""

    item: Form

    def read(self, reader: AvroReader) -> list[Any]:
        items: list[Any] = []
        while count := reader.long():
            if count < 0:
                count = -count
                reader.long()  # The block's size in bytes, which only skipping would use.
            if count > reader.remaining():
                raise UndecodableRecord(f"an array of {count} items does not fit into the value")
            items += [self.item.read(reader) for _ in range(count)]
        return items

    def take(self, name: str, value: object) -> list[Any]:
        if not isinstance(value, list):
            raise UndecodableRecord(f"{name} is not a list")
        return [self.item.take(f"{name}[{place}]", item) for place, item in enumerate(value)]


@dataclass(frozen=True, slots=True)
class Record:
    fields: tuple[tuple[str, Form], ...]
    defaults: dict[str, object]

    def read(self, reader: AvroReader) -> dict[str, Any]:
        return {name: form.read(reader) for name, form in self.fields}

    def take(self, name: str, value: object) -> dict[str, Any]:
        """Unknown fields are ignored: they may belong to a later version."""
        if not isinstance(value, dict):
            raise UndecodableRecord(f"{name} is not an object")
        return {field: self._field(field, form, value) for field, form in self.fields}

    def _field(self, field: str, form: Form, value: dict[str, object]) -> Any:
        if field in value:
            return form.take(field, value[field])
        if field not in self.defaults:
            raise UndecodableRecord(f"{field} is missing")
        return self.defaults[field]


PLAIN: dict[tuple[str, str | None], Form] = {
    ("boolean", None): Boolean(),
    ("int", None): Int(),
    ("long", None): Long(),
    ("double", None): Double(),
    ("string", None): Text(),
    ("bytes", None): Bytes(),
    ("string", "uuid"): Uuid(),
    ("long", "timestamp-millis"): Timestamp(),
}


def compile_record(schema: dict[str, Any]) -> Record:
    """Raises ConfigurationError for a construct that our readers do not allow."""
    form = _compile(schema, {})
    if not isinstance(form, Record):
        raise ConfigurationError("a schema of a topic must be a record")
    return form


def _compile(schema: Any, named: dict[str, Form]) -> Form:
    """`named` holds the types complete so far: a recursive one is not among them."""
    if isinstance(schema, list):
        return _compile_union(schema, named)
    if isinstance(schema, str):
        schema = {"type": schema}
    kind = schema["type"]
    if plain := PLAIN.get((kind, schema.get("logicalType"))) or named.get(kind):
        return plain
    if kind == "array":
        return Array(_compile(schema["items"], named))
    if kind == "enum":
        named[schema["name"]] = enum = Enum(tuple(schema["symbols"]))
        return enum
    if kind == "record":
        named[schema["name"]] = record = _compile_fields(schema["fields"], named)
        return record
    raise ConfigurationError(f"schemas may not use {schema!r}")


def _compile_union(branches: Sequence[Any], named: dict[str, Form]) -> Form:
    if len(branches) != 2 or branches[0] != "null" or branches[1] == "null":
        raise ConfigurationError(f"a union must be null and one other type: {branches!r}")
    return Nullable(_compile(branches[1], named))


def _compile_fields(fields: Sequence[dict[str, Any]], named: dict[str, Form]) -> Record:
    if not fields:
        raise ConfigurationError("a record without fields takes no bytes, which arrays rely on")
    return Record(
        tuple((field["name"], _compile(field["type"], named)) for field in fields),
        {field["name"]: field["default"] for field in fields if "default" in field},
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UndecodableRecord(f"{name} is not a string")
    return value


def _uuid(name: str, text: str) -> str:
    lowered = text.lower()
    if UUID.match(lowered) is None:
        raise UndecodableRecord(f"{name} is not a UUID of 36 characters")
    return lowered


def _whole(name: str, value: object, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -limit <= value < limit:
        raise UndecodableRecord(f"{name} is not a whole number of {limit.bit_length()} bits")
    return value


def _moment(name: str, milliseconds: int) -> int:
    if not FIRST_MOMENT <= milliseconds <= LAST_MOMENT:
        raise UndecodableRecord(f"{name} is not within the years 1 to 9999")
    return milliseconds


def _milliseconds(name: str, text: str) -> int:
    """What is finer than a millisecond is cut off."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UndecodableRecord(f"{name} is not a time in ISO 8601") from None
    if moment.tzinfo is None:
        raise UndecodableRecord(f"{name} has no zone: write 2026-01-31T18:00:00Z")
    return (moment - EPOCH) // MILLISECOND
