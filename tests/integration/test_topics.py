"""The catalogue against a real broker."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from schemas.admin import (
    ConfigChange,
    Creation,
    PartitionDifference,
    apply_topics,
    plan_topics,
)
from schemas.topics import CATALOGUE, LIFECYCLE, SCORE
from tests.support import broker

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of our own: the catalogue's names are the same for all."""
    with broker.running(broker.a_broker(tmp_path_factory.mktemp("topics"))) as kafka:
        yield kafka.bootstrap


def await_partitions(admin: AdminClient, wanted: int | None) -> None:
    """Of the score topic; None = until it is gone. The broker follows its controller."""
    for _ in range(10_000):
        found = admin.list_topics(timeout=10).topics.get(SCORE.name)
        if (None if found is None else len(found.partitions)) == wanted:
            return
    pytest.fail(f"the broker does not show {wanted} partitions")


def test_applying_creates_the_catalogue_and_then_has_nothing_left_to_do(own_bootstrap: str) -> None:
    plan = plan_topics(own_bootstrap, partitions=3, embedded=True)
    assert tuple(creation.topic for creation in plan.create) == CATALOGUE

    apply_topics(own_bootstrap, partitions=3, embedded=True)

    assert plan_topics(own_bootstrap, partitions=3, embedded=True).is_empty


def test_settings_of_existing_topics_are_altered_to_the_catalogue(own_bootstrap: str) -> None:
    apply_topics(own_bootstrap, partitions=3, embedded=True)

    plan = apply_topics(own_bootstrap, partitions=3, embedded=False)

    assert ConfigChange(LIFECYCLE.name, "retention.ms", "-1", "8640000000") in plan.alter
    assert plan_topics(own_bootstrap, partitions=3, embedded=False).is_empty


def test_a_partition_count_is_reported_and_left_alone(own_bootstrap: str) -> None:
    apply_topics(own_bootstrap, partitions=3, embedded=True)
    admin = AdminClient({"bootstrap.servers": own_bootstrap})
    admin.create_partitions([NewPartitions(SCORE.name, 5)])[SCORE.name].result()
    await_partitions(admin, 5)

    plan = apply_topics(own_bootstrap, partitions=3, embedded=True)

    assert plan.partitions == (PartitionDifference(SCORE.name, found=5, wanted=3),)
    assert plan_topics(own_bootstrap, partitions=3, embedded=True).partitions == plan.partitions


def test_a_missing_topic_is_made_as_wide_as_the_lifecycle_topic_already_is(
    own_bootstrap: str,
) -> None:
    apply_topics(own_bootstrap, partitions=3, embedded=True)
    admin = AdminClient({"bootstrap.servers": own_bootstrap})
    admin.delete_topics([SCORE.name])[SCORE.name].result()
    await_partitions(admin, None)

    plan = apply_topics(own_bootstrap, partitions=7, embedded=True)

    assert plan.create == (Creation(SCORE, 3),)
    assert PartitionDifference(LIFECYCLE.name, found=3, wanted=7) in plan.partitions
    assert not plan_topics(own_bootstrap, partitions=3, embedded=True).create
