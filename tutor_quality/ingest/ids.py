"""Ids that a file's own values always turn into, so that reading it again changes nothing."""

import re
from uuid import NAMESPACE_DNS, uuid5

NAMESPACE = uuid5(NAMESPACE_DNS, "tutor-quality")

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def is_uuid(value: str) -> bool:
    """Only the usual form with four hyphens, in either case."""
    return _UUID.fullmatch(value.lower()) is not None


def derived_id(name: str, *parts: str) -> str:
    return str(uuid5(NAMESPACE, ":".join((name, *parts))))


def entity_id(name: str, role: str, value: str) -> str:
    """A UUID stays, in lower case; anything else becomes one. Role: session, tutor, student."""
    return value.lower() if is_uuid(value) else derived_id(name, role, value)

