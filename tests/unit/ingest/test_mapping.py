"""What a mapping may say, and how a wrong one is refused."""

from pathlib import Path

import pytest

from tests.unit.ingest.files import MAPPING, a_file
from tutor_quality.domain.sessions import EventType, InitiatorName
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.mapping import (
    Const,
    MatchesMapping,
    Outcome,
    SessionsMapping,
    load_mapping,
)

MAPPINGS = Path(__file__).parents[3] / "mappings"


def refusal(folder: Path, text: str) -> str:
    path = a_file(folder, "wrong.yaml", text)
    with pytest.raises(InvalidInput) as refused:
        load_mapping(path)
    assert str(path) in str(refused.value)
    return str(refused.value)


def test_outcomes_say_event_initiator_and_new_start(tmp_path: Path) -> None:
    mapping = load_mapping(a_file(tmp_path, "m.yaml", MAPPING))
    assert isinstance(mapping, SessionsMapping)
    assert mapping.outcomes["moved"] == Outcome(
        EventType.RESCHEDULED, InitiatorName.TUTOR, "moved_to"
    )
    assert mapping.outcomes[""] == Outcome(None)
    assert mapping.columns["duration_minutes"] == Const("60")
    assert "moved_to" in mapping.named_columns()


def test_words_that_yaml_takes_for_truth_values_stay_words(tmp_path: Path) -> None:
    text = MAPPING.replace("held:", "yes:").replace("off:", "no:").replace("moved:", "1:")
    mapping = load_mapping(a_file(tmp_path, "m.yaml", text))
    assert isinstance(mapping, SessionsMapping)
    assert set(mapping.outcomes) == {"yes", "no", "1", ""}


@pytest.mark.parametrize("file", sorted(MAPPINGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_our_own_mappings_are_valid(file: Path) -> None:
    assert load_mapping(file).columns


def test_a_matches_mapping_brings_the_mapping_of_its_sessions() -> None:
    mapping = load_mapping(MAPPINGS / "oulad_matches.yaml")
    assert isinstance(mapping, MatchesMapping)
    assert mapping.sessions is not None
    assert mapping.sessions.map.columns["match_id"] == "match_id"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: school", "name: school\ncolour: red", "unknown key 'colour'"),
        ("  tutor_id: teacher\n", "", "'tutor_id' is a required property"),
        ("  student_id: pupil\n", "", "needs student_id or match_id"),
        ("  outcome_at: result_at\n", "", "outcome_at"),
        ("tutor_id:", "tutr_id:", "unknown key 'tutr_id'"),
        ("event: completed", "event: finished", "'finished' is not one of"),
        ("initiator: tutor}", "initiator: parent}", "'parent' is not one of"),
        ("cancelled, initiator: tutor", "cancelled", "'initiator' is a required property"),
        ("event: completed", "event: completed, initiator: tutor", "makes no sense"),
        ("event: completed", "event: completed, new_start: moved_to", "makes no sense"),
        ("{const: 60}", "{constant: 60}", "{const: value}"),
        ("name: school", "name: school\ntimezone: Mars/Base", "Mars/Base"),
        ("name: school", "name: school\nlabel: {bad: [lost]}", "'lost' is not a value"),
        ("name: school", "name: school\nlabel: {bad: [off], censored: [off]}", "both"),
        ("name: school", "name: school\ncontext: {age: {type: text}}", "'text' is not one of"),
        ("name: school", "name: school\nname: school", "line 2: the key 'name' stands there twice"),
        ("name: school", "name: [school", "not YAML"),
        ("name: school", "name: 'a:b'", "does not match"),
    ],
)
def test_a_wrong_mapping_is_refused_with_the_key_that_is_wrong(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in MAPPING
    assert said in refusal(tmp_path, MAPPING.replace(old, new, 1))


def test_an_outcome_column_without_outcomes_is_refused(tmp_path: Path) -> None:
    assert "'outcomes' is a required" in refusal(tmp_path, MAPPING[: MAPPING.index("outcomes:")])


def test_matches_and_their_sessions_must_share_one_name(tmp_path: Path) -> None:
    a_file(tmp_path, "sessions.yaml", MAPPING)
    said = refusal(
        tmp_path,
        """
        name: other
        kind: matches
        columns: {match_id: m, tutor_id: t, student_id: s, starts_at: b, registered_at: r}
        sessions: {file: lessons.csv, map: sessions.yaml}
        """,
    )
    assert "'school' but 'other'" in said


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read this mapping"):
        load_mapping(tmp_path / "none.yaml")
