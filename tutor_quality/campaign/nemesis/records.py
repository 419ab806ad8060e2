"""A record as it stands in a log."""

from typing import NamedTuple

from schemas.packed_records import Header

Place = tuple[str, int]
"""Topic and partition."""


class Stored(NamedTuple):
    """`timestamp` in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
