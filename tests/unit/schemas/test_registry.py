import copy
import struct

import pytest

from schemas.compatibility import disagreements, problems
from schemas.registry import fingerprint, header, latest, releases, schema_id_of
from schemas.topics import CATALOGUE
from tutor_quality.errors import ConfigurationError, UndecodableRecord


def test_released_files_are_unchanged_and_versions_read_one_another() -> None:
    assert problems() == []


def test_the_ids_of_the_first_releases_are_what_producers_were_told() -> None:
    subjects = [(release.id, release.subject) for release in releases()][:8]
    assert subjects == [
        (1, "session_event"),
        (2, "tutor_tick"),
        (3, "tutor_score"),
        (4, "risk_changed"),
        (5, "high_risk_alert"),
        (6, "tutor_profile"),
        (7, "student_profile"),
        (8, "partition_progress"),
    ]


def test_every_topic_of_the_catalogue_has_a_released_schema() -> None:
    for topic in CATALOGUE:
        if topic.schema is not None:
            assert latest(topic.schema).schema()["type"] == "record"


def test_an_unknown_subject_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"index\.json"):
        latest("nothing")


def test_a_changed_default_changes_the_fingerprint_and_a_mended_doc_does_not() -> None:
    schema = latest("tutor_profile").schema()
    documented, changed = copy.deepcopy(schema), copy.deepcopy(schema)
    documented["fields"][0]["doc"] = "Mended."
    changed["fields"][5]["default"] = False

    assert fingerprint(documented) == fingerprint(schema)
    assert fingerprint(changed) != fingerprint(schema)


def test_a_new_field_without_a_default_is_incompatible_and_with_one_it_is_not() -> None:
    older = latest("tutor_tick").schema()
    strict, tolerant = copy.deepcopy(older), copy.deepcopy(older)
    strict["fields"].append({"name": "shard", "type": "int"})
    tolerant["fields"].append({"name": "shard", "type": ["null", "int"], "default": None})

    assert disagreements(older, strict)
    assert not disagreements(older, tolerant)


def test_a_new_symbol_is_incompatible_because_older_readers_do_not_know_it() -> None:
    older = latest("session_event").schema()
    newer = copy.deepcopy(older)
    newer["fields"][1]["type"]["symbols"].append("postponed")

    assert disagreements(older, newer)


def test_the_header_is_a_zero_byte_and_the_id_in_four_bytes_big_endian() -> None:
    assert header(258) == b"\0" + struct.pack(">I", 258)
    assert schema_id_of(header(258) + b"body") == 258


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\1\0\0\0\1body"])
def test_a_value_without_header_is_undecodable(value: bytes) -> None:
    with pytest.raises(UndecodableRecord, match="Confluent"):
        schema_id_of(value)
