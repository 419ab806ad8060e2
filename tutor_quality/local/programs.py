"""Child processes that live no longer than we do."""

import contextlib
import functools
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tutor_quality.errors import ConfigurationError
from tutor_quality.settings import inherited_environment

POLL_SECONDS = 0.02
LOG_LINES = 30


@dataclass(frozen=True, slots=True)
class Program:
    """How to run one child; `wrapper` is put before `argv` and replaces itself by it."""

    name: str
    argv: tuple[str, ...]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    wrapper: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None

    def command(self) -> list[str]:
        """A user namespace forgets the death signal, so it is set inside of `wrapper`."""
        return [*self.wrapper, *death_signal(self.stop_signal), *self.argv]

    def last_log_lines(self, count: int = LOG_LINES) -> str:
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])


@functools.cache
def death_signal(number: signal.Signals) -> tuple[str, ...]:
    """Makes Linux signal the child when the thread that started it dies; nothing elsewhere."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return ()
    return (setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--")


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own, where a terminal's Ctrl-C does not reach it.

    Call it from a thread that lives as long as the child should: see `death_signal`.
    """
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.cwd,
            env={**inherited_environment(), **program.environment},
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], sign: signal.Signals, patience_seconds: float) -> None:
    """Asks, waits, then kills."""
    if process.poll() is not None:
        return
    process.send_signal(sign)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_seconds)
        return
    process.kill()
    process.wait()


def run_to_end(program: Program) -> None:
    """Raises ConfigurationError with the end of the log if the program fails."""
    if spawn(program).wait() != 0:
        raise ConfigurationError(f"{program.name} failed:\n{program.last_log_lines()}")


def wait_until(
    answers: Callable[[], bool],
    program: Program,
    process: subprocess.Popen[bytes],
    *,
    patience_seconds: float,
) -> None:
    """Raises ConfigurationError if the program ends or does not answer in time."""
    deadline = time.monotonic() + patience_seconds
    while not answers():
        if process.poll() is not None:
            raise ConfigurationError(
                f"{program.name} ended at its start (code {process.returncode}):\n"
                f"{program.last_log_lines()}"
            )
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"{program.name} did not answer within {patience_seconds:.0f} s; see {program.log}"
            )
        time.sleep(POLL_SECONDS)
