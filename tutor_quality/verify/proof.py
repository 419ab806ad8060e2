"""Compares what Postgres says with what the raw log says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tutor_quality.verify.log import History, Record
from tutor_quality.verify.recount import (
    WINDOWS,
    Change,
    Counts,
    changes,
    counts_at,
    reasons,
    winners,
)
from tutor_quality.verify.scores import Score, Snapshot


@dataclass(frozen=True, slots=True)
class Difference:
    tutor: str
    window: str | None
    """7d, 30d, 90d; None where it is about the tutor."""
    field: str
    expected: object
    """By the raw log."""
    got: object
    as_of: int | None = None
    """Instant of the comparison, ms."""


@dataclass(slots=True)
class Proof:
    """`compared` counts single values."""

    compared: int = 0
    differences: list[Difference] = field(default_factory=list)

    def expect(self, *, got: object, difference: Difference) -> None:
        """`difference` says what is expected and stands if `got` is something else."""
        self.compared += 1
        if got != difference.expected:
            self.differences.append(difference)


def compare_scores(proof: Proof, histories: Mapping[str, History], snapshot: Snapshot) -> None:
    """Each row must hold at its own instant and, as nothing came after it, at its partition's."""
    _compare_tutors(proof, histories, snapshot)
    for tutor, score in snapshot.scores.items():
        history = histories.get(tutor)
        if history is not None:
            for instant, last in _instants(score, snapshot):
                known = [record for record in history.records if record.offset <= last]
                _compare_at(proof, tutor, score, known, instant)


def _compare_tutors(proof: Proof, histories: Mapping[str, History], snapshot: Snapshot) -> None:
    """Whoever is in the log, as far as it was applied, has a row; nobody else has."""
    for tutor, history in histories.items():
        progress = snapshot.progress.get(history.partition)
        if progress is None or history.records[0].offset > progress.applied_offset:
            continue
        there = tutor in snapshot.scores
        proof.expect(got=there, difference=Difference(tutor, None, "has_a_row", True, there))
    for tutor in snapshot.scores:
        if tutor not in histories:
            proof.differences.append(Difference(tutor, None, "has_a_row", False, True))


def _instants(score: Score, snapshot: Snapshot) -> Iterator[tuple[int, int]]:
    """(instant, greatest offset that counts)."""
    yield score.as_of, score.version
    progress = snapshot.progress.get(score.partition)
    # The row may be newer than the partition's last report: then it speaks for itself only.
    if progress is not None and score.version <= progress.applied_offset:
        yield max(progress.applied_until, score.as_of), progress.applied_offset


def _compare_at(proof: Proof, tutor: str, score: Score, known: list[Record], instant: int) -> None:
    expected = counts_at(winners(known), instant)
    compare_counts(proof, tutor, instant, expected, score.counts)
    flags = reasons(expected, score.threshold)
    for name, value, got in (
        ("is_high_risk", bool(flags), score.is_high_risk),
        ("reasons", flags, score.reasons),
    ):
        difference = Difference(tutor, None, name, value, got, instant)
        proof.expect(got=got, difference=difference)


def compare_counts(proof: Proof, tutor: str, instant: int, expected: Counts, got: Counts) -> None:
    for days, right, found in zip(WINDOWS, expected, got, strict=True):
        for name, value, other in zip(
            ("total_sessions", "tutor_reschedules"), right, found, strict=True
        ):
            difference = Difference(tutor, f"{days}d", name, value, other, instant)
            proof.expect(got=other, difference=difference)


def compare_changes(
    proof: Proof,
    tutor: str,
    history: History,
    score: Score,
    found: list[Change],
) -> None:
    """Every transition that the records up to the row's version make: instants, direction,
    evidence and cause."""
    known = [record for record in history.records if record.offset <= score.version]
    expected = changes(known, score.threshold)
    got = [change for change in found if change.offset <= score.version]
    for number in range(max(len(expected), len(got))):
        right = expected[number] if number < len(expected) else None
        other = got[number] if number < len(got) else None
        difference = Difference(tutor, None, f"transition_{number + 1}", right, other)
        proof.expect(got=other, difference=difference)
