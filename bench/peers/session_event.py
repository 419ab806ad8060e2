"""The session event as an expert reads it in Python: fastavro, without logical types, for which it
would make an object each."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

HEADER_BYTES = 5
FILE = Path(__file__).parents[2] / "schemas" / "avro" / "session_event.avsc"
SCHEMA = fastavro.parse_schema(json.loads(FILE.read_text().replace('"logicalType"', '"meant"')))


def decode(value: bytes) -> dict[str, Any]:
    body = BytesIO(value)
    body.seek(HEADER_BYTES)
    event: dict[str, Any] = fastavro.schemaless_reader(body, SCHEMA, None)
    return event
