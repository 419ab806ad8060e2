"""Dead letters: the refused record as it was, with why and from where in its headers."""

from collections.abc import Sequence

from schemas.topics import Topic
from streams.outlet import Incoming, Outgoing
from tutor_quality.errors import InvalidRecord

Header = tuple[str, bytes | None]

# The header names of Kafka Streams' own dead letter queue (KIP-1034).
PREFIX = "__streams.errors."
REASON = "tq_reason"
ATTEMPT = "tq_attempt"
"""Header of a retried record: 2 for the first retry."""
RETRY_OF = "tq_retry_of"
"""Header of a retried record: topic/partition/offset of the record that was refused."""
ABOUT = ("exception", "message", "topic", "partition", "offset")


def dead_letter(record: Incoming, topic: Topic, partition: int, error: InvalidRecord) -> Outgoing:
    """Key, value, headers and timestamp are the record's own; (topic, partition, offset) name it,
    so that a replay makes a letter which is recognised as the same."""
    about = (
        type(error).__name__,
        str(error)[:500],
        topic.name,
        str(partition),
        str(record.offset),
    )
    added = [(PREFIX + name, text.encode()) for name, text in zip(ABOUT, about, strict=True)]
    added.append((REASON, error.reason.encode()))
    return Outgoing(record.key, record.value, (*record.headers, *added), timestamp=record.timestamp)


def original_headers(letter: Sequence[Header]) -> list[Header]:
    """What the refused record had: `dead_letter` adds its own at the end."""
    ours = len(ABOUT) + 1
    names = [name for name, _ in letter[-ours:]]
    if names != [*(PREFIX + name for name in ABOUT), REASON]:
        return list(letter)  # Somebody else wrote this letter.
    return list(letter[:-ours])


def attempt_of(headers: Sequence[Header]) -> int:
    """1 = the record was as its producer had sent it."""
    text = dict(headers).get(ATTEMPT) or b""
    return int(text) if text.isdigit() and len(text) < 4 else 1
