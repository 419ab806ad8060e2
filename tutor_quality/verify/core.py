"""The product's own fold, run over the raw log up to an instant, for `tq verify --as-of`.

The only part of the proof that uses the product's code: it is what is compared.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from schemas.lifecycle import decode_records
from tutor_quality.domain.fold import TutorRows
from tutor_quality.domain.risk import RiskRule
from tutor_quality.verify.log import Raw
from tutor_quality.verify.recount import WINDOWS, Counts

AT_ONCE = 4_000


def counts_of_the_product(
    raws: Iterable[Raw], *, rule: RiskRule, as_of: int
) -> Mapping[str, Counts]:
    """By tutor, after the records with timestamps up to `as_of`, ms, and with time passed to it."""
    rows = TutorRows(rule)
    batches: dict[int, list[Raw]] = {}
    for raw in raws:
        if raw.timestamp > as_of:
            continue
        batch = batches.setdefault(raw.partition, [])
        batch.append(raw)
        if len(batch) == AT_ONCE:
            _fold(rows, batch)
            batch.clear()
    for batch in batches.values():
        _fold(rows, batch)
    keys = rows.keys(np.arange(len(rows)))
    return {key.decode(): _counts(rows, key, rule, as_of) for key in keys}


def _fold(rows: TutorRows, batch: list[Raw]) -> None:
    columns = decode_records(batch).columns
    rows.fold(columns)


def _counts(rows: TutorRows, key: bytes, rule: RiskRule, as_of: int) -> Counts:
    row = rows.row(key)
    row.advance(as_of, rule, row.applied, [])
    return tuple((row.total(window), row.reschedules(window)) for window in range(len(WINDOWS)))
