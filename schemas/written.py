"""Values in Avro's binary form, put together by whoever writes at speed."""

import struct

UUID_CHARACTERS = 36
NULL = b"\0"
PRESENT = b"\2"
UUID_LENGTH = b"\x48"

SIX_BYTES_FROM = 1 << 34
SIX_BYTES_BELOW = 1 << 41
"""Milliseconds from 1970-07-18 to 2039 take 6 bytes: nearly every time there is."""

double = struct.Struct("<d").pack


def uuid(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) != UUID_CHARACTERS:
        raise ValueError(f"{text!r} is not a UUID of 36 characters")
    return UUID_LENGTH + encoded


def text(characters: str) -> bytes:
    encoded = characters.encode()
    return number(len(encoded)) + encoded


def nullable_text(characters: str | None) -> bytes:
    return NULL if characters is None else PRESENT + text(characters)


def nullable_double(value: float | None) -> bytes:
    return NULL if value is None else PRESENT + double(value)


def nullable_number(whole: int | None) -> bytes:
    return NULL if whole is None else PRESENT + number(whole)


def nullable_time(milliseconds: int | None) -> bytes:
    return NULL if milliseconds is None else PRESENT + time(milliseconds)


def time(milliseconds: int) -> bytes:
    if not SIX_BYTES_FROM <= milliseconds < SIX_BYTES_BELOW:
        return number(milliseconds)
    # Groups of 7 bits spread to bytes, all but the last with the bit that says more follows.
    z = milliseconds << 1
    spread = (
        z & 0x7F
        | (z & 0x3F80) << 1
        | (z & 0x1FC000) << 2
        | (z & 0xFE00000) << 3
        | (z & 0x7F0000000) << 4
        | (z & 0x3F800000000) << 5
    )
    return (spread | 0x8080808080).to_bytes(6, "little")


def number(whole: int) -> bytes:
    """Zigzag, in groups of 7 bits."""
    z = whole << 1 if whole >= 0 else ~(whole << 1)
    if z < 128:
        return bytes((z,))
    groups = bytearray()
    while z > 127:
        groups.append(z & 127 | 128)
        z >>= 7
    groups.append(z)
    return bytes(groups)
