"""Scores: from the rows of a partition to records, and what tells a newer one from an older."""

import numpy as np

from schemas.binary import AvroReader
from schemas.registry import HEADER_BYTES
from schemas.score_bytes import LONGEST, put_scores
from tutor_quality.domain.fold import Numbers, Packed, TutorRows
from tutor_quality.domain.risk import RiskRule


def encode_scores(
    rows: TutorRows,
    numbers: Numbers,
    rule: RiskRule,
    *,
    threshold: float,
    generation: int,
    partition: int,
) -> Packed:
    """The framed `tutor_score` of each tutor; `threshold` is the fraction shown to readers."""
    values, ends = np.empty(LONGEST * len(numbers), np.uint8), np.empty(len(numbers), np.int64)
    rules = rule.threshold, rule.warning, threshold
    size = put_scores(rows.arena, numbers, rules, (generation, partition), values, ends)
    return Packed(rows.packed_keys(numbers), values[:size], ends)


def version_of_score(value: bytes) -> tuple[int, int]:
    """(generation, version) without decoding the rest: the greater score is the newer."""
    reader = AvroReader(value, HEADER_BYTES)
    reader.string()
    return reader.int(), reader.long()
