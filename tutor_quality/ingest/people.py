"""Who takes part in a file, and the profiles that say what the file calls them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tutor_quality.ingest.ids import entity_id, is_uuid


@dataclass(slots=True)
class Person:
    id: str
    external_id: str | None
    """As the file has it; None when that is the id."""
    name: str | None
    known_at: int
    """Least instant of the rows that mention them, ms."""

    def is_described(self) -> bool:
        return (self.name or self.external_id) is not None


class People:
    """Tutors and students of one file, each by the text that stands for them there."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.tutors: dict[str, Person] = {}
        self.students: dict[str, Person] = {}

    def tutor(self, value: str, name: str | None, known_at: int) -> str:
        """Their id."""
        return self._meet(self.tutors, "tutor", value, name, known_at)

    def student(self, value: str, name: str | None, known_at: int) -> str:
        """Their id."""
        return self._meet(self.students, "student", value, name, known_at)

    def _meet(
        self, known: dict[str, Person], role: str, value: str, name: str | None, known_at: int
    ) -> str:
        person = known.get(value)
        if person is None:
            external = None if is_uuid(value) else value
            person = Person(entity_id(self._name, role, value), external, name, known_at)
            known[value] = person
        person.name = person.name or name
        person.known_at = min(person.known_at, known_at)
        return person.id


def merged(people: Iterable[Person]) -> list[Person]:
    """Each person once, with what any of the files calls them."""
    known: dict[str, Person] = {}
    for person in people:
        first = known.setdefault(person.id, replace(person))
        first.name = first.name or person.name
        first.external_id = first.external_id or person.external_id
        first.known_at = min(first.known_at, person.known_at)
    return list(known.values())


def tutor_profiles(tutors: Iterable[Person]) -> Iterator[dict[str, object]]:
    """Fields of `tutor_profile.avsc`; who is nothing but an id has none."""
    for tutor in tutors:
        if tutor.is_described():
            yield {"tutor_id": tutor.id, **_description(tutor), "is_active": True}


def student_profiles(students: Iterable[Person]) -> Iterator[dict[str, object]]:
    """Fields of `student_profile.avsc`; who is nothing but an id has none."""
    for student in students:
        if student.is_described():
            yield {"student_id": student.id, **_description(student)}


def _description(person: Person) -> dict[str, object]:
    return {
        "updated_at": person.known_at,
        "name": person.name or person.external_id,
        "external_id": person.external_id,
    }
