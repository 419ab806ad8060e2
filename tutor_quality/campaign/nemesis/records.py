"""A record as it stands in a log."""

from typing import NamedTuple

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
    headers: tuple[tuple[str, bytes], ...] = ()
