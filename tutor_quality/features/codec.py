"""A tutor's state as bytes and back: what the predict stage keeps in its changelog.

Ids of sessions and events are UUIDs in lower case, as the topic of session events has them.
"""

from struct import Struct
from typing import Any

import orjson

from tutor_quality.domain.sessions import EventType, InitiatorName
from tutor_quality.features.instants import Fading, Instants
from tutor_quality.features.labels import Label
from tutor_quality.features.state import (
    Ending,
    Siblings,
    Slot,
    StudentState,
    TutorState,
)

_HEAD = Struct("<qqqdIII")
"""now, swept, overdue, running; numbers of slots, siblings and context columns."""
_FADING = Struct("<qqdd")
_SLOT = Struct("<16sqIqiHBq16sBBB")
"""session, start, student, created, minutes, earlier, flags; ending: at, event, label, kind, by."""
_STUDENT = Struct("<qqqqqq?qq")
_SIBLINGS = Struct("<qIII")
_COUNT = Struct("<I")
_NONE = -(2**63)
_ENDED, _STARTED = 1, 2
_KINDS = tuple(EventType)
_KIND_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_INITIATORS = (None, *InitiatorName)
_INITIATOR_CODES = {name: code for code, name in enumerate(_INITIATORS)}
_NO_ENDING = (0, b"", 0, 0, 0)
_KEPT = ("ended", "moved", "booked", "booked_bad")
"""Instants that do not follow from the slots that are kept."""


def encode_state(state: TutorState) -> bytes:
    names = list(state.students)
    numbers = {name: number for number, name in enumerate(names)}
    width = len(next(iter(state.slots.values())).context) if state.slots else 0
    context = Struct(f"<{width}d")
    parts = [
        _HEAD.pack(
            state.now,
            state.swept,
            state.overdue,
            state.running,
            len(state.slots),
            len(state.siblings),
            width,
        ),
        *(_encoded_fading(fading) for fading in (*state.effects, state.early)),
        *(_encoded_instants(getattr(state, name)) for name in _KEPT),
        _encoded_texts(names),
        *(_encoded_student(student) for student in state.students.values()),
        *(_SIBLINGS.pack(at, s.open, s.held, s.bad) for at, s in state.siblings.items()),
    ]
    for slot in state.slots.values():
        parts.append(_encoded_slot(slot, numbers[slot.student_id]))
        if width:
            parts.append(context.pack(*slot.context))
    return b"".join(parts)


def decode_state(data: bytes) -> TutorState:
    """Of bytes that `encode_state` made; anything else raises whatever it runs into."""
    reader = _Reader(data)
    now, swept, overdue, running, slots, siblings, width = reader.take(_HEAD)
    state = TutorState(now=now, swept=swept, overdue=overdue, running=running)
    state.effects = tuple(reader.fading() for _ in state.effects)
    state.early = reader.fading()
    for name in _KEPT:
        setattr(state, name, reader.instants())
    names = reader.texts()
    state.students = {name: reader.student() for name in names}
    for _ in range(siblings):
        at, *counts = reader.take(_SIBLINGS)
        state.siblings[at] = Siblings(*counts)
    context = Struct(f"<{width}d")
    for _ in range(slots):
        slot = reader.slot(names, context)
        state.slots[slot.session_id, slot.start] = slot
    _derive(state)
    return state


def _derive(state: TutorState) -> None:
    """What follows from the slots."""
    kept = state.slots.values()
    state.waiting = sorted((slot.start, slot.session_id) for slot in kept if not slot.started)
    state.open_starts = Instants(sorted(slot.start for slot in kept if slot.ending is None))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, form: Struct) -> tuple[Any, ...]:
        values: tuple[Any, ...] = form.unpack_from(self._data, self._place)
        self._place += form.size
        return values

    def fading(self) -> Fading:
        half_life, at, trials, hits = self.take(_FADING)
        return Fading(half_life, trials, hits, at)

    def instants(self) -> Instants:
        (count,) = self.take(_COUNT)
        return Instants(list(self.take(Struct(f"<{count}q"))))

    def texts(self) -> list[str]:
        (size,) = self.take(_COUNT)
        begin = self._place
        self._place += size
        texts: list[str] = orjson.loads(self._data[begin : self._place])
        return texts

    def student(self) -> StudentState:
        effect = self.fading()
        booked, open_, overdue, ended, bad, moved, last_bad, last_at, margin = self.take(_STUDENT)
        return StudentState(
            effect=effect,
            booked=booked,
            open=open_,
            overdue=overdue,
            ended=ended,
            bad=bad,
            moved_by_student=moved,
            last_at=_or_none(last_at),
            last_bad=bool(last_bad),
            last_margin=_or_none(margin),
        )

    def slot(self, names: list[str], context: Struct) -> Slot:
        session, start, student, created, minutes, earlier, flags, *ending = self.take(_SLOT)
        return Slot(
            session_id=_uuid(session),
            start=start,
            student_id=names[student],
            created=created,
            minutes=None if minutes < 0 else minutes,
            context=self.take(context),
            earlier=earlier,
            ending=_ending(*ending) if flags & _ENDED else None,
            started=bool(flags & _STARTED),
        )


def _encoded_fading(fading: Fading) -> bytes:
    return _FADING.pack(fading.half_life, fading.at, fading.trials, fading.hits)


def _encoded_instants(instants: Instants) -> bytes:
    times = instants.times
    return _COUNT.pack(len(times)) + Struct(f"<{len(times)}q").pack(*times)


def _encoded_texts(texts: list[str]) -> bytes:
    data = orjson.dumps(texts)
    return _COUNT.pack(len(data)) + data


def _encoded_student(student: StudentState) -> bytes:
    return _encoded_fading(student.effect) + _STUDENT.pack(
        student.booked,
        student.open,
        student.overdue,
        student.ended,
        student.bad,
        student.moved_by_student,
        student.last_bad,
        _NONE if student.last_at is None else student.last_at,
        _NONE if student.last_margin is None else student.last_margin,
    )


def _encoded_slot(slot: Slot, student: int) -> bytes:
    ending = slot.ending
    return _SLOT.pack(
        _uuid_bytes(slot.session_id),
        slot.start,
        student,
        slot.created,
        -1 if slot.minutes is None else slot.minutes,
        slot.earlier,
        _ENDED * (ending is not None) + _STARTED * slot.started,
        *(_NO_ENDING if ending is None else _encoded_ending(ending)),
    )


def _encoded_ending(ending: Ending) -> tuple[int, bytes, int, int, int]:
    return (
        ending.at,
        _uuid_bytes(ending.event_id),
        ending.label.value,
        _KIND_CODES[ending.kind],
        _INITIATOR_CODES[ending.initiator],
    )


def _ending(at: int, event_id: bytes, label: int, kind: int, by: int) -> Ending:
    return Ending(at, _uuid(event_id), Label(label), _KINDS[kind], _INITIATORS[by])


def _uuid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def _uuid(data: bytes) -> str:
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _or_none(number: int) -> int | None:
    return None if number == _NONE else number
