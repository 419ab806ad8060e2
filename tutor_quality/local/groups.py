"""The stages as Kafka sees them: consumer groups, and how far they are behind."""

from collections.abc import Iterable

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicMetadata

from schemas.topics import CATALOGUE, PREDICT_CHANGELOG, PROGRESS, SCORE_CHANGELOG
from tutor_quality.errors import TransientFailure

TIMEOUT_SECONDS = 10.0
STAGES = ("score", "predict", "sink")
OFFSETS = "__consumer_offsets"


def inputs(stage: str) -> list[str]:
    """Topics that a stage's group is behind on while it has work.

    Its own changelog is state, and progress is what the stages say of themselves: it never ends.
    """
    own = (SCORE_CHANGELOG, PREDICT_CHANGELOG, PROGRESS)
    return [t.name for t in CATALOGUE if stage in t.readers and t not in own]


class Groups:
    """Asks one broker; makes one connection and keeps it. Raises TransientFailure if it is away."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def lag(self, group: str, topics: Iterable[str]) -> int:
        """Records of `topics` between the group's committed offsets and the ends.

        Where nothing is committed yet, all records count.
        """
        partitions = self._partitions(topics)
        starts = self._offsets(partitions, OffsetSpec.earliest())
        ends = self._offsets(partitions, OffsetSpec.latest())
        committed = self._committed(group, partitions)
        return sum(max(end - committed.get(at, starts[at]), 0) for at, end in ends.items())

    def members(self, group: str) -> set[str]:
        """Ids of those that consume in this group; a process that joins gets a new id."""
        if OFFSETS not in self._topics():
            # The broker makes it for the first member; asking for it before takes seconds.
            return set()
        future = self._admin.describe_consumer_groups([group], request_timeout=TIMEOUT_SECONDS)
        try:
            described = future[group].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return set()
            raise TransientFailure(f"Kafka does not know its groups yet: {error}") from error
        stable = described.state == ConsumerGroupState.STABLE
        return {member.member_id for member in described.members} if stable else set()

    def _topics(self) -> dict[str, TopicMetadata]:
        try:
            known: dict[str, TopicMetadata] = self._admin.list_topics(
                timeout=TIMEOUT_SECONDS
            ).topics
        except KafkaException as error:
            raise TransientFailure(f"Kafka does not answer: {error}") from error
        return known

    def _partitions(self, topics: Iterable[str]) -> list[tuple[str, int]]:
        known = self._topics()
        return [(name, i) for name in topics if name in known for i in known[name].partitions]

    def _offsets(
        self, partitions: list[tuple[str, int]], spec: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        wanted = {TopicPartition(*at): spec for at in partitions}
        try:
            answers = self._admin.list_offsets(wanted, request_timeout=TIMEOUT_SECONDS)
            return {(at.topic, at.partition): f.result().offset for at, f in answers.items()}
        except KafkaException as error:
            raise TransientFailure(f"Kafka does not answer: {error}") from error

    def _committed(
        self, group: str, partitions: list[tuple[str, int]]
    ) -> dict[tuple[str, int], int]:
        request = ConsumerGroupTopicPartitions(group, [TopicPartition(*at) for at in partitions])
        try:
            answer = self._admin.list_consumer_group_offsets([request])[group].result()
        except KafkaException as error:
            raise TransientFailure(f"Kafka does not answer: {error}") from error
        known = (at for at in answer.topic_partitions if at.offset >= 0)
        return {(at.topic, at.partition): at.offset for at in known}
