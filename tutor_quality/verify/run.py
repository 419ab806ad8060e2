"""One verification from beginning to end."""

import random
from contextlib import suppress
from dataclasses import dataclass

from tutor_quality.domain.risk import RiskRule
from tutor_quality.errors import NotFound
from tutor_quality.ingest.catch_up import (
    Log,
    PartitionStopped,
    lifecycle_ends,
    wait_until_applied,
)
from tutor_quality.storage.engine import open_pool
from tutor_quality.verify.core import counts_of_the_product
from tutor_quality.verify.log import History, read_histories, read_raw
from tutor_quality.verify.proof import Proof, compare_changes, compare_counts, compare_scores
from tutor_quality.verify.recount import WINDOWS, Counts, counts_at, winners
from tutor_quality.verify.scores import Snapshot, read_snapshot

SAMPLE = 20
"""Tutors whose transitions are recomputed unless all are asked for: it takes time."""
PATIENCE_SECONDS = 120.0

NOTHING: Counts = ((0, 0),) * len(WINDOWS)


@dataclass(frozen=True, slots=True)
class Question:
    bootstrap: str
    database_url: str
    generation: int
    tutor: str | None = None
    all_transitions: bool = False
    wait: bool = True
    """For the stages to apply what stands in the log now."""


@dataclass(frozen=True, slots=True)
class Answer:
    proof: Proof
    tutors: int
    transitions_of: int
    """Tutors whose transitions were recomputed."""
    behind: int
    """Records that stood in the log when we began and were not applied."""
    stopped: dict[int, str]
    """Partition -> why it stands still, and what to do."""
    as_of: int | None
    """Greatest instant compared, ms; None = nothing was."""

    @property
    def holds(self) -> bool:
        return not self.proof.differences and not self.behind


async def verify_now(question: Question) -> Answer:
    """Postgres against the raw log. Raises NotFound for a tutor that neither knows."""
    ends, snapshot = await _snapshot(question)
    histories = read_histories(question.bootstrap, question.tutor)
    if question.tutor is not None and not histories and not snapshot.scores:
        raise NotFound(f"no tutor {question.tutor} in the log or in Postgres")
    proof = Proof()
    compare_scores(proof, histories, snapshot)
    sample = _sample(question, sorted(set(histories) & set(snapshot.scores)))
    for tutor in sample:
        found = snapshot.changes.get(tutor, [])
        compare_changes(proof, tutor, histories[tutor], snapshot.scores[tutor], found)
    instants = [score.as_of for score in snapshot.scores.values()]
    instants += [progress.applied_until for progress in snapshot.progress.values()]
    return Answer(
        proof,
        len(histories),
        len(sample),
        _behind(ends, snapshot),
        {p: progress.stopped for p, progress in snapshot.progress.items() if progress.stopped},
        max(instants, default=None),
    )


async def _snapshot(question: Question) -> tuple[dict[int, int], Snapshot]:
    log = Log(question.bootstrap)
    ends = lifecycle_ends(log.ends())
    pool = await open_pool(
        question.database_url, application_name="tq-verify", read_only=True, max_size=2
    )
    async with pool:
        if question.wait:
            # What a stopped partition has applied is compared all the same, and the rest told.
            with suppress(PartitionStopped):
                await wait_until_applied(
                    pool,
                    log,
                    generation=question.generation,
                    until=0,
                    patience_seconds=PATIENCE_SECONDS,
                )
        return ends, await read_snapshot(pool, question.generation, question.tutor)


def _behind(ends: dict[int, int], snapshot: Snapshot) -> int:
    applied = {p: progress.applied_offset + 1 for p, progress in snapshot.progress.items()}
    return sum(max(end - applied.get(p, 0), 0) for p, end in ends.items())


def _sample(question: Question, tutors: list[str]) -> list[str]:
    """The same ones every time."""
    if question.all_transitions or len(tutors) <= SAMPLE:
        return tutors
    return random.Random(0).sample(tutors, SAMPLE)  # noqa: S311 - not a secret


async def verify_as_of(question: Question, as_of: int, rule: RiskRule) -> Answer:
    """At an instant of the past: the raw log against the product's fold up to it, and against
    the rows in Postgres that still speak for it."""
    _, snapshot = await _snapshot(question)
    histories = {
        tutor: _until(history, as_of)
        for tutor, history in read_histories(question.bootstrap, question.tutor).items()
    }
    known = {tutor: history for tutor, history in histories.items() if history.records}
    raws = (
        raw
        for raw in read_raw(question.bootstrap)
        if question.tutor is None or raw.key == question.tutor.encode()
    )
    product = counts_of_the_product(raws, rule=rule, as_of=as_of)
    proof = Proof()
    for tutor in sorted(set(known) | set(product)):
        records = known[tutor].records if tutor in known else []
        expected = counts_at(winners(records), as_of)
        compare_counts(proof, tutor, as_of, expected, product.get(tutor, NOTHING))
        row = snapshot.scores.get(tutor)
        if row is not None and _speaks_for(snapshot, tutor, as_of):
            compare_counts(proof, tutor, as_of, expected, row.counts)
    return Answer(proof, len(known), 0, 0, {}, as_of)


def _until(history: History, as_of: int) -> History:
    kept = [record for record in history.records if record.timestamp <= as_of]
    return History(history.partition, kept)


def _speaks_for(snapshot: Snapshot, tutor: str, as_of: int) -> bool:
    row = snapshot.scores[tutor]
    progress = snapshot.progress.get(row.partition)
    return (
        progress is not None
        and row.version <= progress.applied_offset
        and row.as_of <= as_of <= progress.applied_until
    )
