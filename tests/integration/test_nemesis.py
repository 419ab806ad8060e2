"""Faults for a real broker, a real Postgres and real workers; see docs/campaigns.md."""

import gc
from collections.abc import Iterator
from random import Random

import pytest

from tutor_quality.campaign.nemesis.cluster import Cluster
from tutor_quality.campaign.nemesis.plan import WEIGHTS, WORKERS, draw
from tutor_quality.campaign.nemesis.run import Series
from tutor_quality.campaign.nemesis.sink import run_sink_schedules
from tutor_quality.settings import Settings

pytestmark = pytest.mark.integration

SEEDS = range(2958, 2970)


def test_the_seeds_draw_every_kind_of_fault() -> None:
    assert {fault.kind for seed in SEEDS for fault in draw(Random(seed)).faults} == set(WEIGHTS)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Series]:
    cluster = Cluster(tmp_path_factory.mktemp("nemesis"), Settings())
    with cluster.running(WORKERS):
        series = Series(cluster, print)
        series.begin()
        yield series


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_exact_after_faults_of_servers_workers_and_wires(
    series: Series, seed: int
) -> None:
    schedule = series.run(seed)
    assert schedule.problems == []
    assert schedule.compared > 500


def test_earlier_schedules_are_still_exact_after_the_later_ones(series: Series) -> None:
    assert series.finish() == []


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_the_sink_is_exact_after_25_schedules_of_faults(first: int) -> None:
    result = run_sink_schedules(range(first, first + 25), Settings(), print)
    assert result.diverged == []
    assert result.faults.total() > 50
    gc.collect()  # What is left of cut connections is not the next test's business.
