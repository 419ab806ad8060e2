"""Where processes may run, and what they use: asked of the system, never of the process."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import time_ns

import numpy as np
import psutil

from tutor_quality.settings import inherited_environment

STOP_SECONDS = 30
LOG_LINES = 15


def now() -> float:
    """Seconds since the epoch, as the broker stamps records."""
    return time_ns() / 1e9


def cores(count: int = 1) -> tuple[set[int], set[int]]:
    """The first `count` cores for the system that is measured, the others for everything else.

    All for both where there are too few, or where processes cannot be pinned.
    """
    every = _ours()
    if len(every) <= count:
        return set(every), set(every)
    return set(every[:count]), set(every[count:])


@cache
def _ours() -> tuple[int, ...]:
    """As this program was started: who is asked on some of the cores still means all."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (0,)


@contextmanager
def on_cores(chosen: set[int]) -> Iterator[None]:
    """Whatever this thread starts in here stays on these cores, as does the thread meanwhile."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Measured:
    """A process of a system under test, and what it and its children have used."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str], on: set[int]
    ) -> None:
        with log.open("ab") as output, on_cores(on):
            self._child = subprocess.Popen(
                command,
                env={**inherited_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._log = log
        self._process = psutil.Process(self._child.pid)
        self._samples = [(now(), 0.0)]
        self.started = now()
        self.peak_megabytes = 0.0

    def sample(self) -> None:
        """Raises RuntimeError if the process has ended."""
        if self._child.poll() is not None:
            raise RuntimeError(f"it ended with {self._child.returncode}:\n{self.last_lines()}")
        every = [self._process, *self._process.children(recursive=True)]
        times = [process.cpu_times() for process in every]
        self._samples.append((now(), sum(t.user + t.system for t in times)))
        memory = sum(process.memory_info().rss for process in every)
        self.peak_megabytes = max(self.peak_megabytes, memory / 1e6)

    def cpu_at(self, instant: float) -> float:
        """CPU seconds used until then."""
        instants, used = zip(*self._samples, strict=True)
        return float(np.interp(instant, instants, used))

    def stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES:])
