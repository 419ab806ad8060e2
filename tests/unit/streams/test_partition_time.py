"""What time it is in a partition."""

from streams.protocol import partition_time


def test_a_replayed_partition_has_the_time_of_its_newest_record() -> None:
    assert partition_time(1_000, 9_000, live=False, idle=True) == 1_000


def test_the_wall_clock_speaks_for_a_live_partition_only_when_it_is_quiet() -> None:
    assert partition_time(1_000, 9_000, live=True, idle=True) == 9_000
    assert partition_time(1_000, 9_000, live=True, idle=False) == 1_000


def test_time_does_not_go_back_when_the_wall_clock_is_behind_the_log() -> None:
    assert partition_time(9_000, 1_000, live=True, idle=True) == 9_000


def test_a_partition_without_records_has_no_time() -> None:
    assert partition_time(-1, 9_000, live=True, idle=True) == -1
