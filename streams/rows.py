"""Rows as the changelog holds them: the row's bytes, then the generation of the input topic whose
offsets they speak of."""

from struct import Struct

from tutor_quality.domain.tutor import TutorRow, applied_offset

_GENERATION = Struct("<I")


def pack(row: TutorRow, generation: int) -> bytes:
    """What `TutorRow.decode` and its like read ends before the generation."""
    return row.encode() + _GENERATION.pack(generation)


def generation_of(value: bytes) -> int:
    generation: int = _GENERATION.unpack_from(value, len(value) - _GENERATION.size)[0]
    return generation


def version_of(value: bytes) -> tuple[int, int]:
    """(generation, applied offset): the greater is the newer."""
    return generation_of(value), applied_offset(value)
