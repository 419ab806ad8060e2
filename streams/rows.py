"""Rows as the changelog holds them: the row's bytes, then the generation of the input topic whose
offsets they speak of."""

from struct import Struct

from tutor_quality.domain.fold import Numbers, Packed, TutorRows
from tutor_quality.domain.tutor import applied_offset

_GENERATION = Struct("<I")


def pack(rows: TutorRows, numbers: Numbers, generation: int) -> Packed:
    """The tutors' rows by key; whoever reads a row stops before the generation."""
    return rows.encode(numbers, _GENERATION.pack(generation))


def generation_of(value: bytes) -> int:
    generation: int = _GENERATION.unpack_from(value, len(value) - _GENERATION.size)[0]
    return generation


def version_of(value: bytes) -> tuple[int, int]:
    """(generation, applied offset): the greater is the newer."""
    return generation_of(value), applied_offset(value)
