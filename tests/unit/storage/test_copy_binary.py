"""Times as Postgres counts them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tutor_quality.domain.columns import NULL_TIME
from tutor_quality.storage.copy_binary import GREATEST_MS, REFUSED_TIME, instant, instants

MICROSECONDS_TO_2000 = 946_684_800_000_000


def test_times_count_microseconds_from_the_year_2000() -> None:
    milliseconds = np.array([0, 1, -1, 1_760_000_000_123], np.int64)
    assert instants(milliseconds).tolist() == [
        m * 1000 - MICROSECONDS_TO_2000 for m in milliseconds
    ]


def test_null_becomes_minus_infinity() -> None:
    assert instants(np.array([NULL_TIME], np.int64)).tolist() == [-(2**63)]


@pytest.mark.parametrize("beyond", [GREATEST_MS + 1, 2**63 - 1, -(2**63) + 1])
def test_a_time_that_would_wrap_around_becomes_one_that_postgres_refuses(beyond: int) -> None:
    assert instants(np.array([beyond], np.int64)).tolist() == [REFUSED_TIME]


def test_instants_keep_every_millisecond() -> None:
    at = instant(1_767_268_800_001)
    assert at == datetime(2026, 1, 1, 12, 0, 0, 1000, UTC)
    assert instant(None) is None
    with pytest.raises(OverflowError):
        instant(2**60)
