"""The data folder of one embedded stack: its paths, lock, secrets and memory."""

import fcntl
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import psutil
from pydantic import BaseModel, Field

from tutor_quality.errors import ConfigurationError
from tutor_quality.local.programs import Program

CREATED_TOLERANCE_SECONDS = 1.0
LOCK_ATTEMPTS, LOCK_PAUSE_SECONDS = 10, 0.02


class Identity(BaseModel):
    """A process, told apart from a later one that got the same number."""

    pid: int
    created: float
    command: list[str]
    stop_signal: int = signal.SIGTERM

    @classmethod
    def of(cls, pid: int, program: Program) -> "Identity":
        """Raises psutil.NoSuchProcess if it has ended."""
        created = psutil.Process(pid).create_time()
        command = list(program.argv)
        return cls(pid=pid, created=created, command=command, stop_signal=program.stop_signal)

    @classmethod
    def of_self(cls) -> "Identity":
        me = psutil.Process()
        return cls(pid=me.pid, created=me.create_time(), command=me.cmdline())

    def process(self) -> psutil.Process | None:
        """None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CREATED_TOLERANCE_SECONDS
            # It may still be its wrapper, whose command line ends with the command.
            same = same and process.cmdline()[-len(self.command) :] == self.command
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class Run(BaseModel):
    """What `run.json` says; ports and history outlive a stop, the rest does not."""

    supervisor: Identity | None = None
    processes: dict[str, Identity] = Field(default_factory=dict)
    ready: bool = False
    api_url: str | None = None
    ports: dict[str, int] = Field(default_factory=dict)
    api_preference: int | None = None
    loaded: list[str] = Field(default_factory=list)
    """Names of the histories that were loaded completely."""

    def forget_processes(self) -> None:
        self.supervisor = None
        self.processes.clear()
        self.ready = False

    def survivors(self) -> dict[str, psutil.Process]:
        """Children that are still there, by name, in the order of their start."""
        found = ((name, identity.process()) for name, identity in self.processes.items())
        return {name: process for name, process in found if process is not None}


class Secrets(BaseModel):
    postgres_password: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    api_pepper: str = Field(default_factory=lambda: secrets.token_urlsafe(32))


class Home:
    """Creates nothing until it is asked to write."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir.expanduser().resolve()
        self.logs = self.path / "logs"
        self.kafka = self.path / "kafka"
        self.postgres = self.path / "pg"
        self._run = self.path / "run.json"
        self._secrets = self.path / "secrets"
        self._lock = self.path / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises ConfigurationError if another stack runs here."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            if not any(_take(file) for _ in _attempts()):
                raise ConfigurationError(self.already_running())
            yield

    def log_file(self, name: str) -> Path:
        """In a folder for the owner only: what `tq up` prints logs a browser in."""
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.logs / f"{name}.log"

    def is_locked(self) -> bool:
        """Whether a supervisor runs here; the system frees the lock of one that died."""
        if not self._lock.exists():
            return False
        with self._lock.open("a") as file:
            return not _take(file)

    def read_run(self) -> Run:
        if not self._run.exists():
            return Run()
        return Run.model_validate_json(self._run.read_bytes())

    def write_run(self, run: Run) -> None:
        """Readers see the old or the new file, never half of one."""
        beside = self._run.with_suffix(".new")
        beside.write_text(run.model_dump_json(indent=2))
        beside.replace(self._run)

    def secrets(self) -> Secrets:
        """Made at the first call, readable by the owner only."""
        if self._secrets.exists():
            return Secrets.model_validate_json(self._secrets.read_bytes())
        self.path.mkdir(parents=True, exist_ok=True)
        made = Secrets()
        beside = self._secrets.with_suffix(".new")
        beside.touch(0o600)
        beside.write_text(made.model_dump_json())
        beside.replace(self._secrets)
        return made

    def already_running(self) -> str:
        run = self.read_run()
        pid = run.supervisor.pid if run.supervisor else "unknown"
        where = run.api_url or "still starting"
        return f"already running in {self.path}, pid {pid}, {where}; `tq down` stops it"


def _take(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _attempts() -> Iterator[int]:
    """Somebody who asks whether we run holds the lock for a moment: that is no reason to fail."""
    for attempt in range(LOCK_ATTEMPTS):
        yield attempt
        time.sleep(LOCK_PAUSE_SECONDS)
