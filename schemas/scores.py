"""What the score stage says: from the rows of a partition and their changes to records, and what
tells a newer score from an older one."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from schemas import change_bytes
from schemas.binary import AvroReader
from schemas.change_bytes import ALERT, RISK_CHANGED, put_alerts, put_risk_changes
from schemas.registry import HEADER_BYTES
from schemas.score_bytes import LONGEST, put_scores
from schemas.uuid5_bytes import BLOCKS_BYTES, ROUNDS
from tutor_quality.domain.fold import Numbers, Packed, TutorRows
from tutor_quality.domain.risk import RiskRule

Changes = NDArray[np.void]
"""As `Folded.changes`."""


class Saying(NamedTuple):
    """What all records of one partition of one generation of the input topic have in common."""

    rule: RiskRule
    threshold: float
    """The fraction that the rule was made of, as shown to readers."""
    generation: int
    partition: int
    namespace: UUID
    """Of the ids of changes."""


def encode_scores(rows: TutorRows, numbers: Numbers, saying: Saying) -> Packed:
    """The framed `tutor_score` of each tutor."""
    values, ends = np.empty(LONGEST * len(numbers), np.uint8), np.empty(len(numbers), np.int64)
    rules = saying.rule.threshold, saying.rule.warning, saying.threshold
    place = saying.generation, saying.partition
    size = put_scores(rows.arena, numbers, rules, place, values, ends)
    return Packed(rows.packed_keys(numbers), values[:size], ends)


def encode_risk_changes(rows: TutorRows, changes: Changes, saying: Saying) -> Packed:
    """The framed `risk_changed` of each change."""
    return _encode_changes(put_risk_changes, RISK_CHANGED, rows, changes, saying)


def encode_alerts(rows: TutorRows, changes: Changes, saying: Saying) -> Packed:
    """The framed `high_risk_alert` of each change."""
    return _encode_changes(put_alerts, ALERT, rows, changes, saying)


def _encode_changes(
    put: Callable[..., int], prefix: bytes, rows: TutorRows, changes: Changes, saying: Saying
) -> Packed:
    count = len(changes)
    values, ends = np.empty(change_bytes.LONGEST * count, np.uint8), np.empty(count, np.int64)
    rule = saying.rule.threshold, saying.threshold, saying.generation
    names = (
        np.frombuffer(saying.namespace.bytes + prefix, np.uint8),
        np.empty(BLOCKS_BYTES, np.uint8),
        np.empty(5, np.uint64),
        np.empty(ROUNDS, np.uint64),
    )
    size = put(rows.arena, changes, rule, names, values, ends)
    return Packed(rows.packed_keys(changes["tutor"].copy()), values[:size], ends)


def version_of_score(value: bytes) -> tuple[int, int]:
    """(generation, version) without decoding the rest: the greater score is the newer."""
    reader = AvroReader(value, HEADER_BYTES)
    reader.string()
    return reader.int(), reader.long()
