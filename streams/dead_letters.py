"""Dead letters: the refused record as it was, with why and from where in its headers."""

from schemas.topics import Topic
from streams.outlet import Incoming, Outgoing
from tutor_quality.errors import InvalidRecord

# The header names of Kafka Streams' own dead letter queue (KIP-1034).
PREFIX = "__streams.errors."


def dead_letter(record: Incoming, topic: Topic, partition: int, error: InvalidRecord) -> Outgoing:
    """Key, value, headers and timestamp are the record's own; (topic, partition, offset) name it,
    so that a replay makes a letter which is recognised as the same."""
    about = {
        "exception": type(error).__name__,
        "message": str(error)[:500],
        "topic": topic.name,
        "partition": str(partition),
        "offset": str(record.offset),
    }
    added = [(PREFIX + name, text.encode()) for name, text in about.items()]
    added.append(("tq_reason", error.reason.encode()))
    return Outgoing(record.key, record.value, (*record.headers, *added), timestamp=record.timestamp)
