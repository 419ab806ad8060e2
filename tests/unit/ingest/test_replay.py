"""The order of a replay, and what simulated events look like as lines."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from tests.support.builders import START, an_event
from tests.unit.ingest.files import CSV, MAPPING, a_file
from tutor_quality.domain.sessions import EventType
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.lines import as_line, parse_line
from tutor_quality.ingest.mapping import load_mapping
from tutor_quality.ingest.people import Person, merged
from tutor_quality.ingest.replay import Dataset, iso, read_dataset
from tutor_quality.simulation import SimulationConfig, simulate

HEADER = CSV.strip().splitlines()[0] + "\n"


def a_dataset(folder: Path, *files: str) -> Dataset:
    mapping = load_mapping(a_file(folder, "m.yaml", MAPPING))
    paths = [a_file(folder, f"{n}.csv", HEADER + text) for n, text in enumerate(files)]
    return read_dataset([(path, mapping) for path in paths])


def test_events_are_ordered_by_instant_over_all_files(tmp_path: Path) -> None:
    first = "A,t,s,2024-01-01,2024-01-05,held,2024-01-06,\n"
    second = "B,t,s,2024-01-02,2024-01-03,held,2024-01-04,\n"
    events = a_dataset(tmp_path, first, second).timeline()
    assert [iso(event.occurred_at)[8:10] for event in events] == ["01", "02", "04", "06"]


def test_at_one_instant_bookings_come_first_and_then_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = (
        "A,t,s,2024-01-01,2024-01-05,held,2024-01-03,\n"
        "B,t,s,2024-01-03,2024-01-05,,,\n"
        "C,t,s,2024-01-03,2024-01-05,,,\n"
    )
    dataset = a_dataset(tmp_path, rows)
    (file,) = dataset.sessions
    b, c = (row.scheduled for row in file.rows[1:])
    assert dataset.timeline()[1:] == [b, c, file.rows[0].outcome]


def test_what_lies_in_the_future_is_refused_with_file_and_row(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path, "A,t,s,2024-01-01,2024-01-05,held,2024-01-06,\n")
    (at,) = (event.occurred_at for event in dataset.timeline()[1:])
    dataset.refuse_future(at)
    with pytest.raises(InvalidInput, match=r"0\.csv: row 2: completed at 2024-01-06T.* future"):
        dataset.refuse_future(at - 2 * 3_600_000)


def test_a_person_of_several_files_has_one_profile() -> None:
    nameless = Person("1", "anna", None, 20)
    named = Person("1", "anna", "Anna Berg", 10)
    assert merged([nameless, named]) == [Person("1", "anna", "Anna Berg", 10)]
    assert nameless.name is None


def test_simulated_events_survive_as_lines() -> None:
    config = SimulationConfig(start_ms=START, end_ms=START + 10**9, tutors=3, events=300)
    facts = list(simulate(config, np.random.default_rng(1)))
    assert facts
    assert [parse_line(as_line(*fact), now=0) for fact in facts] == facts


def test_a_line_without_a_time_of_recording_is_recorded_now() -> None:
    event = an_event(event_type=EventType.SCHEDULED, occurred_at=START)
    line = orjson.loads(as_line(0, event))
    del line["recorded_at"]
    assert parse_line(orjson.dumps(line), now=START + 5) == (START + 5, event)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"sesion_id": 1}', "unknown field 'sesion_id'"),
        (b'{"event_id": "1"}', "event_id"),
        (as_line(START, an_event(occurred_at=START + 10**7)), "after the record's timestamp"),
    ],
)
def test_a_line_that_the_pipeline_would_refuse_is_refused(line: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_line(line, now=START)
