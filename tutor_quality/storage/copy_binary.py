"""Columns as the bytes of `COPY … (FORMAT binary)`, many rows at a time.

A driver that encodes value by value costs ten times as much as Postgres needs to read them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.columns import NULL_TIME

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
WIRE = {
    "uuid": ("u1", (16,)),
    "timestamptz": (">i8", ()),
    "bigint": (">i8", ()),
    "integer": (">i4", ()),
    "smallint": (">i2", ()),
    "boolean": ("u1", ()),
}
"""SQL type -> numpy type and shape of its binary form."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POSTGRES_EPOCH_MS = 946_684_800_000
MINUS_INFINITY = np.iinfo(np.int64).min
REFUSED_TIME = np.iinfo(np.int64).max - 1
"""No instant to Postgres, which then says "timestamp out of range"."""
GREATEST_MS = 2**63 // 1000 - POSTGRES_EPOCH_MS - 1


def instant(milliseconds: int | None) -> datetime | None:
    """Raises OverflowError beyond the years 1 to 9999."""
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)


def instants(milliseconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """As Postgres counts, NULL_TIME as -infinity; what does not fit is refused by Postgres."""
    micros = (np.clip(milliseconds, -GREATEST_MS, GREATEST_MS) - POSTGRES_EPOCH_MS) * 1000
    micros[np.abs(milliseconds) > GREATEST_MS] = REFUSED_TIME
    micros[milliseconds == NULL_TIME] = MINUS_INFINITY
    return micros


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a staging table: those of fixed width, which hold no null, then the texts."""

    fixed: Mapping[str, str]
    """Column -> SQL type, a key of WIRE."""
    texts: Sequence[str]

    @property
    def columns(self) -> list[str]:
        return [*self.fixed, *self.texts]

    @property
    def types(self) -> dict[str, str]:
        """Column -> SQL type."""
        return {**self.fixed, **dict.fromkeys(self.texts, "text")}

    @property
    def definition(self) -> str:
        return ", ".join(f"{name} {sql_type}" for name, sql_type in self.types.items())

    def encode(
        self, fixed: Mapping[str, NDArray[np.generic]], texts: Sequence[Sequence[str | None]]
    ) -> bytes:
        """One value a row and column; `texts` in the order of the layout."""
        parts = zip(self._fixed_parts(fixed), *map(_text_parts, texts), strict=True)
        return b"".join((SIGNATURE, *(part for row in parts for part in row), TRAILER))

    def _fixed_parts(self, values: Mapping[str, NDArray[np.generic]]) -> list[bytes]:
        """Per row: number of columns, then each value behind its length."""
        dtype = self._row_type()
        rows = np.zeros(len(next(iter(values.values()))), dtype)
        rows["columns"] = len(self.columns)
        for name in self.fixed:
            rows[f"{name} length"] = dtype[name].itemsize
            rows[name] = values[name]
        parts: list[bytes] = rows.view(f"V{dtype.itemsize}").tolist()
        return parts

    def _row_type(self) -> np.dtype[np.void]:
        fields: list[tuple[str, str, tuple[int, ...]]] = [("columns", ">i2", ())]
        for name, sql_type in self.fixed.items():
            fields += [(f"{name} length", ">i4", ()), (name, *WIRE[sql_type])]
        return np.dtype(fields)


def _text_parts(texts: Sequence[str | None]) -> list[bytes]:
    return [NULL if text is None else _text_part(text.encode()) for text in texts]


def _text_part(encoded: bytes) -> bytes:
    return len(encoded).to_bytes(4, "big") + encoded
