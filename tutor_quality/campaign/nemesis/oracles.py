"""Everything that must hold once faults are mended and nothing is behind.

The raw log is judged and counted by `tutor_quality.verify`, which shares no code with the stages.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas import registry, topics
from schemas.codec import decode
from streams.dead_letters import PREFIX
from streams.rows import version_of
from tutor_quality.campaign.nemesis.load import DAY, Load
from tutor_quality.campaign.nemesis.observed import Tables
from tutor_quality.campaign.nemesis.records import Stored
from tutor_quality.verify.log import History, Raw, Record, judge
from tutor_quality.verify.proof import Proof, compare_changes, compare_scores
from tutor_quality.verify.recount import WHOLE, WINDOWS, Change, winners
from tutor_quality.verify.scores import Score, Snapshot

LONGEST_MS = 90 * DAY
TICK = registry.header(registry.latest("tutor_tick").id)
LETTERS = topics.dead_letters(topics.LIFECYCLE).name
Place = tuple[int, int]
"""Partition and offset of a record of the input."""


@dataclass(slots=True)
class Ledger:
    """The fate of every record of the input, and what the output topics have said so far."""

    fates: Counter[str] = field(default_factory=Counter)
    refused: dict[Place, bytes | None] = field(default_factory=dict)
    """With the refused bytes."""
    letters: dict[Place, tuple[object, ...]] = field(default_factory=dict)
    """By the place of the record that each is about."""
    histories: dict[str, History] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    """The newest of each tutor."""
    last_score: dict[str, int] = field(default_factory=dict)
    """The version of the last one of each tutor: what compaction would keep."""
    last_row: dict[str, tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=dict)
    """(newest, last) version of each tutor's rows in the changelog."""
    changes: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    """By tutor and number."""
    change_ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    alerts: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    """By tutor and id."""
    repeats: Counter[str] = field(default_factory=Counter)
    """Of output records, by topic: allowed, as they are equal."""
    problems: list[str] = field(default_factory=list)
    """Not yet told."""
    _seen: set[str] = field(default_factory=set)
    _clocks: dict[str, int] = field(default_factory=dict)

    def take(self, news: Mapping[str, Sequence[Stored]]) -> None:
        for record in news[topics.LIFECYCLE.name]:
            self._take_input(record)
        for record in news[LETTERS]:
            self._take_letter(record)
        for record in news[topics.SCORE.name]:
            self._take_score(decode("tutor_score", record.value or b""))
        for record in news[topics.RISK_CHANGED.name]:
            self._take_change(record.value or b"")
        for record in news[topics.HIGH_RISK.name]:
            self._take_alert(record.value or b"")
        for record in news[topics.SCORE_CHANGELOG.name]:
            self._take_row((record.key or b"").decode(), version_of(record.value or b""))

    def _take_input(self, record: Stored) -> None:
        raw = Raw(record.partition, record.offset, record.timestamp, record.key, record.value)
        legal = judge(raw)
        if legal is not None:
            assert raw.key is not None
            tutor = raw.key.decode()
            self.histories.setdefault(tutor, History(raw.partition)).records.append(legal)
            self.fates[self._fate(tutor, raw, legal)] += 1
        elif _is_mark(raw):
            self.fates["mark"] += 1
        else:
            self.refused[raw.partition, raw.offset] = raw.value
            self.fates["dead letter"] += 1

    def _fate(self, tutor: str, raw: Raw, record: Record) -> str:
        clock = self._clocks[tutor] = max(self._clocks.get(tutor, -1), raw.timestamp)
        if (raw.value or b"").startswith(TICK):
            return "tick"
        if record.outcome is None:
            return "applied"
        if record.outcome.event_id in self._seen:
            return "duplicate"
        self._seen.add(record.outcome.event_id)
        return "late" if record.outcome.occurred_at <= clock - LONGEST_MS else "applied"

    def _take_letter(self, record: Stored) -> None:
        headers = {name: value or b"" for name, value in record.headers}
        place = int(headers[f"{PREFIX}partition"]), int(headers[f"{PREFIX}offset"])
        said = (record.key, record.value, headers["tq_reason"])
        self._expect_equal(f"dead letter of {place}", self.letters.setdefault(place, said), said)

    def _take_score(self, score: Mapping[str, object]) -> None:
        found = _score(score)
        tutor = str(score["tutor_id"])
        known = self.scores.get(tutor)
        if known is not None and known.version == found.version:
            self.repeats["score"] += 1
            self._expect_equal(f"score {found.version} of {tutor}", known, found)
        elif known is None or known.version < found.version:
            self.scores[tutor] = found
        self.last_score[tutor] = found.version

    def _take_row(self, tutor: str, version: tuple[int, int]) -> None:
        newest, _ = self.last_row.get(tutor, (version, version))
        self.last_row[tutor] = max(newest, version), version

    def _take_change(self, value: bytes) -> None:
        change = decode("risk_changed", value)
        of_tutor = self.changes[change["tutor_id"]]
        name = f"transition {change['transition']} of {change['tutor_id']}"
        self.repeats["risk-changed"] += change["transition"] in of_tutor
        self._expect_equal(name, of_tutor.setdefault(change["transition"], value), value)
        self.change_ids[change["tutor_id"]].add(change["event_id"])

    def _take_alert(self, value: bytes) -> None:
        alert = decode("high_risk_alert", value)
        of_tutor = self.alerts[alert["tutor_id"]]
        self.repeats["high-risk"] += alert["event_id"] in of_tutor
        name = f"alert {alert['event_id']}"
        self._expect_equal(name, of_tutor.setdefault(alert["event_id"], value), value)

    def _expect_equal(self, name: str, first: object, other: object) -> None:
        if first != other:
            self.problems.append(f"{name} was said twice, differently: {first!r} and {other!r}")

    def snapshot(self, tutors: Iterable[str], tables: Snapshot) -> Snapshot:
        """What the topics say of some tutors, in the form of what Postgres says."""
        ours = list(tutors)
        return Snapshot(
            {tutor: self.scores[tutor] for tutor in ours if tutor in self.scores},
            tables.progress,
            {tutor: self._changes_of(tutor) for tutor in ours},
        )

    def _changes_of(self, tutor: str) -> list[Change]:
        numbered = self.changes.get(tutor, {})
        changes = (decode("risk_changed", numbered[number]) for number in sorted(numbered))
        return [
            Change(change["occurred_at"], change["cause_offset"], change["evidence"])
            for change in changes
        ]

    def unhealed(self) -> list[str]:
        """Tutors of whom compaction would keep an old score or row."""
        scores = {t for t, last in self.last_score.items() if last != self.scores[t].version}
        rows = {tutor for tutor, (newest, last) in self.last_row.items() if newest != last}
        return sorted(scores | rows)


def _is_mark(raw: Raw) -> bool:
    """Whether it only says what time it is in the partition."""
    value = raw.value or b""
    return (
        not raw.key and value.startswith(TICK) and decode("tutor_tick", value)["tutor_id"] is None
    )


def _score(score: Mapping[str, object]) -> Score:
    facts: Mapping[str, object] = score
    threshold = facts["risk_threshold"]
    assert isinstance(threshold, float)
    return Score(
        partition=facts["partition"],  # type: ignore[arg-type]
        version=facts["version"],  # type: ignore[arg-type]
        as_of=facts["as_of"],  # type: ignore[arg-type]
        counts=tuple(
            (facts[f"total_sessions_{d}d"], facts[f"tutor_reschedules_{d}d"])  # type: ignore[misc]
            for d in WINDOWS
        ),
        is_high_risk=facts["is_high_risk"],  # type: ignore[arg-type]
        reasons=list(facts["reasons"]),  # type: ignore[call-overload]
        threshold=round(threshold * WHOLE),
    )


def check(ledger: Ledger, load: Load, tables: Tables) -> tuple[int, list[str]]:
    """(values compared, what does not hold) of one schedule's tutors."""
    histories = {
        tutor: ledger.histories[tutor] for tutor in load.tutors if tutor in ledger.histories
    }
    proof = Proof()
    for snapshot in (ledger.snapshot(load.tutors, tables.snapshot), tables.snapshot):
        compare_scores(proof, histories, snapshot)
        for tutor, history in histories.items():
            score = snapshot.scores.get(tutor)
            if score is not None:
                found = snapshot.changes.get(tutor, [])
                compare_changes(proof, tutor, history, score, found)
    problems = [str(difference) for difference in proof.differences]
    problems += ledger.problems
    ledger.problems.clear()
    problems += _check_applied(ledger, histories)
    problems += _check_tables(ledger, load, histories, tables)
    problems += _check_letters(ledger, tables)
    return proof.compared, problems


def _check_applied(ledger: Ledger, histories: Mapping[str, History]) -> list[str]:
    """The newest score of each tutor has applied the tutor's last record."""
    return [
        f"{tutor}: last record at {history.records[-1].offset}, score of {score}"
        for tutor, history in histories.items()
        if (score := ledger.scores.get(tutor)) is None
        or score.version != history.records[-1].offset
    ]


def _check_tables(
    ledger: Ledger, load: Load, histories: Mapping[str, History], tables: Tables
) -> list[str]:
    outcomes = {
        outcome.slot: outcome.event_id
        for history in histories.values()
        for outcome in winners(history.records)
    }
    alerts = {name for tutor in load.tutors for name in ledger.alerts[tutor]}
    changes = {name for tutor in load.tutors for name in ledger.change_ids[tutor]}
    numbers = sum(len(ledger.changes[tutor]) for tutor in load.tutors)
    pairs: list[tuple[str, object, object]] = [
        ("session events", load.event_ids, tables.event_ids),
        ("outcomes of slots", set(outcomes.items()), set(tables.outcomes.items())),
        ("risk changes", changes, tables.risk_changes),
        ("alerts", alerts, tables.alerts),
        ("ids of risk changes", numbers, len(changes)),
        ("alerts of risk changes", numbers, len(alerts)),
    ]
    return [f"{name}: {_differ(right, got)}" for name, right, got in pairs if right != got]


def _check_letters(ledger: Ledger, tables: Tables) -> list[str]:
    """Every refused record has a letter with its bytes; nothing else has."""
    said = {place: letter[1] for place, letter in ledger.letters.items()}
    problems = []
    if said != ledger.refused:
        problems.append(f"dead letters: {_differ(set(ledger.refused.items()), set(said.items()))}")
    if tables.dead_letters != set(ledger.refused):
        problems.append(f"dead letters' table: {_differ(set(ledger.refused), tables.dead_letters)}")
    return problems


def _differ(expected: object, got: object) -> str:
    if isinstance(expected, set | frozenset) and isinstance(got, set | frozenset):
        missing, extra = list(expected - got), list(got - expected)
        return f"{len(missing)} missing {missing[:3]}, {len(extra)} extra {extra[:3]}"
    return f"{expected} expected, {got} found"
