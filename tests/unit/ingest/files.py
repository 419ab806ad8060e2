"""Small files and mappings, valid by default; a test changes what it is about."""

from pathlib import Path
from textwrap import dedent

from tutor_quality.ingest.mapping import load_sessions_mapping
from tutor_quality.ingest.sessions import SessionsFile, read_sessions

MAPPING = """
name: school
columns:
  session_id: lesson
  tutor_id: teacher
  student_id: pupil
  created_at: booked
  scheduled_start: begins
  duration_minutes: {const: 60}
  outcome: result
  outcome_at: result_at
outcomes:
  held: {event: completed}
  off: {event: cancelled, initiator: tutor}
  moved: {event: rescheduled, initiator: tutor, new_start: moved_to}
  "": {event: none}
"""

CSV = """
lesson,teacher,pupil,booked,begins,result,result_at,moved_to
L1,anna,ben,2024-01-01T10:00:00Z,2024-01-05T16:00:00Z,held,2024-01-05T17:00:00Z,
L2,anna,cleo,2024-01-02T10:00:00Z,2024-01-06T16:00:00Z,moved,2024-01-04T09:00:00Z,2024-01-08T16:00:00Z
L3,dora,ben,2024-01-03T10:00:00Z,2024-01-09T16:00:00Z,,,
"""


def a_file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(dedent(text).lstrip("\n"), "utf-8")
    return path


def sessions_of(folder: Path, *, csv: str = CSV, mapping: str = MAPPING) -> SessionsFile:
    how = load_sessions_mapping(a_file(folder, "school.yaml", mapping))
    return read_sessions(a_file(folder, "lessons.csv", csv), how)
