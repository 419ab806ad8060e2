"""Dead letters: table `dead_letters` says which there are and what became of them, the topic
`<source>.dlq` holds their bytes.

The table, because it has one row per refused record (the topic may hold a letter twice after a
crash), an index, and the operators' marks; it follows the topic within the sink's latency.

A retry is safe to repeat: a session event counts once by its `event_id`, a profile by its version,
so a record that was applied in the meantime changes no number. One that is refused again becomes a
new letter, of the next attempt.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from streams.dead_letters import ATTEMPT, RETRY_OF, attempt_of, original_headers
from tutor_quality.errors import NotFound
from tutor_quality.operations.records import Place, Record, Records

SUFFIX = ".dlq"


@dataclass(frozen=True, slots=True)
class Filter:
    """None = any. `places` are of refused records, as topic/partition/offset."""

    topic: str | None = None
    reason: str | None = None
    since: datetime | None = None
    """By the refused record's own timestamp."""
    key: str | None = None
    partition: int | None = None
    places: tuple[str, ...] | None = None
    untouched: bool = False
    """Only those that were neither retried nor dropped."""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    refused: Place
    """Where the refused record stands; the letter's own place if somebody else wrote it."""
    letter: Place
    reason: str
    message: str
    key: bytes | None
    size: int
    failed_at: datetime
    attempt: int
    retried_at: datetime | None
    dropped_at: datetime | None

    @property
    def untouched(self) -> bool:
        return self.retried_at is None and self.dropped_at is None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, or would be."""

    done: Sequence[Letter]
    skipped: Sequence[Letter]
    """Retried or dropped before."""
    lost: Sequence[Letter]
    """Their bytes are not in the log any more."""


SELECT = """
SELECT topic, partition, record_offset, letter_partition, letter_offset, reason, message, key,
    size, failed_at, attempt, retried_at, dropped_at
FROM dead_letters
WHERE ($1::text IS NULL OR topic = $1)
    AND ($2::text IS NULL OR reason = $2)
    AND ($3::timestamptz IS NULL OR failed_at >= $3)
    AND ($4::bytea IS NULL OR key = $4)
    AND ($5::int IS NULL OR partition = $5)
    AND ($6::text[] IS NULL OR topic || '/' || partition || '/' || record_offset = ANY($6))
    AND (NOT $7 OR retried_at IS NULL AND dropped_at IS NULL)
ORDER BY failed_at DESC, topic, partition, record_offset DESC
LIMIT $8"""
MARK = """
UPDATE dead_letters SET retried_at = coalesce($2, retried_at), dropped_at = coalesce($3, dropped_at)
WHERE topic || '/' || partition || '/' || record_offset = ANY($1::text[])"""


async def find(
    connection: asyncpg.Connection, wanted: Filter, *, lock: bool = False
) -> list[Letter]:
    """Newest first. Raises NotFound when one of `wanted.places` is not there."""
    rows = await connection.fetch(
        SELECT + (" FOR UPDATE" if lock else ""),
        wanted.topic,
        wanted.reason,
        wanted.since,
        None if wanted.key is None else wanted.key.encode(),
        wanted.partition,
        None if wanted.places is None else list(wanted.places),
        wanted.untouched,
        wanted.limit,
    )
    letters = [_letter(row) for row in rows]
    unknown = set(wanted.places or ()) - {str(letter.refused) for letter in letters}
    if unknown:
        raise NotFound(f"no dead letter {sorted(unknown)[0]}: `tq dlq ls` shows which there are")
    return letters


def _letter(row: Any) -> Letter:
    source = row["topic"].removesuffix(SUFFIX)
    return Letter(
        Place(row["topic"], row["partition"], row["record_offset"]),
        Place(source + SUFFIX, row["letter_partition"], row["letter_offset"]),
        row["reason"],
        row["message"],
        row["key"],
        row["size"],
        row["failed_at"],
        row["attempt"],
        row["retried_at"],
        row["dropped_at"],
    )


def record_of(records: Records, letter: Letter) -> Record:
    """Raises NotFound when Kafka does not hold it any more."""
    found = records.read([letter.letter])
    if letter.letter not in found:
        raise NotFound(f"the bytes of {letter.refused} are not in the log any more")
    return found[letter.letter]


async def retry(
    connection: asyncpg.Connection,
    records: Records,
    wanted: Filter,
    *,
    now: datetime,
    execute: bool,
    force: bool,
) -> Outcome:
    """Send the original records to their source topic again, in the order they had there.

    A letter is marked when its record is durable: after a crash in between it is sent once more,
    which changes nothing. `force` sends again what was retried or dropped before.
    """
    chosen, skipped = _sorted(await find(connection, wanted, lock=execute), force)
    read = await asyncio.to_thread(records.read, [letter.letter for letter in chosen])
    done = [letter for letter in chosen if letter.letter in read]
    lost = [letter for letter in chosen if letter.letter not in read]
    if execute and done:
        again = [(letter, read[letter.letter]) for letter in done]
        await asyncio.to_thread(_send_again, records, again)
        await connection.execute(MARK, _names(done), now, None)
    return Outcome(done, skipped, lost)


async def drop(
    connection: asyncpg.Connection, wanted: Filter, *, now: datetime, execute: bool, force: bool
) -> Outcome:
    """Mark letters as settled: they are not retried. Their bytes stay in the topic."""
    done, skipped = _sorted(await find(connection, wanted, lock=execute), force)
    if execute:
        await connection.execute(MARK, _names(done), None, now)
    return Outcome(done, skipped, [])


def _sorted(letters: Sequence[Letter], force: bool) -> tuple[list[Letter], list[Letter]]:
    """Those to act on, and those that were settled before; in the order of the source."""
    in_order = sorted(letters, key=lambda letter: letter.refused)
    chosen = [letter for letter in in_order if force or letter.untouched]
    return chosen, [letter for letter in in_order if not (force or letter.untouched)]


def _names(letters: Sequence[Letter]) -> list[str]:
    return [str(letter.refused) for letter in letters]


def _send_again(records: Records, letters: Sequence[tuple[Letter, Record]]) -> None:
    sources = {_source(letter) for letter, _ in letters}
    newest = {source: records.newest_timestamps(source) for source in sources}
    sent = []
    for letter, record in letters:
        source, partition = _source(letter), letter.letter.partition
        sent.append((source, partition, _again(letter, record, newest[source].get(partition, -1))))
    records.send(sent)


def _source(letter: Letter) -> str:
    return letter.letter.topic.removesuffix(SUFFIX)


def _again(letter: Letter, record: Record, newest: int) -> Record:
    """Its time is the partition's: it is recorded now, by the clock of the log, and an event
    that claimed to be from the future may have become one of the past."""
    kept = [
        header
        for header in original_headers(record.headers)
        if header[0] not in (ATTEMPT, RETRY_OF)
    ]
    attempt = str(attempt_of(record.headers) + 1).encode()
    headers = (*kept, (ATTEMPT, attempt), (RETRY_OF, str(letter.refused).encode()))
    return replace(record, headers=headers, timestamp=max(record.timestamp, newest))
