"""A dead letter is the refused record as it was, with why and from where."""

from dataclasses import dataclass

from schemas import topics
from streams.dead_letters import dead_letter
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
