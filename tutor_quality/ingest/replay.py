"""Files of real sessions through the real input topic."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.mapping import AnyMapping, MatchesMapping
from tutor_quality.ingest.matches import MatchesFile, read_matches
from tutor_quality.ingest.people import (
    People,
    Person,
    merged,
    student_profiles,
    tutor_profiles,
)
from tutor_quality.ingest.producer import LogWriter
from tutor_quality.ingest.sessions import SessionsFile, read_sessions

AHEAD_MS = 3_600_000
"""Kafka refuses timestamps that are more than this after its clock."""


def iso(instant: int) -> str:
    """Milliseconds since the epoch -> 2024-05-01T16:00:00.000Z."""
    seconds, milliseconds = divmod(instant, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"


@dataclass(slots=True)
class Dataset:
    """All files of one replay."""

    sessions: list[SessionsFile] = field(default_factory=list)
    matches: list[MatchesFile] = field(default_factory=list)

    def timeline(self) -> list[SessionEvent]:
        """Every event by its instant; at one instant bookings first, then the order of the rows."""
        rows = [row for file in self.sessions for row in file.rows]
        events = [row.scheduled for row in rows]
        events += [row.outcome for row in rows if row.outcome is not None]
        events.sort(key=lambda event: event.occurred_at)
        return events

    def refuse_future(self, now: int) -> None:
        """Raises InvalidInput, naming file and row, for an instant that Kafka would refuse."""
        for file in self.sessions:
            for row in file.rows:
                for event in row.events():
                    if event.occurred_at > now + AHEAD_MS:
                        raise InvalidInput(
                            f"{file.path}: row {row.line}: {event.event_type} at "
                            f"{iso(event.occurred_at)} lies in the future; leave out what has "
                            "not happened yet"
                        )

    def tutors(self) -> list[Person]:
        return merged(person for people in self._people() for person in people.tutors.values())

    def students(self) -> list[Person]:
        return merged(person for people in self._people() for person in people.students.values())

    def _people(self) -> Iterator[People]:
        yield from (file.people for file in self.matches)
        yield from (file.people for file in self.sessions)


def read_dataset(files: list[tuple[Path, AnyMapping]]) -> Dataset:
    """Sessions that belong to a matches file are read once, with it. Raises InvalidInput."""
    dataset = Dataset()
    for path, mapping in files:
        if isinstance(mapping, MatchesMapping):
            dataset.matches.append(read_matches(path, mapping))
    dataset.sessions = [file.sessions for file in dataset.matches if file.sessions is not None]
    joined = {file.path.resolve() for file in dataset.sessions}
    for path, mapping in files:
        if not isinstance(mapping, MatchesMapping) and path.resolve() not in joined:
            dataset.sessions.append(read_sessions(path, mapping))
    return dataset


@dataclass(slots=True)
class Sent:
    """What a replay wrote; `until` is the greatest instant, ms, None when there was nothing."""

    by_type: Counter[str] = field(default_factory=Counter)
    until: int | None = None

    @property
    def events(self) -> int:
        return self.by_type.total()


def send(
    dataset: Dataset,
    writer: LogWriter,
    *,
    now: int,
    pace: Callable[[int], None],
    progress: Callable[[int, int], None],
) -> Sent:
    """Returns when all is durable, time markers included.

    `pace` is told each instant before its event leaves, and waits as it likes; `progress` gets
    events sent and events in all. Raises InvalidInput when an instant lies in the future.
    """
    dataset.refuse_future(now)
    events = dataset.timeline()
    sent = Sent(until=events[-1].occurred_at if events else None)
    for tutor in tutor_profiles(dataset.tutors()):
        writer.send_tutor(tutor)
    for student in student_profiles(dataset.students()):
        writer.send_student(student)
    for number, event in enumerate(events, 1):
        pace(event.occurred_at)
        writer.send_event(event, event.occurred_at)
        sent.by_type[event.event_type.value] += 1
        progress(number, len(events))
    if sent.until is not None:
        writer.mark_time(sent.until)
    writer.flush()
    return sent
