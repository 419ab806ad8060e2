"""Reads Avro's binary form one value after the other.

Written here because fastavro hangs, crashes or accepts nonsense on hostile bytes (enum index -1,
arrays of billions of nulls, trailing bytes). Nothing is allocated that is longer than the input.
"""

import builtins
import math
import struct

from tutor_quality.errors import UndecodableRecord

SMALL = tuple((byte >> 1) ^ -(byte & 1) for byte in range(128))
"""Numbers of one byte: most of all."""
INT_LIMIT = 1 << 31
LONG_BITS = 64
LONGEST_NUMBER = 10
"""Bytes of a number of 64 bits."""


class AvroReader:
    """A position in a value. Every method raises UndecodableRecord when the bytes do not fit."""

    __slots__ = ("data", "position")

    def __init__(self, data: builtins.bytes, position: builtins.int) -> None:
        self.data = data
        self.position = position

    def long(self) -> builtins.int:
        """64 bits, zigzag."""
        try:
            byte = self.data[self.position]
        except IndexError:
            raise UndecodableRecord("the value ends before a number") from None
        if byte > 127:
            return self._long_number()
        self.position += 1
        return SMALL[byte]

    def _long_number(self) -> builtins.int:
        value = shift = 0
        for byte in self.data[self.position : self.position + LONGEST_NUMBER]:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        else:
            raise UndecodableRecord("a number is longer than 10 bytes or than the value")
        if value >> LONG_BITS:
            raise UndecodableRecord("a number has more than 64 bits")
        self.position += shift // 7
        return (value >> 1) ^ -(value & 1)

    def int(self) -> builtins.int:
        """32 bits."""
        value = self.long()
        if not -INT_LIMIT <= value < INT_LIMIT:
            raise UndecodableRecord(f"{value} is not an int of 32 bits")
        return value

    def index(self, choices: builtins.int) -> builtins.int:
        """Of an enum's symbol or a union's branch."""
        value = self.long()
        if not 0 <= value < choices:
            raise UndecodableRecord(f"index {value} where there are {choices} choices")
        return value

    def present(self) -> bool:
        """Of a union of null and something: whether something follows."""
        if self.data[self.position : self.position + 1] == b"\0":
            self.position += 1
            return False
        return self.index(2) == 1

    def boolean(self) -> bool:
        (byte,) = self._take(1)
        if byte > 1:
            raise UndecodableRecord(f"byte {byte} is no boolean")
        return byte == 1

    def double(self) -> float:
        """Finite: NaN and the infinities are refused."""
        (value,) = struct.unpack("<d", self._take(8))
        if not math.isfinite(value):
            raise UndecodableRecord("a number is not finite")
        return float(value)

    def string(self) -> str:
        data = self._take(self.long())
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise UndecodableRecord("a string is not UTF-8") from None

    def bytes(self) -> builtins.bytes:
        return self._take(self.long())

    def remaining(self) -> builtins.int:
        return len(self.data) - self.position

    def finish(self) -> None:
        if self.remaining():
            raise UndecodableRecord(f"{self.remaining()} bytes after the end of the record")

    def _take(self, length: builtins.int) -> builtins.bytes:
        start = self.position
        if not 0 <= length <= len(self.data) - start:
            raise UndecodableRecord(f"a string of {length} bytes does not fit into the value")
        self.position = start + length
        return self.data[start : self.position]
