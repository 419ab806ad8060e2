"""Brings the broker's topics in line with the catalogue.

What is missing is created and settings are altered. Partition counts are never changed, because a
key's records would no longer be in one partition; a difference is only reported.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas.topics import CATALOGUE, LIFECYCLE, Topic
from tutor_quality.errors import TransientFailure

PATIENCE_SECONDS = 30
LOOKS = 600
BROKER_DEFAULT = -1
"""The replication factor that the broker is configured for."""


@dataclass(frozen=True, slots=True)
class Creation:
    topic: Topic
    partitions: int


@dataclass(frozen=True, slots=True)
class ConfigChange:
    topic: str
    name: str
    found: str | None
    """None: the broker does not know the setting."""
    wanted: str


@dataclass(frozen=True, slots=True)
class PartitionDifference:
    """Left as it is: make a new topic, or set TQ_TOPIC_PARTITIONS to what was found."""

    topic: str
    found: int
    wanted: int


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What separates a broker from the catalogue."""

    create: tuple[Creation, ...]
    alter: tuple[ConfigChange, ...]
    partitions: tuple[PartitionDifference, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.create or self.alter or self.partitions)


def apply_topics(bootstrap: str, *, partitions: int, embedded: bool) -> TopicPlan:
    """Does what `plan_topics` says, until the broker shows it, and returns what was done.

    Raises TransientFailure.
    """
    admin = _admin(bootstrap)
    plan = _plan(admin, partitions, embedded)
    _create(admin, plan.create, embedded)
    _alter(admin, plan.alter)
    for _ in range(LOOKS):
        left = _plan(admin, partitions, embedded)
        if not (left.create or left.alter):
            return plan
        # Brokers answer from their copy of the metadata, which follows the controller's.
        time.sleep(PATIENCE_SECONDS / LOOKS)
    raise TransientFailure(f"Kafka has not carried out within {PATIENCE_SECONDS} s: {left}")


def plan_topics(bootstrap: str, *, partitions: int, embedded: bool) -> TopicPlan:
    """`partitions`: of topics that do not name their own number. Raises TransientFailure."""
    return _plan(_admin(bootstrap), partitions, embedded)


def _plan(admin: AdminClient, partitions: int, embedded: bool) -> TopicPlan:
    counts = _partition_counts(admin)
    wanted = _wanted_counts(counts.get(LIFECYCLE.name, partitions), partitions)
    existing = [topic for topic in CATALOGUE if topic.name in counts]
    configs = _configs(admin, [topic.name for topic in existing])
    return TopicPlan(
        create=tuple(
            Creation(topic, wanted[topic.name]) for topic in CATALOGUE if topic.name not in counts
        ),
        alter=tuple(
            change
            for topic in existing
            for change in config_changes(topic, configs[topic.name], embedded)
        ),
        partitions=tuple(
            PartitionDifference(name, found, wanted[name])
            for name, found in counts.items()
            if found != wanted[name]
        ),
    )


def _wanted_counts(width: int, partitions: int) -> dict[str, int]:
    """All topics are as wide as the lifecycle topic is already: its stages write partition i of
    theirs from partition i of it."""
    counts = {topic.name: topic.partitions or width for topic in CATALOGUE}
    return {**counts, LIFECYCLE.name: LIFECYCLE.partitions or partitions}


def config_changes(
    topic: Topic, found: Mapping[str, str | None], embedded: bool
) -> Iterable[ConfigChange]:
    for name, wanted in topic.config(embedded=embedded).items():
        if found.get(name) != wanted:
            yield ConfigChange(topic.name, name, found.get(name), wanted)


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})


def _partition_counts(admin: AdminClient) -> dict[str, int]:
    try:
        found = admin.list_topics(timeout=PATIENCE_SECONDS).topics
    except KafkaException as error:
        raise TransientFailure(f"Kafka does not answer: {error}") from error
    wanted = {topic.name for topic in CATALOGUE}
    return {name: len(topic.partitions) for name, topic in found.items() if name in wanted}


def _configs(admin: AdminClient, names: Iterable[str]) -> dict[str, dict[str, str | None]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=PATIENCE_SECONDS)
    return {
        resource.name: {name: entry.value for name, entry in _found(answer).items()}
        for resource, answer in answers.items()
    }


def _found(answer: "Future[Any]") -> dict[str, Any]:
    """Nothing where the broker that was asked has not heard of the topic yet."""
    return _result(answer, KafkaError.UNKNOWN_TOPIC_OR_PART) or {}


def _create(admin: AdminClient, creations: Iterable[Creation], embedded: bool) -> None:
    new = [
        NewTopic(
            creation.topic.name,
            num_partitions=creation.partitions,
            replication_factor=BROKER_DEFAULT,
            config=creation.topic.config(embedded=embedded),
        )
        for creation in creations
    ]
    if new:
        for answer in admin.create_topics(new, request_timeout=PATIENCE_SECONDS).values():
            _result(answer, KafkaError.TOPIC_ALREADY_EXISTS)


def _alter(admin: AdminClient, changes: Iterable[ConfigChange]) -> None:
    resources: dict[str, ConfigResource] = {}
    for change in changes:
        resource = resources.setdefault(
            change.topic, ConfigResource(ResourceType.TOPIC, change.topic)
        )
        resource.add_incremental_config(
            ConfigEntry(change.name, change.wanted, incremental_operation=AlterConfigOpType.SET)
        )
    if resources:
        altered = admin.incremental_alter_configs(
            list(resources.values()), request_timeout=PATIENCE_SECONDS
        )
        for answer in altered.values():
            _result(answer)


def _result(answer: "Future[Any]", *forgiven: int) -> Any:
    """`forgiven`: codes of errors that mean another program was faster."""
    try:
        return answer.result()
    except KafkaException as error:
        if error.args[0].code() in forgiven:
            return None
        raise TransientFailure(f"Kafka refused a change of topics: {error}") from error
