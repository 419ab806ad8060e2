"""Hostile bytes against the lifecycle decoder: `python -m tests.fuzz.decoder --inputs N --seed S`.

Three decoders must agree on every input: the vector one, the one for single records, and, on what
these accept, fastavro.
"""

import argparse
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import fastavro
import numpy as np

from schemas.lifecycle import LifecycleBatch, decode_lifecycle, encode_event, encode_tick
from schemas.lifecycle.batch import Tick
from schemas.lifecycle.records import decode_record
from schemas.registry import release_of
from tests.support.lifecycle import NOON, random_event, random_uuid
from tutor_quality.domain.legality import check_event
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidRecord

BATCH = 500
CORPUS = 200
INTERESTING = (b"", b"\0", b"\xff", b"\x80", b"\x7f", b"\xff" * 9 + b"\1", b"\x80\0", b"{", b"\x48")

Input = tuple[bytes | None, bytes | None]
"""Key and value."""


def corpus(rng: random.Random) -> list[Input]:
    events = [random_event(rng) for _ in range(CORPUS)]
    tutors = [random_uuid(rng) for _ in range(20)]
    ticks: list[Input] = [(tutor.encode(), encode_tick(tutor, NOON)) for tutor in tutors]
    marks: list[Input] = [(b"any", encode_tick(None, NOON)), (None, encode_tick(None, 0))]
    return [(event.tutor_id.encode(), encode_event(event)) for event in events] + ticks + marks


def mutate(rng: random.Random, value: bytes, others: Sequence[Input]) -> bytes:
    """One to three small damages; a third of the inputs stay whole."""
    damaged = bytearray(value)
    for _ in range(rng.choice((0, 1, 1, 2, 3)) if rng.random() < 0.8 else 0):
        place = rng.randrange(len(damaged) + 1)
        match rng.randrange(6):
            case 0 if place < len(damaged):
                damaged[place] ^= 1 << rng.randrange(8)
            case 1 if place < len(damaged):
                damaged[place] = rng.randrange(256)
            case 2:
                damaged[place : place + rng.randrange(3)] = rng.choice(INTERESTING)
            case 3:
                del damaged[place:]
            case 4:
                damaged[place:] = (rng.choice(others)[1] or b"")[place:]
            case _:
                damaged[place:place] = rng.randbytes(rng.randrange(1, 12))
    return bytes(damaged)


def inputs(rng: random.Random, count: int) -> Iterator[Input]:
    seeds = corpus(rng)
    for _ in range(count):
        key, value = rng.choice(seeds)
        roll = rng.random()
        if roll < 0.01:
            yield rng.choice(((None, value), (key, None), (b"", value), (key, b"")))
        else:
            yield key, mutate(rng, value or b"", seeds)


def check_batch(batch: Sequence[Input]) -> int:
    """Returns how many were accepted; raises AssertionError when decoders disagree."""
    keys, values = [key for key, _ in batch], [value for _, value in batch]
    places, times = list(range(len(batch))), [NOON] * len(batch)
    whole = decode_lifecycle(keys, values, places, times)
    refused = {r.index: (type(r.error), str(r.error)) for r in whole.refused}
    rows = {offset: row for row, offset in enumerate(whole.columns.offset.tolist())}
    assert rows.keys() | refused.keys() == set(places)
    for place, (key, value) in enumerate(batch):
        try:
            record = decode_record(key, value, NOON)
        except InvalidRecord as error:
            assert refused.get(place) == (type(error), str(error)), (key, value)
        else:
            assert place in rows, (key, value)
            check_like_fastavro(value, record)
            alone = decode_lifecycle([key], [value], [place], [NOON])
            assert row_of(whole, rows[place]) == row_of(alone, 0), (key, value)
    return len(rows)


def check_like_fastavro(value: bytes | None, record: SessionEvent | Tick) -> None:
    assert value is not None
    if value.startswith(b"{"):
        return
    expected = fastavro_record(value)
    assert asdict(record) == expected, value
    if isinstance(record, SessionEvent):
        check_event(record, recorded_at=NOON)


def fastavro_record(value: bytes) -> dict[str, object]:
    """Ids in lower case; times as fastavro has them in the bytes."""
    stream = io.BytesIO(value[5:])
    schema = plain(release_of(value[4]).schema())
    record = fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)
    assert not stream.read(1), "bytes are left"
    assert isinstance(record, dict)
    ids = ("event_id", "session_id", "tutor_id")
    return {k: v.lower() if k in ids and isinstance(v, str) else v for k, v in record.items()}


def plain(schema: object) -> object:
    """Without logical types, which fastavro turns into other objects."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(item) for item in schema] if isinstance(schema, list) else schema


def row_of(batch: LifecycleBatch, row: int) -> dict[str, object]:
    columns = {name: getattr(batch.columns, name) for name in batch.columns.__slots__}
    cells = {
        name: column[row].tolist() if isinstance(column, np.ndarray) else column[row]
        for name, column in columns.items()
    }
    texts = batch.texts
    for name in ("student_id", "reason_code", "reason", "context"):
        cells[name] = getattr(texts, name)[row]
    return cells


def campaign(count: int, seed: int) -> tuple[int, int]:
    """Inputs tried and accepted."""
    rng = random.Random(seed)
    tried = accepted = 0
    while tried < count:
        batch = list(inputs(rng, min(BATCH, count - tried)))
        accepted += check_batch(batch)
        tried += len(batch)
    return tried, accepted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tried, accepted = campaign(arguments.inputs, arguments.seed)
    print(f"{tried} inputs, {accepted} accepted, no disagreement")


if __name__ == "__main__":
    main()
