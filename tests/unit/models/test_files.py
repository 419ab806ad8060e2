from pathlib import Path

import pytest

from models.files import feature_spec, label_rule, read_history
from tests.unit.ingest.files import CSV, MAPPING, a_file
from tutor_quality.domain.sessions import EventType, InitiatorName
from tutor_quality.errors import InvalidInput
from tutor_quality.features import LabelRule
from tutor_quality.ingest.mapping import SessionsMapping, load_sessions_mapping


def a_mapping(folder: Path, more: str = "", mapping: str = MAPPING) -> SessionsMapping:
    return load_sessions_mapping(a_file(folder, "school.yaml", mapping + more))


def test_without_a_label_the_rule_is_that_the_tutor_moved_it(tmp_path: Path) -> None:
    assert label_rule(a_mapping(tmp_path)) == LabelRule.tutor_moved()


def test_label_values_become_the_endings_that_the_outcomes_make_of_them(tmp_path: Path) -> None:
    rule = label_rule(a_mapping(tmp_path, 'label: {bad: ["off"], censored: [moved]}\n'))
    assert rule.bad == {(EventType.CANCELLED, InitiatorName.TUTOR)}
    assert rule.censored == {(EventType.RESCHEDULED, InitiatorName.TUTOR)}


def test_values_that_become_one_event_cannot_have_two_labels(tmp_path: Path) -> None:
    mapping = MAPPING.replace("  off:", "  late: {event: completed}\n  off:")
    with pytest.raises(InvalidInput, match="the same event"):
        label_rule(a_mapping(tmp_path, "label: {bad: [late]}\n", mapping))


def test_a_file_is_read_in_event_order_with_its_declared_context(tmp_path: Path) -> None:
    mapping = a_mapping(tmp_path, "context: {teacher: {type: category}}\n")
    events = read_history(a_file(tmp_path, "school.csv", CSV), mapping)
    assert [event.occurred_at for event in events] == sorted(e.occurred_at for e in events)
    assert feature_spec(events, mapping).names[-1] == "context.teacher"
