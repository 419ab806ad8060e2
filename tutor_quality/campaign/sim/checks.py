"""What must hold after healing. Everything is recomputed from the raw simulated log."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from schemas import topics
from schemas.binary import AvroReader
from schemas.codec import decode
from schemas.registry import HEADER_BYTES
from schemas.scores import version_of_score
from streams.dead_letters import PREFIX
from streams.rows import generation_of
from tutor_quality.campaign.oracle import counts_after
from tutor_quality.campaign.sim.broker import Stored
from tutor_quality.campaign.sim.history import MINUTE
from tutor_quality.campaign.sim.process import Watch
from tutor_quality.campaign.sim.schedule import Schedule
from tutor_quality.campaign.sim.truth import Truth, truth_of

EVIDENCE = (None, "insufficient", "raw", "confirmed")
CHANGELOG = topics.SCORE_CHANGELOG.name
LETTERS = topics.dead_letters(topics.LIFECYCLE).name
PROGRESS_LOOKED_AT = 3
"""Claims of one partition that are recomputed; the last ones and some before."""


def problems(schedule: Schedule) -> list[str]:
    """Empty when every promise was kept."""
    found = list(schedule.problems)
    for partition in schedule.partitions:
        truths = [truth_of(epoch, partition) for epoch in schedule.epochs]
        last = truths[-1]
        for truth in truths:
            found += _wrong_transitions(schedule, truth, complete=truth is last)
            found += _wrong_stops(schedule, truth)
        found += _wrong_rows(schedule, last)
        found += _wrong_progress(schedule, last)
        found += _wrong_fates(schedule, last)
        found += _wrong_letters(schedule, truths)
    return found


# Transitions


@lru_cache(maxsize=4096)
def _decoded(name: str, value: bytes) -> dict[str, Any]:
    return decode(name, value)


def _wrong_transitions(schedule: Schedule, truth: Truth, *, complete: bool) -> Iterator[str]:
    """`complete`: none may be missing."""
    said: dict[tuple[bytes, int], tuple[int, bool, str | None]] = {}
    by_id: dict[str, bytes] = {}
    for record in schedule.broker.logs[topics.RISK_CHANGED.name, truth.partition]:
        change = _decoded("risk_changed", record.value or b"")
        if change["generation"] != truth.generation:
            continue
        if by_id.setdefault(change["event_id"], record.value or b"") != record.value:
            yield f"contradictory transition {change['tutor_id']} {change['transition']}"
        name = record.key or b"", change["transition"]
        said[name] = change["occurred_at"], change["is_high_risk"], change["evidence"]
    expected = {
        (key, number): (instant, verdict > 0, EVIDENCE[verdict])
        for key, one in truth.naive.items()
        for number, instant, verdict in one.transitions
    }
    if len(by_id) != len(said):
        yield "one transition has several ids"
    for name in said.keys() - expected.keys():
        yield f"extra transition {name}"
    for name in said.keys() & expected.keys():
        if said[name] != expected[name]:
            yield f"wrong transition {name}: {said[name]}, not {expected[name]}"
    if complete:
        for name in expected.keys() - said.keys():
            yield f"lost transition {name}"
        alerts = {r.value for r in schedule.broker.logs[topics.HIGH_RISK.name, truth.partition]}
        if len(schedule.epochs) == 1 and len(alerts) != len(expected):
            yield f"{len(alerts)} alerts, not {len(expected)}"


# State


def _last(schedule: Schedule, topic: str, partition: int) -> dict[bytes, bytes]:
    """The last record of each key, as compaction left them."""
    return {
        record.key or b"": record.value or b""
        for record in schedule.broker.logs[topic, partition]
        if not record.gone
    }


def _wrong_rows(schedule: Schedule, truth: Truth) -> Iterator[str]:
    clean = truth.fold.rows
    if set(clean) != set(truth.naive):
        yield f"rows of {set(clean)}, not {set(truth.naive)}"
    kept = {
        key: value
        for key, value in _last(schedule, CHANGELOG, truth.partition).items()
        if generation_of(value) == truth.generation
    }
    scores = _last(schedule, topics.SCORE.name, truth.partition)
    for key, one in truth.naive.items():
        row = clean[key]
        counts = tuple((row.total(w), row.reschedules(w)) for w in range(3))
        if (row.clock, counts, row.verdict) != (one.clock, one.counts, one.verdict):
            yield f"{key!r}: the fold gives {row.clock} {counts} {row.verdict}, not {one}"
        if scores.get(key) != truth.scores[key]:
            yield f"{key!r}: the last score is not the right one"
        if kept.get(key, b"")[:-4] != truth.row_bytes[key]:
            yield f"{key!r}: the last row in the changelog is not the right one"
    for key in kept.keys() - truth.naive.keys():
        yield f"{key!r}: a row without records"


# Progress


def _wrong_progress(schedule: Schedule, truth: Truth) -> Iterator[str]:
    log = schedule.broker.logs[topics.PROGRESS.name, truth.partition]
    claims = [one for one in log if _generation_of_progress(one) == truth.generation]
    end = len(truth.log)
    if not claims:
        if end:
            yield "no progress was reported"
        return
    final = _claim(claims[-1])
    newest = truth.log[-1].timestamp if end else -1
    if final["applied_offset"] != end - 1 or final["applied_until"] < newest:
        yield f"the last progress is {final}, but the log ends at {end}, {newest}"
    if schedule.config.time == "wall" and final["applied_until"] < schedule.broker.now - MINUTE:
        yield f"the last progress is {final}, but it is {schedule.broker.now}"
    scores = _versions(schedule, truth)
    for record in claims[:: max(1, len(claims) // PROGRESS_LOOKED_AT)] + claims[-1:]:
        yield from _wrong_claim(schedule, truth, scores, record)


def _claim(record: Stored) -> dict[str, Any]:
    return _decoded("partition_progress", record.value or b"")


def _generation_of_progress(record: Stored) -> int:
    """Without decoding the rest: it follows the partition."""
    reader = AvroReader(record.value or b"", HEADER_BYTES)
    reader.int()
    return reader.int()


def _versions(schedule: Schedule, truth: Truth) -> list[tuple[bytes, int, bytes]]:
    """(key, version, value) of each score in the topic; those of another generation are -1."""
    found = []
    for one in schedule.broker.logs[topics.SCORE.name, truth.partition]:
        generation, version = version_of_score(one.value or b"")
        known = version if generation == truth.generation else -1
        found.append((one.key or b"", known, one.value or b""))
    return found


def _wrong_claim(
    schedule: Schedule, truth: Truth, said: list[tuple[bytes, int, bytes]], record: Stored
) -> Iterator[str]:
    claim = _claim(record)
    applied, until = claim["applied_offset"], claim["applied_until"]
    known = max((one.timestamp for one in truth.log[: applied + 1]), default=-1)
    if schedule.config.live:
        known = max(known, record.landed_at + 2_000)  # The greatest skew of a worker's clock.
    if until > known:
        yield f"claims {until}, but only {known} is known: {claim}"
    best: dict[bytes, tuple[int, bytes]] = {}
    for key, version, value in said[: claim["score_offset"]]:
        if version >= 0:
            best[key] = max(best.get(key, (-1, b"")), (version, value))
    scores = {key: _decoded("tutor_score", value) for key, (_, value) in best.items()}
    for key, records in truth.told.items():
        score_ = scores.get(key)
        version = -1 if score_ is None else score_["version"]
        missing = [offset for offset, _, _ in records if version < offset <= applied]
        if missing:
            yield f"claims {applied}, but the score of {key!r} lacks {missing}: {claim}"
        elif score_ is not None:
            counts = tuple(
                (score_[f"total_sessions_{d}d"], score_[f"tutor_reschedules_{d}d"])
                for d in (7, 30, 90)
            )
            # What is ahead of the claim was folded by another, and holds at its own clock.
            instant = score_["as_of"] if version > applied else max(until, score_["as_of"])
            if counts_after(records, version, instant) != counts:
                yield f"claims {until}, but a count of {key!r} changed before: {claim}"


# Fates


def _wrong_fates(schedule: Schedule, truth: Truth) -> Iterator[str]:
    for offset in range(len(truth.log)):
        fates = schedule.ledger.fates.get((truth.generation, truth.partition, offset), set())
        refused = offset in truth.refused
        if refused and fates:
            yield f"offset {offset} is refused, and {fates}"
        elif not refused and fates != {truth.fates.get(offset)}:
            yield f"offset {offset} has fates {fates}, not {truth.fates.get(offset)}"


def _wrong_letters(schedule: Schedule, truths: list[Truth]) -> Iterator[str]:
    """A re-created topic leaves those of its earlier life behind."""
    refused = [{(at, truth.log[at].value) for at in truth.refused} for truth in truths]
    letters = {
        (int(dict(record.headers)[PREFIX + "offset"] or b""), record.value)
        for record in schedule.broker.logs[LETTERS, truths[-1].partition]
    }
    for offset, _ in letters.difference(*refused):
        yield f"a dead letter for the valid offset {offset}"
    for offset, _ in refused[-1] - letters:
        yield f"no dead letter for the refused offset {offset}"


# Poison


def _wrong_stops(schedule: Schedule, truth: Truth) -> Iterator[str]:
    for watch in schedule.ledger.watches:
        if (watch.generation, watch.partition) == (truth.generation, truth.partition):
            longest = _longest_refused(watch, truth)
            if watch.stopped != (longest >= watch.limit.run):
                yield f"{longest} refused in a row, and the partition stopped: {watch.stopped}"


def _longest_refused(watch: Watch, truth: Truth) -> int:
    longest = current = 0
    for record in watch.seen:
        if record.offset >= watch.drain_until:
            current = current + 1 if record.offset in truth.refused else 0
            longest = max(longest, current)
    return longest
