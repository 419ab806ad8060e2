"""Decodes a batch: the vector decoder first, then record by record what it left."""

from collections.abc import Sequence

import numpy as np

from schemas.lifecycle.batch import Draft, LifecycleBatch, Refused
from schemas.lifecycle.records import decode_record
from schemas.lifecycle.vector import fill_plain
from tutor_quality.errors import InvalidRecord

WORTHWHILE = 32
"""Records from which on the vector decoder is the faster one."""


def decode_lifecycle(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    offsets: Sequence[int],
    timestamps: Sequence[int],
) -> LifecycleBatch:
    """Records of one partition, in offset order; timestamps are those of the Kafka records, ms.

    Never raises for what a record holds: such a record is among the refused.
    """
    draft = Draft(keys, offsets, timestamps)
    if len(values) >= WORTHWHILE:
        fill_plain(draft, values)
    refused: list[Refused] = []
    for place in np.flatnonzero(~draft.accepted).tolist():
        try:
            record = decode_record(keys[place], values[place], timestamps[place])
        except InvalidRecord as error:
            refused.append(Refused(place, offsets[place], error))
        else:
            draft.put(place, record)
    return draft.finish(refused)
