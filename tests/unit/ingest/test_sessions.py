"""Rows of a CSV as session events."""

import gzip
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import orjson
import pytest

from tests.unit.ingest.files import CSV, MAPPING, a_file, sessions_of
from tutor_quality.domain.sessions import EventType, InitiatorName
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.mapping import load_sessions_mapping
from tutor_quality.ingest.people import tutor_profiles
from tutor_quality.ingest.sessions import read_sessions

NAMESPACE = uuid5(NAMESPACE_DNS, "tutor-quality")
JAN_1_10H = 1_704_103_200_000
JAN_4_9H = 1_704_358_800_000
JAN_8_16H = 1_704_729_600_000


def one_row(**cells: str) -> str:
    """The first lesson with some of its cells changed, or with further columns."""
    header, first = (line.split(",") for line in CSV.strip().splitlines()[:2])
    row = dict(zip(header, first, strict=True)) | cells
    return ",".join(row) + "\n" + ",".join(row.values()) + "\n"


def test_each_row_is_scheduled_and_has_its_outcome(tmp_path: Path) -> None:
    moved = sessions_of(tmp_path).rows[1]
    assert moved.scheduled.event_type is EventType.SCHEDULED
    assert moved.scheduled.occurred_at == JAN_1_10H + 86_400_000
    assert moved.outcome is not None
    assert moved.outcome.event_type is EventType.RESCHEDULED
    assert moved.outcome.initiator is InitiatorName.TUTOR
    assert moved.outcome.occurred_at == JAN_4_9H
    assert moved.outcome.new_start == JAN_8_16H
    assert moved.outcome.scheduled_start == moved.scheduled.scheduled_start
    assert moved.outcome.duration_minutes == moved.scheduled.duration_minutes == 60


def test_a_slot_whose_outcome_says_none_stays_open(tmp_path: Path) -> None:
    open_slot = sessions_of(tmp_path).rows[2]
    assert open_slot.outcome is None
    assert [event.event_type for event in open_slot.events()] == [EventType.SCHEDULED]


def test_ids_are_made_from_the_files_own_values(tmp_path: Path) -> None:
    event = sessions_of(tmp_path).rows[0].scheduled
    assert event.session_id == str(uuid5(NAMESPACE, "school:session:L1"))
    assert event.tutor_id == str(uuid5(NAMESPACE, "school:tutor:anna"))
    assert event.student_id == str(uuid5(NAMESPACE, "school:student:ben"))
    assert event.event_id == str(uuid5(NAMESPACE, f"school:event:L1:scheduled:{JAN_1_10H}"))


def test_a_uuid_stays_in_lower_case(tmp_path: Path) -> None:
    tutor = "7A1F0000-0000-4000-8000-00000000000B"
    file = sessions_of(tmp_path, csv=one_row(teacher=tutor))
    assert file.rows[0].scheduled.tutor_id == tutor.lower()
    assert list(tutor_profiles(file.people.tutors.values())) == []


def test_the_original_ids_become_names_and_external_ids(tmp_path: Path) -> None:
    tutors = sessions_of(tmp_path).people.tutors.values()
    profiles = {profile["name"]: profile for profile in tutor_profiles(tutors)}
    assert set(profiles) == {"anna", "dora"}
    assert profiles["anna"]["external_id"] == "anna"
    assert profiles["anna"]["updated_at"] == JAN_1_10H


def test_a_name_column_is_shown_instead_of_the_id(tmp_path: Path) -> None:
    mapping = MAPPING.replace("tutor_id: teacher", "tutor_id: teacher\n  tutor_name: who")
    people = sessions_of(tmp_path, csv=one_row(who="Anna Berg"), mapping=mapping).people
    (profile,) = tutor_profiles(people.tutors.values())
    assert (profile["name"], profile["external_id"]) == ("Anna Berg", "anna")


def test_two_slots_of_a_session_that_were_booked_together_are_two_facts(tmp_path: Path) -> None:
    second = CSV.splitlines()[2].replace("05T16", "12T16").replace("05T17", "12T17")
    rows = sessions_of(tmp_path, csv=CSV + second + "\n").rows
    first, twin = rows[0].scheduled, rows[-1].scheduled
    assert (first.session_id, first.occurred_at) == (twin.session_id, twin.occurred_at)
    assert first.event_id != twin.event_id


def test_the_same_row_twice_is_the_same_fact(tmp_path: Path) -> None:
    rows = sessions_of(tmp_path, csv=CSV + CSV.splitlines()[2] + "\n").rows
    assert rows[0].scheduled == rows[-1].scheduled
    assert rows[0].outcome == rows[-1].outcome


def test_rows_that_contradict_each_other_at_one_instant_are_refused(tmp_path: Path) -> None:
    other = CSV.splitlines()[3].replace("01-08T16", "01-09T16")
    with pytest.raises(InvalidInput, match=r"row 5: an earlier row says"):
        sessions_of(tmp_path, csv=CSV + other + "\n")


def test_context_is_a_json_object_with_sorted_keys_and_numbers_as_numbers(tmp_path: Path) -> None:
    context = "context: {level: {type: category}, age: {type: number}, fee: {type: number}}\n"
    file = sessions_of(
        tmp_path, csv=one_row(level="A2", fee="12.50", age="NA"), mapping=MAPPING + context
    )
    assert file.rows[0].scheduled.context == '{"fee":12.5,"level":"A2"}'
    assert file.rows[0].outcome is not None
    assert file.rows[0].outcome.context is None


def test_columns_that_nobody_named_reach_no_event(tmp_path: Path) -> None:
    file = sessions_of(tmp_path, csv=one_row(secret="leak"))
    assert "leak" not in str(file.rows[0])


def test_details_go_to_the_outcome_they_belong_to(tmp_path: Path) -> None:
    roles = "\n  rating: stars\n  started_at: began\n  reason_code: why\n  is_first_session: new"
    mapping = MAPPING.replace("outcome_at: result_at", "outcome_at: result_at" + roles)
    held = {"stars": "4", "began": "2024-01-05T16:03:00Z", "why": "ill", "new": "yes"}
    (row,) = sessions_of(tmp_path, csv=one_row(**held), mapping=mapping).rows
    assert row.outcome is not None
    assert (row.outcome.rating, row.outcome.is_first_session) == (4, True)
    assert row.outcome.started_at == row.outcome.scheduled_start + 180_000
    assert row.outcome.reason_code is None
    off = sessions_of(tmp_path, csv=one_row(**held | {"result": "off"}), mapping=mapping)
    assert off.rows[0].outcome is not None
    assert off.rows[0].outcome.reason_code == "ill"
    assert off.rows[0].outcome.rating is None


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ("", "2024-01-01T10:00:00"),
        ("", "2024-01-01 11:00+01:00"),
        ("timezone: Europe/Vienna", "2024-01-01T11:00:00"),
        ("timezone: Europe/Vienna", "2024-01-01T10:00:00Z"),
        ("formats: ['%d.%m.%Y %H:%M']", "01.01.2024 10:00"),
        ("{formats: ['%d.%m.%Y'], timezone: America/New_York}", "2024-01-01T05:00:00"),
    ],
)
def test_times_are_iso_8601_or_of_a_given_pattern(tmp_path: Path, extra: str, text: str) -> None:
    lines = extra.strip("{}").replace("], ", "]\n")
    file = sessions_of(tmp_path, csv=one_row(booked=text), mapping=f"{lines}\n{MAPPING}")
    assert file.rows[0].scheduled.occurred_at == JAN_1_10H


def test_milliseconds_are_kept(tmp_path: Path) -> None:
    file = sessions_of(tmp_path, csv=one_row(booked="2024-01-01T10:00:00.123456Z"))
    assert file.rows[0].scheduled.occurred_at == JAN_1_10H + 123


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"booked": "yesterday"}, "row 2, column booked: 'yesterday': expected a time"),
        ({"begins": ""}, "row 2, column begins: '': expected a time"),
        ({"result_at": ""}, "row 2, column result_at: '': expected a time"),
        ({"result": "lost"}, "row 2, column result: 'lost' is not under outcomes: 'held'"),
        ({"teacher": ""}, "row 2, column teacher: '': expected a value"),
        ({"teacher": "an\0na"}, "row 2, column teacher: 'an\\x00na': contains a NUL character"),
        ({"booked": "1969-12-31T23:59:59Z"}, "row 2, column booked"),
    ],
)
def test_a_wrong_cell_is_refused_with_file_row_and_column(
    tmp_path: Path, cells: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        sessions_of(tmp_path, csv=one_row(**cells))
    assert str(tmp_path / "lessons.csv") in str(refused.value)
    assert said in str(refused.value)


def test_a_row_is_counted_by_its_line_in_the_file(tmp_path: Path) -> None:
    text = one_row(pupil='"ben\nand cleo"') + CSV.strip().splitlines()[2].replace("moved", "x")
    with pytest.raises(InvalidInput, match=r"row 4, column result: 'x'"):
        sessions_of(tmp_path, csv=text + "\n")


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"row 1: no column 'pupil'.*there are lesson, teacher"):
        sessions_of(tmp_path, csv=CSV.replace("pupil", "student"))


def test_a_row_with_too_few_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"row 5: 2 cells, but the header names 8"):
        sessions_of(tmp_path, csv=CSV + "L9,anna\n")


def test_plain_and_gzip_files_read_alike(tmp_path: Path) -> None:
    plain = sessions_of(tmp_path)
    packed = tmp_path / "lessons.csv.gz"
    packed.write_bytes(gzip.compress(plain.path.read_bytes()))
    assert read_sessions(packed, plain.mapping).rows == plain.rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "row 1"),
        (b"\xff\xfe\x00a", "not UTF-8"),
        (gzip.compress(b"a" * 10_000)[:-20], "gzip"),
        (b'lesson,"teacher', "row 1"),
    ],
)
def test_a_file_that_is_not_csv_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    mapping = load_sessions_mapping(a_file(tmp_path, "m.yaml", MAPPING))
    with pytest.raises(InvalidInput, match=said):
        read_sessions(path, mapping)


def test_every_context_is_json(tmp_path: Path) -> None:
    mapping = MAPPING + "context: {note: {type: category}}\n"
    (row,) = sessions_of(tmp_path, csv=one_row(note='"say ""hi"""'), mapping=mapping).rows
    assert row.scheduled.context is not None
    assert orjson.loads(row.scheduled.context) == {"note": 'say "hi"'}
