"""Who takes part: ids by position, and made-up profiles."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import numpy as np

from tutor_quality.simulation.config import DAY_MS, SimulationConfig

NAMESPACE = uuid5(NAMESPACE_DNS, "tutor-quality-simulation")

# fmt: off
GIVEN_NAMES = (
    "Ada", "Amir", "Anouk", "Bruno", "Carla", "Chidi", "Clara", "Dario", "Elif", "Emeka", "Farah",
    "Felix", "Grete", "Hana", "Hugo", "Ines", "Ivan", "Jana", "Jonas", "Kaya", "Lars", "Leila",
    "Lucia", "Mateo", "Mina", "Nadia", "Nils", "Noor", "Olga", "Omar", "Paula", "Pavel", "Rosa",
    "Ruben", "Sana", "Selma", "Tarek", "Tilda", "Uma", "Viktor", "Yara", "Zoe",
)
FAMILY_NAMES = (
    "Abelin", "Adeyo", "Almsted", "Bakkera", "Barrowin", "Castellan", "Dahlqvist", "Dorantes",
    "Eklundar", "Farrowick", "Fontarel", "Grimaldo", "Haddarin", "Holmbeck", "Ibarrola",
    "Jankovar", "Kessling", "Kimathu", "Lindaros", "Marchette", "Mirzayan", "Norwood", "Okonjara",
    "Ostrava", "Pellerin", "Quintero", "Rasmund", "Sandoval", "Tanakori", "Ullmark", "Valdarno",
    "Wexfield", "Yilmazer", "Zambrana",
)
# fmt: on
STYLES = ("structured", "conversational", "visual", "hands-on", "exam-focused")
LEVELS = ("beginner", "intermediate", "advanced")


def tutor_ids(config: SimulationConfig) -> list[str]:
    """By the tutor's number in the world; the same in every world."""
    return [str(uuid5(NAMESPACE, f"tutor:{number}")) for number in range(config.tutors)]


def student_ids(config: SimulationConfig) -> list[str]:
    """By the student's number in the world; the same in every world."""
    return [str(uuid5(NAMESPACE, f"student:{number}")) for number in range(config.students)]


def profiles(config: SimulationConfig, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Tutor profiles with the fields of `schemas/avro/tutor_profile.avsc`, known at the start."""
    for number, tutor_id in enumerate(tutor_ids(config)):
        name = _name(rng)
        yield {
            "tutor_id": tutor_id,
            "updated_at": config.start_ms,
            "name": name,
            "email": f"{name.lower().replace(' ', '.')}.{number}@tutors.example",
            "external_id": f"T-{number + 1:04d}",
            "is_active": True,
            "age": int(rng.integers(22, 66)),
            "sex": _one(rng, ("female", "male")),
            "experience_years": int(rng.integers(0, 21)),
            "teaching_style": _one(rng, STYLES),
            "preferred_pace": _scale(rng),
            "communication_style": _scale(rng),
            "confidence_level": _scale(rng),
            "preferred_student_level": _one(rng, LEVELS),
            "preferences": None,
        }


def student_profiles(
    config: SimulationConfig, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Student profiles with the fields of `schemas/avro/student_profile.avsc`."""
    for number, student_id in enumerate(student_ids(config)):
        yield {
            "student_id": student_id,
            "updated_at": config.start_ms - DAY_MS,
            "name": _name(rng),
            "external_id": f"S-{number + 1:05d}",
            "age": int(rng.integers(10, 19)),
            "sex": _one(rng, ("female", "male")),
            "preferred_pace": _scale(rng),
            "preferred_teaching_style": _one(rng, STYLES),
            "communication_style_preference": _scale(rng),
            "urgency_level": _scale(rng),
            "learning_goals": _one(rng, ("pass the exam", "better marks", "catch up", "curiosity")),
            "previous_tutoring_experience": int(rng.integers(0, 4)),
            "previous_satisfaction": _scale(rng),
            "preferences": json.dumps({"online": bool(rng.random() < 0.7)}),
        }


def uuids(count: int, rng: np.random.Generator) -> list[str]:
    """Random UUIDs of version 4."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = raw.tobytes().hex()
    return [
        f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        for h in (digits[at : at + 32] for at in range(0, 32 * count, 32))
    ]


def _name(rng: np.random.Generator) -> str:
    return f"{_one(rng, GIVEN_NAMES)} {_one(rng, FAMILY_NAMES)}"


def _one(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _scale(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 6))
