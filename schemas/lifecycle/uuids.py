"""UUIDs of 36 characters as arrays of bytes."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

CHARACTERS = 36
HYPHENS = np.zeros(CHARACTERS, np.bool_)
HYPHENS[[8, 13, 18, 23]] = True
DIGIT_PAIRS = np.array([0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34])
"""Where each of the 16 bytes starts."""


def lowered(texts: Bytes) -> Bytes:
    """Letters A to F in lower case; shape (…, 36)."""
    return texts | (_letters(texts) << np.uint8(5))


def are_uuids(texts: Bytes) -> Flags:
    """For lowered texts (n, …, 36): which n hold nothing but UUIDs."""
    digits = np.less(texts - np.uint8(ord("0")), 10) | _letters(texts).view(np.bool_)
    right = np.where(HYPHENS, np.equal(texts, ord("-")), digits)
    if right.all():
        return np.ones(len(texts), np.bool_)
    whole: Flags = np.logical_and.reduce(right.reshape(len(texts), -1), axis=1)
    return whole


def uuid_bytes(texts: Bytes) -> Bytes:
    """(…, 36) of valid texts to (…, 16); hyphens and invalid texts give nonsense."""
    nibbles = (texts & np.uint8(15)) + np.uint8(9) * _letters(texts)
    pairs = (nibbles[..., :-1] << np.uint8(4)) | nibbles[..., 1:]
    return pairs.take(DIGIT_PAIRS, axis=-1)


def _letters(texts: Bytes) -> Bytes:
    """1 where a hexadecimal digit is a letter."""
    return ((texts | np.uint8(32)) - np.uint8(ord("a")) < 6).view(np.uint8)
