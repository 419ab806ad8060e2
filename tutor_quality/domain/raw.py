"""Numbers as bytes, compiled: fixed and Avro's variable ones, and UUIDs as text."""

import numpy as np

from tutor_quality.jit import compiled

HYPHENS = (8, 13, 18, 23)
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
U4, U7, U8, U15, U127, U128, U255 = (np.uint64(n) for n in (4, 7, 8, 15, 127, 128, 255))


@compiled
def put(out, at, number, size):
    """Little-endian, in `size` bytes; returns where it ends, as all that follow."""
    rest = np.uint64(number)
    for i in range(size):
        out[at + i] = rest & U255
        rest >>= U8
    return at + size


@compiled
def put_double(out, at, number):
    return put(out, at, np.float64(number).view(np.uint64), 8)


@compiled
def put_long(out, at, number):
    """Zigzag, in groups of 7 bits: up to 10 bytes."""
    rest = np.uint64((number << 1) ^ (number >> 63))
    while rest > U127:
        out[at] = (rest & U127) | U128
        rest >>= U7
        at += 1
    out[at] = rest
    return at + 1


@compiled
def put_word(out, at, number):
    """Big-endian, in 8 bytes."""
    for i in range(7, -1, -1):
        out[at + i] = number & U255
        number >>= U8
    return at + 8


@compiled
def put_uuid(out, at, high, low):
    """As text: 36 bytes."""
    for i in range(35, -1, -1):
        if i in HYPHENS:
            out[at + i] = ord("-")
            continue
        out[at + i] = DIGITS[low & U15]
        low = (low >> U4) | (high << np.uint64(60))
        high >>= U4
    return at + 36


@compiled
def get(raw, at, size):
    """Little-endian."""
    number = np.uint64(0)
    for i in range(size):
        number |= np.uint64(raw[at + i]) << np.uint64(8 * i)
    return np.int64(number)


@compiled
def get_long(raw, at, end, longest):
    """(number, position after it), as `put_long` wrote it in at most `longest` bytes before `end`.

    The position is -1 for what is no such number, and for a position of -1, where nothing is read.
    """
    number = np.uint64(0)
    if at < 0:
        return np.int64(0), np.int64(-1)
    for i in range(min(longest, end - at)):
        byte = np.uint64(raw[at + i])
        number |= (byte & U127) << (U7 * np.uint64(i))
        if byte <= U127:
            return np.int64(number >> np.uint64(1)) ^ -np.int64(number & np.uint64(1)), at + i + 1
    return np.int64(0), np.int64(-1)
