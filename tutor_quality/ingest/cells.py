"""From the text of a cell to a value. Each parser says in words what it expected."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from math import isfinite
from typing import TypeVar

from tutor_quality.domain.legality import (
    EARLIEST_MS,
    LATEST_MS,
    MAX_DURATION_MINUTES,
    MAX_RATING,
)

MISSING_NUMBERS = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"})
"""What other programs write where a number is not known."""

TRUE = frozenset({"true", "yes", "t", "y", "1"})
FALSE = frozenset({"false", "no", "f", "n", "0"})

T = TypeVar("T")

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unparsable(ValueError):
    """The message says what the cell should have been."""


def time_parser(timezone: tzinfo, formats: tuple[str, ...]) -> Callable[[str], int]:
    """Text -> milliseconds since the epoch; patterns are tried first, then ISO 8601.

    A local time that the clocks show twice is the first one; one that they skip counts as
    if they had not been moved.
    """

    @lru_cache(maxsize=1 << 16)
    def parse(text: str) -> int:
        moment = _moment(text, formats)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone)
        return _in_range(moment)

    return parse


def _moment(text: str, formats: tuple[str, ...]) -> datetime:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        expected = " or ".join((*formats, "ISO 8601, e.g. 2024-05-01T16:00:00Z"))
        raise Unparsable(f"expected a time ({expected})") from None


def _in_range(moment: datetime) -> int:
    since = moment - _EPOCH
    instant = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    if not EARLIEST_MS <= instant <= LATEST_MS:
        raise Unparsable("expected a time from 1970 to 2199")
    return instant


def number(text: str) -> int | float | None:
    """None = not known."""
    if text in MISSING_NUMBERS:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        value = float(text)
    except ValueError:
        raise Unparsable("expected a number") from None
    if not isfinite(value):
        raise Unparsable("expected a finite number")
    return value


def minutes(text: str) -> int | None:
    """Rounded to whole minutes; None = not known."""
    value = number(text)
    if value is None:
        return None
    if not 0 <= value <= MAX_DURATION_MINUTES:
        raise Unparsable(f"expected minutes from 0 to {MAX_DURATION_MINUTES}")
    return round(value)


def rating(text: str) -> int | None:
    """1 to 5; None = not rated."""
    value = number(text)
    if value is None:
        return None
    if value not in range(1, MAX_RATING + 1):
        raise Unparsable(f"expected a whole rating from 1 to {MAX_RATING}")
    return int(value)


def truth(text: str) -> bool | None:
    """None = not known."""
    word = text.lower()
    if word in ("", *TRUE, *FALSE):
        return None if word == "" else word in TRUE
    raise Unparsable("expected true or false")


def words(longest: int) -> Callable[[str], str | None]:
    """Text of at most so many characters; None = empty."""

    def parse(text: str) -> str | None:
        if len(text) > longest:
            raise Unparsable(f"expected at most {longest} characters")
        return text or None

    return parse


def filled(text: str) -> str:
    if not text:
        raise Unparsable("expected a value; the cell is empty")
    return text


def category(text: str) -> str | None:
    """None = empty."""
    return text or None


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """The same parser, for which an empty cell is None."""
    return lambda text: parse(text) if text else None


CONTEXT: dict[str, Callable[[str], int | float | str | None]] = {
    "number": number,
    "category": category,
}
"""Parsers of context columns by their declared type."""
