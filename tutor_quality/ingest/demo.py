"""python -m tutor_quality.ingest.demo history|live: a platform that does not exist.

`history` sends a year that ends now. `live` goes on with the same world: first what the last day
and a half left untold, a few facts a second, then each fact as it happens. Everything follows from
the seed and the log: the first tutor's profile says when the world began, and what already stands
in the log is not sent again. So both can be killed and started anew.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np

from schemas.codec import decode
from schemas.registry import header, latest
from schemas.topics import LIFECYCLE, TUTOR_PROFILE
from tutor_quality.clock import Clock, SystemClock
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import ConfigurationError, TutorQualityError
from tutor_quality.ingest.log import read_topic
from tutor_quality.ingest.producer import LogWriter
from tutor_quality.settings import Settings
from tutor_quality.simulation import (
    SimulationConfig,
    profiles,
    simulate,
    student_profiles,
    tutor_ids,
)

SEED = 2026
DAY_MS = 86_400_000
HISTORY_MS = 365 * DAY_MS
LIVE_DAYS = 60
UNTOLD_MS = 36 * 3_600_000
BETWEEN_SECONDS = 0.4
"""Between two facts that are late already."""
USAGE = "usage: python -m tutor_quality.ingest.demo history|live"


def world(began: int) -> SimulationConfig:
    """`began`: ms. Its history ends a year later."""
    return SimulationConfig(start_ms=began, end_ms=began + HISTORY_MS, live_days=LIVE_DAYS)


def facts(config: SimulationConfig) -> Iterator[tuple[int, SessionEvent]]:
    """(timestamp of the record, fact); the same ones every time."""
    return simulate(config, np.random.default_rng(SEED))


def send_history(bootstrap: str, clock: Clock) -> None:
    """Returns when all is durable. A history that was broken off is completed, not begun anew."""
    config = world(began_at(bootstrap) or clock.now_ms() - HISTORY_MS)
    writer = LogWriter(bootstrap, bulk=True)
    for tutor in profiles(config, np.random.default_rng(SEED)):
        writer.send_tutor(tutor)
    for student in student_profiles(config, np.random.default_rng(SEED)):
        writer.send_student(student)
    # Durable before the first fact: they say which world this is.
    writer.flush()
    known = known_events(bootstrap)
    for recorded_at, event in facts(config):
        if recorded_at >= config.end_ms - UNTOLD_MS:
            break
        if event.event_id not in known:
            writer.send_event(event, recorded_at)
    writer.mark_time(config.end_ms)
    writer.flush()


def send_live(bootstrap: str, clock: Clock, wait: Callable[[float], bool]) -> None:
    """Until the world ends, or until `wait`, which is given seconds, says to stop.

    Raises ConfigurationError if there is no history to go on from.
    """
    began = began_at(bootstrap)
    if began is None:
        raise ConfigurationError("there is no demo history in this Kafka: run `… history` first")
    config = world(began)
    known = known_events(bootstrap)
    writer = LogWriter(bootstrap, bulk=False)
    for recorded_at, event in facts(config):
        if recorded_at < config.end_ms - UNTOLD_MS or event.event_id in known:
            continue
        if wait(max((recorded_at - clock.now_ms()) / 1000, BETWEEN_SECONDS)):
            break
        writer.send_event(event, clock.now_ms())
        writer.flush()


def began_at(bootstrap: str) -> int | None:
    """When the demo's world in this Kafka began, ms; None = there is none."""
    first = tutor_ids(world(0))[0].encode()
    found = None
    for record in read_topic(bootstrap, TUTOR_PROFILE):
        if record.key == first:
            found = int(decode("tutor_profile", record.value)["updated_at"])
    return found


def known_events(bootstrap: str) -> set[str]:
    """Ids of the session events in the log."""
    start = header(latest("session_event").id) + b"\x48"
    values = (record.value for record in read_topic(bootstrap, LIFECYCLE))
    return {
        value[len(start) : len(start) + 36].decode() for value in values if value.startswith(start)
    }


def main() -> None:
    """Raises SystemExit: 2 for wrong usage, 1 for what cannot be done."""
    parts = {"history": _history, "live": _live}
    if len(sys.argv) != 2 or sys.argv[1] not in parts:
        sys.exit(USAGE)
    bootstrap = Settings().kafka_bootstrap
    if bootstrap is None:
        sys.exit("set TQ_KAFKA_BOOTSTRAP to the host:port of Kafka")
    try:
        parts[sys.argv[1]](bootstrap)
    except TutorQualityError as error:
        sys.exit(str(error))


def _history(bootstrap: str) -> None:
    send_history(bootstrap, SystemClock())


def _live(bootstrap: str) -> None:
    stopping = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopping.set())
    send_live(bootstrap, SystemClock(), stopping.wait)


if __name__ == "__main__":
    main()
