import os

import pytest

from bench import processes


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be pinned here")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only")
def test_who_is_pinned_still_knows_the_other_core() -> None:
    """The system under test shared the broker's core once, and the other one was idle."""
    measured, others = processes.cores()
    with processes.on_cores(others):
        assert processes.cores() == (measured, others)
        with processes.on_cores(measured):
            assert os.sched_getaffinity(0) == measured
    assert not measured & others
