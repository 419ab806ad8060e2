"""Reads Avro fields of many records at once: one read position per record.

Words of 8 bytes are loaded at any position of the buffer; a varint of up to 8 bytes is one word,
whose groups of 7 bits are closed up by shifts. A record that does not fit loses its `ok` and is
read on as nonsense within the buffer, whose padding must exceed what all fields can take.
"""

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.columns import NULL_TIME

Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

Span = tuple[Longs, Longs]
"""Where a text of each record starts in the buffer, and its length in bytes."""

NO_TEXT = -1
"""Length of a text that is null."""

PRESENT = np.uint64(2)
"""Branch 1 of a union, zigzag."""
LAST_BYTE = np.uint64(0xFF)
UNFINISHED = np.uint64(0x80 << 56)
TOP_BITS = np.uint64(0x8080808080808080)
LOW_SEVEN = np.uint64(0x7F7F7F7F7F7F7F7F)
ONE = np.uint64(1)
LOW_BITS = np.uint64(0x0101010101010101)
SPACES = np.uint64(0x2020202020202020)
WORD = 8
FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(WORD + 1)], np.uint64)
"""Masks of the first so many bytes of a word."""
CLOSE_UP = tuple(
    (np.uint64(low), np.uint64(low << distance), np.uint64(gap))
    for low, distance, gap in (
        (0x007F007F007F007F, 8, 1),
        (0x00003FFF00003FFF, 16, 2),
        (0x000000000FFFFFFF, 32, 4),
    )
)


def words_of(raw: bytes) -> Words:
    """The 8 bytes from every position on, little-endian, without copying."""
    return np.ndarray(len(raw) - 7, np.dtype("<u8"), raw, strides=(1,))


def has_odd_bytes(words: Words, starts: Longs, lengths: Longs) -> Flags:
    """Which texts hold NUL or something beyond ASCII, eight bytes of every text at a time."""
    odd = np.zeros(len(starts), np.bool_)
    rows = np.arange(len(starts))
    while len(rows):
        mask = FIRST_BYTES[np.minimum(lengths, WORD)]
        word = words[starts] & mask | SPACES & ~mask
        odd[rows] |= (word - LOW_BITS | word) & TOP_BITS != 0
        longer = lengths > WORD
        rows, starts, lengths = rows[longer], starts[longer] + WORD, lengths[longer] - WORD
    return odd


class Cursor:
    """`position` and `end` index the buffer; `ok` says which records fitted so far."""

    def __init__(self, words: Words, position: Longs, end: Longs) -> None:
        self._words = words
        self.position = position
        self.end = end
        self.ok = np.ones(len(position), np.bool_)

    def number(self) -> Longs:
        values, sizes = self._varint(self._words[self.position])
        self.position = self.position + sizes
        return values

    def nullable_number(self) -> Longs:
        """NULL_TIME for null; up to 49 bits, so that no number looks like it."""
        present, words = self._branch()
        words |= UNFINISHED
        words *= present
        values, sizes = self._varint(words)
        sizes *= present
        self.position += sizes + 1
        return np.where(present, values, NULL_TIME)

    def nullable_boolean(self) -> Longs:
        """-1 for null."""
        present, words = self._branch()
        values = (words & LAST_BYTE).astype(np.int64)
        self.ok &= (values <= 1) | ~present
        self.position += present + np.int64(1)
        return np.where(present, values, -1)

    def text(self) -> Span:
        return self._skip(self.number())

    def nullable_text(self) -> Span:
        """As `text`; the length is NO_TEXT for null."""
        lengths = self.nullable_number()
        null = lengths == NULL_TIME
        starts, skipped = self._skip(np.where(null, 0, lengths))
        return starts, np.where(null, NO_TEXT, skipped)

    def finished(self) -> Flags:
        """Whether each record fitted and ended where its value ends."""
        whole: Flags = self.ok & (self.position == self.end)
        return whole

    def _skip(self, lengths: Longs) -> Span:
        fits = (lengths >= 0) & (lengths <= self.end - self.position)
        self.ok &= fits
        starts = self.position
        lengths = lengths * fits
        self.position = starts + lengths
        return starts, lengths

    def _branch(self) -> tuple[Flags, Words]:
        """Of a union with null: whether there is a value, and the 7 bytes after the branch."""
        words = self._words[self.position]
        branch = words & LAST_BYTE
        present = branch == PRESENT
        self.ok &= present | (branch == 0)
        return present, words >> np.uint64(8)

    def _varint(self, words: Words) -> tuple[Longs, Longs]:
        """Values and sizes in bytes; a varint that does not end within its word is not ok."""
        ends = ~words & TOP_BITS
        self.ok &= ends != 0
        below = (ends & (~ends + ONE)) - ONE
        sizes = (np.bitwise_count(below).astype(np.int64) + 1) >> 3
        words = words & below & LOW_SEVEN
        for low, high, gap in CLOSE_UP:
            words = words & low | (words & high) >> gap
        return (words >> ONE ^ -(words & ONE)).view(np.int64), sizes
