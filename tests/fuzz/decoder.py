"""Hostile bytes against the lifecycle decoder: `python -m tests.fuzz.decoder --inputs N --seed S`.

Four decoders must agree on every input: the compiled one, the same on a record batch as Kafka sends
it, the one for single records, and, on what these accept, fastavro. No call of ours may take long;
one in 500 inputs is far too large.
"""

import argparse
import gc
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from time import perf_counter, thread_time
from typing import Any

import fastavro

from schemas.lifecycle import (
    LifecycleBatch,
    decode_lifecycle,
    decode_records,
    encode_event,
    encode_tick,
)
from schemas.lifecycle.batch import TEXTS
from schemas.lifecycle.decoding import decode_one_by_one
from schemas.lifecycle.records import decode_record
from schemas.packed_records import unpack
from schemas.registry import release_of
from tests.support.batches import a_batch, of_values
from tests.support.lifecycle import NOON, as_json, random_event, random_uuid
from tutor_quality.domain.legality import LATEST_MS, check_event
from tutor_quality.domain.sessions import SessionEvent

BATCH = 500
CORPUS = 200
INTERESTING = (b"", b"\0", b"\xff", b"\x80", b"\x7f", b"\xff" * 9 + b"\1", b"\x80\0", b"{", b"\x48")

BULKY = (b"[", b'{"a":', b"9", b"\0", b"\x80", b"\xff", b'"\\u0000', "学".encode())
LONGEST = 70_000
"""More than is decoded at all."""

TIMES = (None, -1, 0, NOON, NOON + 300_000, NOON + 300_001, LATEST_MS, LATEST_MS + 1, 2**48)
EDGES: dict[str, tuple[Any, ...]] = {
    "student_id": ("", "s" * 256, "学" * 256),
    "scheduled_start": TIMES[1:],
    "occurred_at": TIMES[1:],
    "duration_minutes": (-1, 525_600, 525_601, 2**31 - 1),
    "new_start": TIMES,
    "initiator": (None,),
    "reason_code": ("c" * 100, "c" * 101, "é" * 101),
    "reason": ("r" * 2001, "é" * 2001),
    "started_at": TIMES,
    "ended_at": TIMES,
    "rating": (-1, 0, 1, 5, 6, 2**31 - 1),
    "context": ("", "[]", "{}{}", '{"a": {}}', '{"a": "\\u0000"}', '{"a": "' + "x" * 8184 + '"}'),
}

Input = tuple[bytes | None, bytes | None]
"""Key and value."""
Decoder = Callable[..., LifecycleBatch]


def corpus(rng: random.Random) -> list[Input]:
    """Mostly events in Avro, with ticks, marks, JSON and CloudEvents among them."""
    events = [random_event(rng) for _ in range(CORPUS)]
    events += [at_an_edge(rng, random_event(rng)) for _ in range(CORPUS)]
    tutors = [random_uuid(rng) for _ in range(CORPUS // 8)]
    envelope = b'{"specversion": "1.0", "data": %s}'
    return [
        *((event.tutor_id.encode(), encode_event(event)) for event in events),
        *((event.tutor_id.encode(), as_json(event)) for event in events[:20]),
        *((event.tutor_id.encode(), envelope % as_json(event)) for event in events[:5]),
        *((tutor.encode(), encode_tick(tutor, NOON)) for tutor in tutors),
        (b"any", encode_tick(None, NOON)),
        (None, encode_tick(None, 0)),
    ]


def at_an_edge(rng: random.Random, event: SessionEvent) -> SessionEvent:
    """One field on or beside the edge of its rule."""
    name, edges = rng.choice(tuple(EDGES.items()))
    return replace(event, **{name: rng.choice(edges)})


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


def inflate(rng: random.Random, value: bytes) -> bytes:
    """One short piece repeated in it, very often."""
    piece, place = rng.choice(BULKY), rng.randrange(len(value) + 1)
    return value[:place] + piece * (rng.randrange(LONGEST) // len(piece)) + value[place:]


def inputs(rng: random.Random, count: int) -> Iterator[Input]:
    seeds = corpus(rng)
    for _ in range(count):
        key, value = rng.choice(seeds)
        roll = rng.random()
        if roll < 0.01:
            yield rng.choice(((None, value), (key, None), (b"", value), (key, b"")))
        elif roll < 0.012:
            yield key, inflate(rng, value or b"")
        else:
            yield key, mutate(rng, value or b"", seeds)


@dataclass
class Tried:
    """What a campaign has seen."""

    inputs: int = 0
    accepted: int = 0
    slowest_ms: float = 0.0
    """CPU time of the slowest call of the decoder; it takes many inputs, so none takes longer."""

    def check(self, batch: Sequence[Input]) -> None:
        """Raises AssertionError when decoders disagree."""
        together = self.outcomes(batch, decode_lifecycle)
        singly = self.outcomes(batch, decode_one_by_one)
        packed = self.outcomes(batch, decode_packed)
        for place, (key, value) in enumerate(batch):
            assert together[place] == singly[place] == packed[place], (key, value)
        accepted = [place for place, outcome in together.items() if isinstance(outcome, tuple)]
        for place in accepted:
            check_like_fastavro(*batch[place])
        self.accepted += len(accepted)
        self.inputs += len(batch)

    def outcomes(self, batch: Sequence[Input], decode: Decoder) -> dict[int, object]:
        """By place in the batch: all that was decoded, as a tuple, or the text of the refusal."""
        keys, values = [key for key, _ in batch], [value for _, value in batch]
        began = thread_time()
        decoded = decode(keys, values, range(len(batch)), [NOON] * len(batch))
        self.slowest_ms = max(self.slowest_ms, (thread_time() - began) * 1000)
        found: dict[int, object] = {
            r.offset: f"{r.error.reason}: {r.error}" for r in decoded.refused
        }
        return found | dict(zip(decoded.columns.offset.tolist(), rows_of(decoded), strict=True))


def decode_packed(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    offsets: Sequence[int],
    timestamps: Sequence[int],
) -> LifecycleBatch:
    sent = a_batch(of_values(keys, values, offsets, timestamps))
    return decode_records(unpack(sent, 0).records)


def check_batch(batch: Sequence[Input]) -> int:
    """Returns how many were accepted; raises AssertionError when decoders disagree."""
    tried = Tried()
    tried.check(batch)
    return tried.accepted


def rows_of(batch: LifecycleBatch) -> list[tuple[object, ...]]:
    cells = [column.tolist() for column in batch.columns]
    return list(zip(*cells, *(getattr(batch.texts, name) for name in TEXTS), strict=True))


def check_like_fastavro(key: bytes | None, value: bytes | None) -> None:
    assert value is not None
    record = decode_record(key, value, NOON)
    if isinstance(record, SessionEvent):
        check_event(record, recorded_at=NOON)
    if not value.startswith(b"{"):
        fields = {name: getattr(record, name) for name in record.__slots__}
        assert fields == fastavro_record(value), value


def fastavro_record(value: bytes) -> dict[str, object]:
    """Ids in lower case; times as fastavro has them in the bytes."""
    stream = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(stream, fastavro_schema(value[4]), None)
    assert not stream.read(1), "bytes are left"
    assert isinstance(record, dict)
    ids = ("event_id", "session_id", "tutor_id")
    return {k: v.lower() if k in ids and isinstance(v, str) else v for k, v in record.items()}


@cache
def fastavro_schema(schema_id: int) -> Any:
    return fastavro.parse_schema(plain(release_of(schema_id).schema()))


def plain(schema: object) -> object:
    """Without logical types, which fastavro turns into other objects."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(item) for item in schema] if isinstance(schema, list) else schema


def campaign(count: int, seed: int) -> Tried:
    rng, tried = random.Random(seed), Tried()
    check_batch(list(inputs(random.Random(seed), BATCH)))  # It is compiled when it is first called.
    with rubbish_kept():
        while tried.inputs < count:
            tried.check(list(inputs(rng, min(BATCH, count - tried.inputs))))
            gc.collect(1)
    return tried


@contextmanager
def rubbish_kept() -> Iterator[None]:
    """The collector runs between the calls that are timed, not within one."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = perf_counter()
    tried = campaign(arguments.inputs, arguments.seed)
    speed = {"inputs_per_second": round(tried.inputs / (perf_counter() - began))}
    print(json.dumps({"seed": arguments.seed, "disagreements": 0, **asdict(tried), **speed}))


if __name__ == "__main__":
    main()
