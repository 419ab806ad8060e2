"""The rows of a sessions file as session events."""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as ReadOnlyDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import orjson

from tutor_quality.domain.legality import HAS_INITIATOR, MAX_REASON, MAX_REASON_CODE, check_event
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.errors import IllegalEvent, InvalidInput
from tutor_quality.ingest import cells
from tutor_quality.ingest.ids import derived_id, entity_id
from tutor_quality.ingest.mapping import Outcome, SessionsMapping
from tutor_quality.ingest.people import People
from tutor_quality.ingest.table import Row, Table, open_table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One row: the slot became known and, unless it is still open, had an outcome."""

    line: int
    scheduled: SessionEvent
    outcome: SessionEvent | None
    outcome_value: str
    """Of the outcome column, as written; "" without one. Labels speak of it."""

    def events(self) -> Iterator[SessionEvent]:
        yield self.scheduled
        if self.outcome is not None:
            yield self.outcome


@dataclass(frozen=True, slots=True)
class SessionsFile:
    path: Path
    mapping: SessionsMapping
    rows: list[SessionRow]
    """In the order of the file."""
    people: People


@dataclass(frozen=True, slots=True)
class Join:
    """The people of the matches that sessions belong to."""

    column: str
    """Of the matches file: names the match there, and here unless the mapping does."""
    tutors: ReadOnlyDict[str, str]
    """Match -> tutor, both as written."""
    students: ReadOnlyDict[str, str]

    def tutor(self, match: str) -> str:
        return _of_match(self.tutors, match)

    def student(self, match: str) -> str:
        return _of_match(self.students, match)


def _of_match(people: ReadOnlyDict[str, str], match: str) -> str:
    try:
        return people[match]
    except KeyError:
        raise cells.Unparsable("expected a match of the matches file") from None


def read_sessions(
    path: Path, mapping: SessionsMapping, *, join: Join | None = None
) -> SessionsFile:
    """The whole file. Raises InvalidInput, naming file, row and column."""
    people = People(mapping.name)
    with open_table(path) as table:
        table.require(mapping.named_columns(), mapping.path)
        parser = _RowParser(table, mapping, people, join)
        rows = [parser.parse(row) for row in table.rows]
    return SessionsFile(path, mapping, rows, people)


@dataclass(slots=True)
class _Slot:
    """What both events of a row say."""

    session: str
    """As written."""
    session_id: str
    tutor_id: str
    student_id: str
    created_at: int
    start: int
    minutes: int | None
    is_first: bool | None


class _RowParser:
    """One reader per role, made once, so that a row costs a few calls."""

    def __init__(
        self, table: Table, mapping: SessionsMapping, people: People, join: Join | None
    ) -> None:
        self._table = table
        self._mapping = mapping
        self._people = people
        self._ids = _EventIds(table.path, mapping.name)
        self._time = cells.time_parser(mapping.timezone, mapping.formats)
        self._tutor = self._tutor_reader(join)
        self._student = self._student_reader(join)
        self._read_slots()
        self._read_outcomes()

    def _read_slots(self) -> None:
        self._session = self._role("session_id", cells.filled)
        self._tutor_name = self._optional("tutor_name", cells.category)
        self._student_name = self._optional("student_name", cells.category)
        self._created_at = self._role("created_at", self._time)
        self._scheduled_start = self._role("scheduled_start", self._time)
        self._minutes = self._optional("duration_minutes", lru_cache(1 << 12)(cells.minutes))
        self._is_first = self._optional("is_first_session", cells.truth)
        self._context = [
            (column, self._table.reader(column, cells.CONTEXT[kind]))
            for column, kind in sorted(self._mapping.context.items())
        ]

    def _read_outcomes(self) -> None:
        self._outcome_value = self._optional("outcome", str)
        self._outcome_at = self._optional("outcome_at", self._time)
        self._reason_code = self._optional("reason_code", cells.words(MAX_REASON_CODE))
        self._reason = self._optional("reason", cells.words(MAX_REASON))
        self._started_at = self._optional("started_at", cells.optional(self._time))
        self._ended_at = self._optional("ended_at", cells.optional(self._time))
        self._rating = self._optional("rating", cells.rating)
        moves = {outcome.new_start for outcome in self._mapping.outcomes.values()}
        self._new_start = {
            column: self._table.reader(column, cells.optional(self._time))
            for column in moves
            if column is not None
        }

    def _role(self, role: str, parse: Callable[[str], T]) -> Callable[[Row], T]:
        return self._table.reader(self._mapping.columns[role], parse)

    def _optional(self, role: str, parse: Callable[[str], T]) -> Callable[[Row], T | None]:
        return self._table.optional(self._mapping.columns.get(role), parse)

    def _tutor_reader(self, join: Join | None) -> Callable[[Row], str]:
        if "tutor_id" in self._mapping.columns:
            return self._role("tutor_id", cells.filled)
        if join is None:
            raise InvalidInput(
                f"{self._mapping.path}: columns: 'tutor_id' is missing; only sessions that are"
                " joined to a matches file have their tutors from there"
            )
        return self._of_match(join, join.tutor)

    def _student_reader(self, join: Join | None) -> Callable[[Row], str]:
        if join is None:
            known = "student_id" in self._mapping.columns
            return self._role("student_id" if known else "match_id", cells.filled)
        return self._of_match(join, join.student)

    def _of_match(self, join: Join, person: Callable[[str], str]) -> Callable[[Row], str]:
        column = self._mapping.columns.get("match_id", join.column)
        self._table.require({column} if isinstance(column, str) else set(), self._mapping.path)
        return self._table.reader(column, person)

    def parse(self, row: Row) -> SessionRow:
        slot = self._slot_of(row)
        value = self._outcome_value(row) or ""
        outcome = self._outcome_of(row, value, slot)
        return SessionRow(row.line, self._scheduled(row, slot), outcome, value)

    def _slot_of(self, row: Row) -> _Slot:
        session, created_at = self._session(row), self._created_at(row)
        return _Slot(
            session=session,
            session_id=entity_id(self._mapping.name, "session", session),
            tutor_id=self._people.tutor(self._tutor(row), self._tutor_name(row), created_at),
            student_id=self._people.student(
                self._student(row), self._student_name(row), created_at
            ),
            created_at=created_at,
            start=self._scheduled_start(row),
            minutes=self._minutes(row),
            is_first=self._is_first(row),
        )

    def _scheduled(self, row: Row, slot: _Slot) -> SessionEvent:
        event = SessionEvent(
            event_id=self._ids.give(row, slot, EventType.SCHEDULED, slot.created_at),
            event_type=EventType.SCHEDULED,
            session_id=slot.session_id,
            tutor_id=slot.tutor_id,
            student_id=slot.student_id,
            scheduled_start=slot.start,
            occurred_at=slot.created_at,
            duration_minutes=slot.minutes,
            is_first_session=slot.is_first,
            context=self._context_of(row),
        )
        return self._legal(row, event)

    def _context_of(self, row: Row) -> str | None:
        """A JSON object with sorted keys; what is not known is left out."""
        if not self._context:
            return None
        facts = {column: read(row) for column, read in self._context}
        known = {column: fact for column, fact in facts.items() if fact is not None}
        return orjson.dumps(known).decode()

    def _outcome_of(self, row: Row, value: str, slot: _Slot) -> SessionEvent | None:
        if "outcome" not in self._mapping.columns:
            return None
        outcome = self._mapping.outcomes.get(value)
        if outcome is None:
            known = ", ".join(map(repr, self._mapping.outcomes))
            raise self._refusal(row, "outcome", f"{value!r} is not under outcomes: {known}")
        occurred_at = None if outcome.event is None else self._outcome_at(row)
        if outcome.event is None or occurred_at is None:
            return None
        event = self._outcome_event(row, slot, outcome, outcome.event, occurred_at)
        return self._legal(row, event)

    def _outcome_event(
        self, row: Row, slot: _Slot, outcome: Outcome, event_type: EventType, at: int
    ) -> SessionEvent:
        moved = event_type in HAS_INITIATOR
        held = event_type is EventType.COMPLETED
        new_start = self._new_start[outcome.new_start](row) if outcome.new_start else None
        says = (outcome.initiator, new_start)
        return SessionEvent(
            event_id=self._ids.give(row, slot, event_type, at, says),
            event_type=event_type,
            session_id=slot.session_id,
            tutor_id=slot.tutor_id,
            student_id=slot.student_id,
            scheduled_start=slot.start,
            occurred_at=at,
            duration_minutes=slot.minutes,
            new_start=new_start,
            initiator=outcome.initiator,
            reason_code=self._reason_code(row) if moved else None,
            reason=self._reason(row) if moved else None,
            started_at=self._started_at(row) if held else None,
            ended_at=self._ended_at(row) if held else None,
            rating=self._rating(row) if held else None,
            is_first_session=slot.is_first,
        )

    def _legal(self, row: Row, event: SessionEvent) -> SessionEvent:
        """What the pipeline would refuse is refused here, where its row is known."""
        try:
            check_event(event, recorded_at=event.occurred_at)
        except IllegalEvent as error:
            raise InvalidInput(f"{self._table.path}: row {row.line}: {error}") from None
        return event

    def _refusal(self, row: Row, role: str, why: str) -> InvalidInput:
        column = self._mapping.columns[role]
        return self._table.refusal(row, column if isinstance(column, str) else role, why)


class _EventIds:
    """uuid5 of "<name>:event:<session>:<event type>:<instant in ms>", session as written.

    Two slots of one session may have such an event at the same instant: the later row's id is
    made of ":<start of the slot in ms>:<tutor id>" too.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._facts: dict[str, tuple[int, int]] = {}
        """Event id -> hashes of its slot and of what it says."""

    def give(
        self, row: Row, slot: _Slot, event_type: EventType, at: int, says: tuple[object, ...] = ()
    ) -> str:
        """Raises InvalidInput when another row says something else of this slot and instant."""
        parts = ("event", slot.session, event_type.value, str(at))
        of_slot, fact = hash((slot.start, slot.tutor_id)), hash(says)
        for candidate in (parts, (*parts, str(slot.start), slot.tutor_id)):
            event_id = derived_id(self._name, *candidate)
            known = self._facts.setdefault(event_id, (of_slot, fact))
            if known == (of_slot, fact):
                return event_id
            if known[0] == of_slot:
                break
        raise InvalidInput(
            f"{self._path}: row {row.line}: an earlier row says that the same slot was {event_type}"
            " at the same instant, but by someone else or to another time"
        )
