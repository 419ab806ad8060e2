"""The score record, encoded by hand: one is written for every tutor of every batch, and the
general encoder takes ten times as long. Equal to it byte for byte (tests)."""

from struct import Struct

from schemas.binary import AvroReader
from tutor_quality.domain.counts import LANE, unpack
from tutor_quality.domain.risk import WINDOW_DAYS, RiskRule, Verdict, rate
from tutor_quality.domain.tutor import NEVER, TutorRow

SCORE_SCHEMA_ID = 3
_FRAME = b"\x00" + SCORE_SCHEMA_ID.to_bytes(4, "big")
_NULL, _SOME = b"\x00", b"\x02"
_DOUBLE = Struct("<d")
_LEVELS = {"low": b"\x00", "warning": b"\x02", "high": b"\x04"}
_EVIDENCE = {
    Verdict.LOW: _NULL,
    Verdict.INSUFFICIENT: _SOME + b"\x00",
    Verdict.RAW: _SOME + b"\x02",
    Verdict.CONFIRMED: _SOME + b"\x04",
}


def _long(number: int) -> bytes:
    """Avro's variable-length zigzag form."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_SMALL = tuple(_long(number) for number in range(4096))
_REASONS = tuple(_long(len(name)) + name for name in (b"7d", b"30d", b"90d"))


def _count(number: int) -> bytes:
    return _SMALL[number] if number < len(_SMALL) else _long(number)


def encode_score(
    key: bytes,
    row: TutorRow,
    rule: RiskRule,
    threshold: float,
    generation: int,
    partition: int,
) -> bytes:
    """The framed `tutor_score` of a row; `key` is the tutor's UUID in text."""
    row.forget_open()
    totals = [row.total(window) for window in range(len(WINDOW_DAYS))]
    moved = [packed & LANE for packed in row.counts]
    parts = [
        _FRAME,
        _count(len(key)),
        key,
        _count(generation),
        _long(row.applied),
        _count(partition),
        _long(row.clock),
        _NULL if row.due == NEVER else _SOME + _long(row.due),
    ]
    parts += map(_count, totals)
    parts += map(_count, moved)
    parts += map(_rate, moved, totals)
    parts += [
        b"\x01" if row.verdict else b"\x00",
        _DOUBLE.pack(threshold),
        _LEVELS[risk_level(row, rule)],
        _reasons(rule, moved, totals),
        _EVIDENCE[row.verdict],
        _count(row.transitions),
        _count(len(row.open_slots)),
    ]
    for packed in row.counts:
        parts += map(_count, unpack(packed)[1:])
    return b"".join(parts)


def version_of_score(value: bytes) -> tuple[int, int]:
    """(generation, version) without decoding the rest: the greater score is the newer."""
    reader = AvroReader(value, len(_FRAME))
    reader.string()
    return reader.int(), reader.long()


def risk_level(row: TutorRow, rule: RiskRule) -> str:
    """low, warning or high; a tutor without sessions is low."""
    if row.verdict is not Verdict.LOW:
        return "high"
    windows = range(len(WINDOW_DAYS))
    warned = any(rule.is_warning(row.reschedules(w), row.total(w)) for w in windows)
    return "warning" if warned else "low"


def _rate(moved: int, total: int) -> bytes:
    value = rate(moved, total)
    return _NULL if value is None else _SOME + _DOUBLE.pack(value)


def _reasons(rule: RiskRule, moved: list[int], totals: list[int]) -> bytes:
    names = [name for name, k, n in zip(_REASONS, moved, totals, strict=True) if rule.is_high(k, n)]
    return _count(len(names)) + b"".join(names) + b"\x00" if names else b"\x00"
