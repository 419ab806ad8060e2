"""A dead letter is the refused record as it was, with why and from where."""

from dataclasses import dataclass

from schemas import topics
from streams.dead_letters import attempt_of, dead_letter, original_headers
from tutor_quality.errors import UndecodableRecord


@dataclass
class Source:
    key: bytes | None = b"k"
    value: bytes | None = b"\x00\xff"
    offset: int = 7
    timestamp: int = 1_000
    headers: tuple[tuple[str, bytes], ...] = (("mine", b"1"),)


def test_the_record_is_untouched_and_its_place_and_reason_are_named() -> None:
    letter = dead_letter(Source(), topics.LIFECYCLE, 3, UndecodableRecord("cut short"))
    headers = dict(letter.headers)
    assert (letter.key, letter.value, letter.timestamp) == (b"k", b"\x00\xff", 1_000)
    assert headers["mine"] == b"1"
    assert headers["tq_reason"] == b"undecodable"
    assert headers["__streams.errors.topic"] == topics.LIFECYCLE.name.encode()
    assert headers["__streams.errors.partition"] == b"3"
    assert headers["__streams.errors.offset"] == b"7"
    assert headers["__streams.errors.message"] == b"cut short"


def test_a_tombstone_without_a_key_keeps_its_nothing() -> None:
    letter = dead_letter(Source(None, None), topics.LIFECYCLE, 0, UndecodableRecord("no key"))
    assert (letter.key, letter.value) == (None, None)


def test_the_headers_of_the_refused_record_come_back_as_they_were() -> None:
    source = Source(headers=(("mine", b"1"), ("tq_reason", b"mine too"), ("empty", b"")))
    letter = dead_letter(source, topics.LIFECYCLE, 0, UndecodableRecord("cut short"))
    assert original_headers(letter.headers) == list(source.headers)
    assert original_headers([("somebody", b"else's")]) == [("somebody", b"else's")]


def test_the_attempt_is_told_by_the_header_and_is_one_without_a_sane_one() -> None:
    assert attempt_of([("tq_attempt", b"3")]) == 3
    for nonsense in (b"", b"-1", b"99999999999", "²".encode(), None):
        assert attempt_of([("tq_attempt", nonsense)]) == 1
    assert attempt_of([]) == 1
