"""The mappings of the public data sets, on excerpts of them."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.mapping import MatchesMapping, load_mapping, load_sessions_mapping
from tutor_quality.ingest.matches import MatchesFile, read_matches
from tutor_quality.ingest.sessions import read_sessions

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
MAPPINGS = ROOT / "mappings"


def test_hotel_bookings_become_sessions() -> None:
    mapping = load_sessions_mapping(MAPPINGS / "hotel.yaml")
    rows = read_sessions(DATA / "hotel_excerpt.csv", mapping).rows
    outcomes = Counter(str(row.outcome.event_type) for row in rows if row.outcome)
    assert outcomes == {"completed": 377, "cancelled": 97, "no_show": 6}
    assert not any("x_adr" in (row.scheduled.context or "") for row in rows)


def test_oulad_sessions_stand_alone_with_their_match_as_student() -> None:
    mapping = load_sessions_mapping(MAPPINGS / "oulad_sessions.yaml")
    file = read_sessions(DATA / "oulad_sessions_excerpt.csv", mapping)
    outcomes = Counter(str(row.outcome.event_type) for row in file.rows if row.outcome)
    assert outcomes == {"completed": 146, "rescheduled": 47, "no_show": 18, "cancelled": 2}
    assert all(student.startswith("m-") for student in file.people.students)


@pytest.fixture
def matches(tmp_path: Path) -> MatchesFile:
    """The mapping names a gzip file beside the matches."""
    sessions = (DATA / "oulad_sessions_excerpt.csv").read_bytes()
    (tmp_path / "oulad_sessions_dev.csv.gz").write_bytes(gzip.compress(sessions))
    path = tmp_path / "matches.csv"
    path.write_bytes((DATA / "oulad_matches_excerpt.csv").read_bytes())
    mapping = load_mapping(MAPPINGS / "oulad_matches.yaml")
    assert isinstance(mapping, MatchesMapping)
    return read_matches(path, mapping)


def test_oulad_matches_know_when_they_were_broken_off(matches: MatchesFile) -> None:
    broken = [row for row in matches.rows if row.ended_at is not None]
    assert (len(matches.rows), len(broken)) == (49, 9)
    assert all(row.ended_at >= row.registered_at for row in broken if row.ended_at)


def test_sessions_get_the_students_of_their_matches(matches: MatchesFile) -> None:
    assert matches.sessions is not None
    students = {row.student_id for row in matches.rows}
    assert {row.scheduled.student_id for row in matches.sessions.rows} <= students
    assert all(student.startswith("st-") for student in matches.sessions.people.students)


def test_sessions_without_tutors_get_those_of_their_matches(
    matches: MatchesFile, tmp_path: Path
) -> None:
    text = (MAPPINGS / "oulad_sessions.yaml").read_text("utf-8")
    (tmp_path / "oulad_sessions.yaml").write_text(text.replace("  tutor_id: tutor_id\n", ""))
    (tmp_path / "m.yaml").write_bytes((MAPPINGS / "oulad_matches.yaml").read_bytes())
    mapping = load_mapping(tmp_path / "m.yaml")
    assert isinstance(mapping, MatchesMapping)
    again = read_matches(matches.path, mapping)
    assert matches.sessions is not None and again.sessions is not None
    assert again.sessions.rows == matches.sessions.rows
    with pytest.raises(InvalidInput, match="'tutor_id' is missing"):
        read_sessions(again.sessions.path, again.sessions.mapping)


def test_a_match_that_is_listed_twice_is_refused(matches: MatchesFile) -> None:
    lines = matches.path.read_text().splitlines(keepends=True)
    matches.path.write_text("".join([*lines, lines[1]]))
    with pytest.raises(InvalidInput, match=r"row 51: the match 'm-AAA-2013J"):
        read_matches(matches.path, matches.mapping)


def test_sessions_of_an_unknown_match_are_refused(matches: MatchesFile) -> None:
    lines = matches.path.read_text().splitlines(keepends=True)
    matches.path.write_text("".join(lines[:2]))
    with pytest.raises(InvalidInput, match=r"column match_id.*expected a match"):
        read_matches(matches.path, matches.mapping)


def test_missing_sessions_are_said_to_be_missing(matches: MatchesFile) -> None:
    (matches.path.parent / "oulad_sessions_dev.csv.gz").unlink()
    with pytest.raises(InvalidInput, match=r"sessions\.file: there is neither"):
        read_matches(matches.path, matches.mapping)
