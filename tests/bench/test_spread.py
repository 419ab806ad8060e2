from bench import spread


def test_of_three_runs_the_middle_one_counts_and_the_range_is_kept() -> None:
    assert spread.of_runs([30, 10, 20]) == {"median": 20, "least": 10, "most": 30}


def test_percentiles_are_times_that_were_measured() -> None:
    times = spread.of_times([float(number) for number in range(1, 1001)])
    assert times == {"p50": 500.0, "p90": 900.0, "p99": 990.0, "max": 1000.0}


def test_of_a_single_time_all_percentiles_are_that_time() -> None:
    assert spread.of_times([2.04]) == {"p50": 2.0, "p90": 2.0, "p99": 2.0, "max": 2.0}
