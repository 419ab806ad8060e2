"""The AsyncAPI document: committed, complete, and true of what is on the wire."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.contract import document
from schemas.lifecycle.decoding import decode_lifecycle
from schemas.registry import latest, releases
from schemas.topics import CATALOGUE

COMMITTED = Path(__file__).parents[3] / "docs" / "api" / "asyncapi.json"
TUTOR = "3d9b7a52-1f4e-4b8a-a6c7-9e8d7c6b5a40"
NOW_MS = 1_772_000_000_000


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return document()


def test_the_committed_document_is_what_the_catalogue_says(contract: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text()) == contract, (
        "run `python -m schemas.contract > docs/api/asyncapi.json` and look at the difference"
    )


def test_every_topic_has_a_channel_and_every_released_schema_a_message(
    contract: dict[str, Any],
) -> None:
    assert [c["address"] for c in contract["channels"].values()] == [t.name for t in CATALOGUE]
    shown = [
        message["payload"].get("schema") for message in contract["components"]["messages"].values()
    ]
    for subject in {release.subject for release in releases()}:
        assert latest(subject).schema() in shown


def test_every_message_that_a_channel_names_exists(contract: dict[str, Any]) -> None:
    messages = contract["components"]["messages"]
    for channel in contract["channels"].values():
        for name, reference in channel["messages"].items():
            assert reference["$ref"] == f"#/components/messages/{name}"
            assert name in messages


def event(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "8f0c1f0e-5d0e-4c6e-9f43-5a1f8a0c2b11",
        "event_type": "rescheduled",
        "session_id": "0a6f2c9e-7c1b-4d5e-8d6b-2f1c3b4a5d6e",
        "tutor_id": TUTOR,
        "student_id": "student-7",
        "scheduled_start": NOW_MS,
        "occurred_at": "2026-02-01T12:00:00Z",
        "initiator": "tutor",
        **changes,
    }


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        (event(), True),
        (event(new_start="2026-03-03T16:00:00Z", rating=None), True),
        (event(initiator="nobody"), False),
        (event(scheduled_start=True), False),
        ({k: v for k, v in event().items() if k != "student_id"}, False),
        (event(event_type="forgotten"), False),
    ],
)
def test_the_schema_of_json_events_accepts_what_the_decoder_accepts(
    contract: dict[str, Any], body: dict[str, Any], accepted: bool
) -> None:
    schema = contract["components"]["messages"]["session_event_json"]["payload"]
    checker = jsonschema.Draft7Validator(schema)
    assert checker.is_valid(body) == accepted
    value = json.dumps(body).encode()
    batch = decode_lifecycle([TUTOR.encode()], [value], [0], [NOW_MS])
    assert (len(batch.refused) == 0) == accepted
