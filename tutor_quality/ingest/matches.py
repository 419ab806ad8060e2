"""The rows of a matches file: who was to learn with whom, and whether it was broken off."""

from dataclasses import dataclass
from pathlib import Path

from tutor_quality.errors import InvalidInput
from tutor_quality.ingest import cells
from tutor_quality.ingest.mapping import MatchesMapping
from tutor_quality.ingest.people import People
from tutor_quality.ingest.sessions import Join, SessionsFile, read_sessions
from tutor_quality.ingest.table import Row, Table, open_table


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRow:
    """Times in ms. The label of the churn model at t is whether `ended_at` follows soon."""

    line: int
    match: str
    """As written."""
    tutor_id: str
    tutor: str
    """As written."""
    student_id: str
    student: str
    """As written."""
    registered_at: int
    starts_at: int
    ends_at: int | None
    """Planned."""
    ended_at: int | None
    """When it was broken off; None = it was not."""
    context: dict[str, int | float | str]
    """By column; what is not known is left out."""


@dataclass(frozen=True, slots=True)
class MatchesFile:
    path: Path
    mapping: MatchesMapping
    rows: list[MatchRow]
    """In the order of the file."""
    people: People
    sessions: SessionsFile | None
    """Of these matches, when the mapping names them."""


def read_matches(path: Path, mapping: MatchesMapping) -> MatchesFile:
    """The whole file and its sessions. Raises InvalidInput, naming file, row and column."""
    people = People(mapping.name)
    with open_table(path) as table:
        table.require(mapping.named_columns(), mapping.path)
        parser = _RowParser(table, mapping, people)
        rows = [parser.parse(row) for row in table.rows]
    return MatchesFile(path, mapping, rows, people, _sessions_of(path, mapping, rows))


class _RowParser:
    def __init__(self, table: Table, mapping: MatchesMapping, people: People) -> None:
        self._table = table
        self._people = people
        self._seen: set[str] = set()
        columns = mapping.columns
        time = cells.time_parser(mapping.timezone, mapping.formats)
        self._match = table.reader(columns["match_id"], cells.filled)
        self._tutor = table.reader(columns["tutor_id"], cells.filled)
        self._student = table.reader(columns["student_id"], cells.filled)
        self._tutor_name = table.optional(columns.get("tutor_name"), cells.category)
        self._student_name = table.optional(columns.get("student_name"), cells.category)
        self._registered_at = table.reader(columns["registered_at"], time)
        self._starts_at = table.reader(columns["starts_at"], time)
        self._ends_at = table.optional(columns.get("ends_at"), cells.optional(time))
        self._ended_at = table.optional(columns.get("ended_at"), cells.optional(time))
        self._context = [
            (column, table.reader(column, cells.CONTEXT[kind]))
            for column, kind in sorted(mapping.context.items())
        ]

    def parse(self, row: Row) -> MatchRow:
        match, tutor, student = self._match(row), self._tutor(row), self._student(row)
        if match in self._seen:
            path, line = self._table.path, row.line
            raise InvalidInput(f"{path}: row {line}: the match {match!r} has an earlier row")
        self._seen.add(match)
        known_at = self._registered_at(row)
        facts = ((column, read(row)) for column, read in self._context)
        return MatchRow(
            line=row.line,
            match=match,
            tutor_id=self._people.tutor(tutor, self._tutor_name(row), known_at),
            tutor=tutor,
            student_id=self._people.student(student, self._student_name(row), known_at),
            student=student,
            registered_at=known_at,
            starts_at=self._starts_at(row),
            ends_at=self._ends_at(row),
            ended_at=self._ended_at(row),
            context={column: fact for column, fact in facts if fact is not None},
        )


def sessions_path(path: Path, mapping: MatchesMapping) -> Path | None:
    """None when the mapping names no sessions. Raises InvalidInput when their file is nowhere."""
    if mapping.sessions is None:
        return None
    places = [folder / mapping.sessions.file for folder in (path.parent, mapping.path.parent)]
    for place in places:
        if place.is_file():
            return place
    looked = " nor ".join(map(str, places))
    raise InvalidInput(f"{mapping.path}: sessions.file: there is neither {looked}")


def _sessions_of(path: Path, mapping: MatchesMapping, rows: list[MatchRow]) -> SessionsFile | None:
    file = sessions_path(path, mapping)
    if file is None or mapping.sessions is None:
        return None
    match_column = mapping.columns["match_id"]
    if not isinstance(match_column, str):
        raise InvalidInput(f"{mapping.path}: columns.match_id: needs a column, not a constant")
    tutors = {row.match: row.tutor for row in rows}
    join = Join(match_column, tutors, {row.match: row.student for row in rows})
    return read_sessions(file, mapping.sessions.map, join=join)
