"""What must hold after healing. Everything is recomputed from the raw simulated log."""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from schemas import topics
from schemas.codec import decode
from schemas.lifecycle import decode_records
from schemas.scores import version_of_score
from streams.dead_letters import PREFIX
from streams.outputs import Outputs
from streams.rows import generation_of
from tutor_quality.campaign import reference
from tutor_quality.campaign.oracle import THRESHOLD, Naive, Told, counts_after, naive_tutor
from tutor_quality.campaign.reference import ReferenceRows
from tutor_quality.campaign.sim.broker import Stored
from tutor_quality.campaign.sim.history import FUTURE, MINUTE
from tutor_quality.campaign.sim.process import RULE, PartitionRun
from tutor_quality.campaign.sim.schedule import Epoch, Schedule
from tutor_quality.domain.tutor import TutorRow

EVIDENCE = (None, "insufficient", "raw", "confirmed")
CHANGELOG = topics.SCORE_CHANGELOG.name
LETTERS = topics.dead_letters(topics.LIFECYCLE).name
PROGRESS_LOOKED_AT = 3
"""Claims of one partition that are recomputed; the last ones and some before."""


def problems(schedule: Schedule) -> list[str]:
    """Empty when every promise was kept."""
    found = list(schedule.problems)
    for partition in schedule.partitions:
        for epoch in schedule.epochs:
            told = _told(epoch, partition)
            naive = {key: naive_tutor(records) for key, records in told.items()}
            last = epoch is schedule.epochs[-1]
            found += _wrong_transitions(schedule, partition, epoch, naive, complete=last)
            if last:
                clean, fates = _clean_fold(epoch, partition)
                found += _wrong_rows(schedule, partition, epoch, naive, clean)
                found += _wrong_progress(schedule, partition, epoch, told)
                found += _wrong_fates(schedule, partition, epoch, fates)
        found += _wrong_letters(schedule, partition)
    return found + [
        wrong for run in schedule.ledger.watched for wrong in _wrong_stop(schedule, run)
    ]


def _is_refused(epoch: Epoch, partition: int, record: Stored) -> bool:
    raw = epoch.raw.get((partition, record.offset))
    if raw is None:
        return False
    if not raw.legal:
        return True
    return raw.event is not None and raw.event.occurred_at - FUTURE > record.timestamp


def _told(epoch: Epoch, partition: int) -> dict[bytes, list[Told]]:
    """The valid records of each tutor."""
    told: dict[bytes, list[Told]] = defaultdict(list)
    for record in epoch.logs[partition]:
        if record.key and not _is_refused(epoch, partition, record):
            raw = epoch.raw.get((partition, record.offset))
            event = None if raw is None else raw.event
            told[record.key].append((record.offset, record.timestamp, event))
    return told


# Transitions


@lru_cache(maxsize=4096)
def _decoded(name: str, value: bytes) -> dict[str, Any]:
    return decode(name, value)


def _wrong_transitions(
    schedule: Schedule, partition: int, epoch: Epoch, naive: dict[bytes, Naive], *, complete: bool
) -> Iterator[str]:
    """`complete`: none may be missing."""
    said: dict[tuple[bytes, int], tuple[int, bool, str | None]] = {}
    by_id: dict[str, bytes] = {}
    for record in schedule.broker.logs[topics.RISK_CHANGED.name, partition]:
        change = _decoded("risk_changed", record.value or b"")
        if change["generation"] != epoch.generation:
            continue
        if by_id.setdefault(change["event_id"], record.value or b"") != record.value:
            yield f"contradictory transition {change['tutor_id']} {change['transition']}"
        name = record.key or b"", change["transition"]
        said[name] = change["occurred_at"], change["is_high_risk"], change["evidence"]
    expected = {
        (key, number): (instant, verdict > 0, EVIDENCE[verdict])
        for key, one in naive.items()
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
        alerts = {r.value for r in schedule.broker.logs[topics.HIGH_RISK.name, partition]}
        if len(schedule.epochs) == 1 and len(alerts) != len(expected):
            yield f"{len(alerts)} alerts, not {len(expected)}"


# State


def _clean_fold(epoch: Epoch, partition: int) -> tuple[dict[bytes, TutorRow], dict[int, int]]:
    """The rows after one undisturbed fold of the whole log in plain Python, and the fate of each
    offset."""
    rows = ReferenceRows(RULE)
    log = epoch.logs[partition]
    if not log:
        return rows.rows, {}
    batch = decode_records(log)
    rows.fold(batch.columns)
    return rows.rows, dict(zip(batch.columns.offset.tolist(), rows.fates, strict=True))


def _last(schedule: Schedule, topic: str, partition: int) -> dict[bytes, bytes]:
    """The last record of each key, as compaction left them."""
    return {
        record.key or b"": record.value or b""
        for record in schedule.broker.logs[topic, partition]
        if not record.gone
    }


def _wrong_rows(
    schedule: Schedule,
    partition: int,
    epoch: Epoch,
    naive: dict[bytes, Naive],
    clean: dict[bytes, TutorRow],
) -> Iterator[str]:
    if set(clean) != set(naive):
        yield f"rows of {set(clean)}, not {set(naive)}"
    kept = {
        key: value
        for key, value in _last(schedule, CHANGELOG, partition).items()
        if generation_of(value) == epoch.generation
    }
    scores = _last(schedule, topics.SCORE.name, partition)
    saying = Outputs(RULE, epoch.generation, partition, THRESHOLD).saying
    for key, one in naive.items():
        row = clean[key]
        counts = tuple((row.total(w), row.reschedules(w)) for w in range(3))
        if (row.clock, counts, row.verdict) != (one.clock, one.counts, one.verdict):
            yield f"{key!r}: the fold gives {row.clock} {counts} {row.verdict}, not {one}"
        expected = reference.score(key, row, saying)
        if scores.get(key) != expected:
            yield f"{key!r}: the last score is not the right one"
        if kept.get(key, b"")[:-4] != row.encode():
            yield f"{key!r}: the last row in the changelog is not the right one"
    for key in kept.keys() - naive.keys():
        yield f"{key!r}: a row without records"


# Progress


def _wrong_progress(
    schedule: Schedule, partition: int, epoch: Epoch, told: dict[bytes, list[Told]]
) -> Iterator[str]:
    log = schedule.broker.logs[topics.PROGRESS.name, partition]
    claims = [(record, _decoded("partition_progress", record.value or b"")) for record in log]
    claims = [claim for claim in claims if claim[1]["generation"] == epoch.generation]
    end = len(epoch.logs[partition])
    if not claims:
        if end:
            yield "no progress was reported"
        return
    final = claims[-1][1]
    newest = epoch.logs[partition][-1].timestamp if end else -1
    if final["applied_offset"] != end - 1 or final["applied_until"] < newest:
        yield f"the last progress is {final}, but the log ends at {end}, {newest}"
    if schedule.config.time == "wall" and final["applied_until"] < schedule.broker.now - MINUTE:
        yield f"the last progress is {final}, but it is {schedule.broker.now}"
    for record, claim in claims[:: max(1, len(claims) // PROGRESS_LOOKED_AT)] + claims[-1:]:
        yield from _wrong_claim(schedule, partition, epoch, told, record, claim)


def _wrong_claim(
    schedule: Schedule,
    partition: int,
    epoch: Epoch,
    told: dict[bytes, list[Told]],
    record: Stored,
    claim: dict[str, Any],
) -> Iterator[str]:
    applied, until = claim["applied_offset"], claim["applied_until"]
    known = max((one.timestamp for one in epoch.logs[partition][: applied + 1]), default=-1)
    if schedule.config.live:
        known = max(known, record.landed_at + 2_000)  # The greatest skew of a worker's clock.
    if until > known:
        yield f"claims {until}, but only {known} is known: {claim}"
    best: dict[bytes, tuple[int, int, bytes]] = {}
    for one in schedule.broker.logs[topics.SCORE.name, partition][: claim["score_offset"]]:
        key, value = one.key or b"", one.value or b""
        generation, version = version_of_score(value)
        if generation == epoch.generation:
            best[key] = max(best.get(key, (-1, -1, b"")), (generation, version, value))
    scores = {key: _decoded("tutor_score", value) for key, (_, _, value) in best.items()}
    for key, records in told.items():
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


def _wrong_fates(
    schedule: Schedule, partition: int, epoch: Epoch, expected: dict[int, int]
) -> Iterator[str]:
    for record in epoch.logs[partition]:
        fates = schedule.ledger.fates.get((epoch.generation, partition, record.offset), set())
        refused = _is_refused(epoch, partition, record)
        if refused and fates:
            yield f"offset {record.offset} is refused, and {fates}"
        elif not refused and fates != {expected.get(record.offset)}:
            yield f"offset {record.offset} has fates {fates}, not {expected.get(record.offset)}"


def _wrong_letters(schedule: Schedule, partition: int) -> Iterator[str]:
    refused = {
        (record.offset, record.value)
        for epoch in schedule.epochs
        for record in epoch.logs[partition]
        if _is_refused(epoch, partition, record)
    }
    letters = set()
    for record in schedule.broker.logs[LETTERS, partition]:
        headers = dict(record.headers)
        letters.add((int(headers[PREFIX + "offset"] or b""), record.value))
    for letter in letters - refused:
        yield f"a dead letter for the valid offset {letter[0]}"
    last = schedule.epochs[-1]
    for record in last.logs[partition]:
        if _is_refused(last, partition, record) and (record.offset, record.value) not in letters:
            yield f"no dead letter for the refused offset {record.offset}"


# Poison


def _wrong_stop(schedule: Schedule, run: PartitionRun) -> Iterator[str]:
    (epoch,) = [one for one in schedule.epochs if one.generation == run.generation]
    longest = current = 0
    for record in run.seen:
        current = current + 1 if _is_refused(epoch, run.partition, record) else 0
        longest = max(longest, current)
    if run.poisoned != (longest >= run.limit.run):
        yield f"{longest} refused in a row, and the partition stopped: {run.poisoned}"
