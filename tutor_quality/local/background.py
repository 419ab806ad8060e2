"""Start a stack in the background, and stop one from outside."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tutor_quality.errors import ConfigurationError
from tutor_quality.local.home import Home
from tutor_quality.local.supervisor import stop_survivors

POLL_SECONDS = 0.1
STOP_SECONDS = 60.0


def start(home: Home, arguments: Sequence[str]) -> None:
    """`tq up ARGUMENTS` in a session of its own; returns when it is ready.

    Raises ConfigurationError if one runs already, or with what it said if it ends before.
    """
    if home.is_locked():
        raise ConfigurationError(home.already_running())
    log = home.log_file("up")
    with log.open("ab") as output:
        said_from = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "tutor_quality.cli", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(home, process)
    except BaseException:
        # Ctrl-C while waiting: somebody who gave up wants nothing left behind.
        process.terminate()
        process.wait()
        raise
    if process.returncode is not None:
        raise ConfigurationError(f"it did not start:\n{_said(log, said_from)}")
    # The stack outlives us; Python must not complain that nobody waited for it.
    process.returncode = 0


def stop(home: Home) -> bool:
    """Stops the stack and whatever a killed one left; False if there was nothing."""
    run = home.read_run()
    supervisor = run.supervisor.process() if run.supervisor and home.is_locked() else None
    if supervisor is not None:
        _end(supervisor)
    left = stop_survivors(home.read_run())
    if left or supervisor is not None:
        run = home.read_run()
        run.forget_processes()
        home.write_run(run)
    return bool(left) or supervisor is not None


def _wait(home: Home, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        run = home.read_run()
        if run.ready and run.supervisor is not None and run.supervisor.pid == process.pid:
            return
        time.sleep(POLL_SECONDS)


def _said(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace").strip()


def _end(supervisor: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        supervisor.terminate()
        _, alive = psutil.wait_procs([supervisor], timeout=STOP_SECONDS)
        for stubborn in alive:
            stubborn.kill()
