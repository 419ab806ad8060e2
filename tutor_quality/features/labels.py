"""What counts as a bad outcome."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tutor_quality.domain.sessions import EventType, InitiatorName

Ending = tuple[EventType, InitiatorName | None]


class Label(Enum):
    GOOD = 0
    BAD = 1
    CENSORED = 2
    """Someone else ended the slot first: whether it would have been bad is unknowable."""


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Endings that are bad and endings that censor; all others are good."""

    bad: frozenset[Ending]
    censored: frozenset[Ending]

    def label(self, event_type: EventType, initiator: InitiatorName | None) -> Label:
        ending = (event_type, initiator)
        if ending in self.bad:
            return Label.BAD
        return Label.CENSORED if ending in self.censored else Label.GOOD

    @classmethod
    def tutor_moved(cls) -> "LabelRule":
        """The tutor moved or cancelled the slot; students and the system censor."""
        moves = (EventType.RESCHEDULED, EventType.CANCELLED)
        others = (InitiatorName.STUDENT, InitiatorName.SYSTEM, None)
        return cls(
            bad=frozenset((move, InitiatorName.TUTOR) for move in moves),
            censored=frozenset((move, other) for move in moves for other in others),
        )

    def to_json(self) -> dict[str, list[list[str | None]]]:
        return {"bad": _listed(self.bad), "censored": _listed(self.censored)}

    @classmethod
    def from_json(cls, document: dict[str, list[list[str | None]]]) -> "LabelRule":
        return cls(_endings(document["bad"]), _endings(document["censored"]))


def _listed(endings: frozenset[Ending]) -> list[list[str | None]]:
    rows: list[list[str | None]] = [[kind.value, by and by.value] for kind, by in endings]
    return sorted(rows, key=lambda row: (row[0], row[1] or ""))


def _endings(rows: Iterable[list[str | None]]) -> frozenset[Ending]:
    return frozenset(
        (EventType(kind or ""), None if by is None else InitiatorName(by)) for kind, by in rows
    )
