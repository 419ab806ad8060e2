"""The API as its own process, as it runs in production."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.api import PEPPER
from tutor_quality.local import ports
from tutor_quality.local.programs import Program, spawn, stop, wait_until

READY_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    pid: int
    log: Path


@contextmanager
def running_server(database_url: str, kafka_bootstrap: str, folder: Path) -> Iterator[Server]:
    port = ports.any_free()
    environment = {
        "TQ_DATABASE_URL": database_url,
        "TQ_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "TQ_API_PEPPER": PEPPER,
        "TQ_API_PORT": str(port),
        "TQ_API_RATE_LIMIT": "100000000/minute",
    }
    argv = (sys.executable, "-m", "api")
    program = Program("api", argv, folder / "api.log", environment=environment)
    process = spawn(program)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _alive(url), program, process, patience_seconds=READY_SECONDS)
        yield Server(url, process.pid, program.log)
    finally:
        stop(process, program.stop_signal, STOP_SECONDS)


def _alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/livez", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
