"""A real broker for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tutor_quality.local import kafka, ports
from tutor_quality.local.programs import spawn, stop, wait_until
from tutor_quality.settings import Settings


def a_broker(folder: Path) -> kafka.Kafka:
    """Not started."""
    settings = Settings()
    return kafka.Kafka(
        data_dir=folder / "kafka",
        log=folder / "kafka.log",
        port=ports.any_free(),
        controller_port=ports.any_free(),
        jar_dir=kafka.fetch(settings.cache_path, lambda done, total: None),
        java_home=kafka.java_home(settings.java_home),
    )


@contextmanager
def running(broker: kafka.Kafka) -> Iterator[kafka.Kafka]:
    broker.prepare()
    program = broker.program()
    process = spawn(program)
    try:
        wait_until(broker.answers, program, process, patience_seconds=kafka.READY_SECONDS)
        yield broker
    finally:
        stop(process, program.stop_signal, kafka.STOP_SECONDS)
