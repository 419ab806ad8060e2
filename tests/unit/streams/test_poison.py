"""A limit stops a partition when a bad deploy poisons a topic."""

import pytest

from streams.protocol import PoisonedPartition, PoisonLimit, PoisonWatch


def test_a_few_refused_records_among_many_are_dead_letters_and_no_more() -> None:
    watch = PoisonWatch(PoisonLimit())
    for _ in range(50):
        watch.see(1000, range(0, 1000, 25))


def test_a_hundred_in_a_row_stop_the_partition_also_across_batches() -> None:
    watch = PoisonWatch(PoisonLimit())
    watch.see(1000, range(960, 1000))
    with pytest.raises(PoisonedPartition):
        watch.see(60, range(60))


def test_a_good_record_between_ends_the_run() -> None:
    watch = PoisonWatch(PoisonLimit(ratio=1.0))
    watch.see(99, range(99))
    watch.see(1, [])
    watch.see(99, range(99))


def test_more_than_the_share_of_recent_records_stops_the_partition() -> None:
    watch = PoisonWatch(PoisonLimit())
    with pytest.raises(PoisonedPartition):
        watch.see(2000, range(0, 2000, 19))


def test_a_young_partition_is_not_stopped_by_its_first_refused_records() -> None:
    watch = PoisonWatch(PoisonLimit())
    watch.see(10, [0, 2, 4])
