"""Who takes part in a file, and the profiles that say what the file calls them."""

from collections.abc import Iterator
from dataclasses import dataclass

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

    def tutor_profiles(self) -> Iterator[dict[str, object]]:
        """Fields of `tutor_profile.avsc`; people of whom nothing but the id is known have none."""
        return (
            {"tutor_id": person.id, **_description(person), "is_active": True}
            for person in self.tutors.values()
            if person.is_described()
        )

    def student_profiles(self) -> Iterator[dict[str, object]]:
        """Fields of `student_profile.avsc`."""
        return (
            {"student_id": person.id, **_description(person)}
            for person in self.students.values()
            if person.is_described()
        )


def _description(person: Person) -> dict[str, object]:
    return {
        "updated_at": person.known_at,
        "name": person.name or person.external_id,
        "external_id": person.external_id,
    }
