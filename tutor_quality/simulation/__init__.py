"""Plausible tutors, students and session histories from a given random generator.

A hidden level per tutor drives who moves lessons; everything observable about a slot is drawn
before its outcome and for all outcomes alike. Same config and seed, same world.
"""

from tutor_quality.simulation.config import SimulationConfig
from tutor_quality.simulation.people import profiles, student_ids, student_profiles, tutor_ids
from tutor_quality.simulation.stream import events, simulate
from tutor_quality.simulation.truth import SlotTruth, truths
from tutor_quality.simulation.world import Slots, World, build_world

__all__ = [
    "SimulationConfig",
    "SlotTruth",
    "Slots",
    "World",
    "build_world",
    "events",
    "profiles",
    "simulate",
    "student_ids",
    "student_profiles",
    "truths",
    "tutor_ids",
]
