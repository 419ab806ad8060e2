"""Keeps children running: gates their start, restarts what dies, stops in reverse order."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tutor_quality.errors import ConfigurationError
from tutor_quality.local.home import Home, Identity, Run
from tutor_quality.local.programs import Program
from tutor_quality.settings import inherited_environment

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before a restart: doubled each time until the child stays healthy."""

    first: float = 1.0
    most: float = 30.0
    healthy_after: float = 60.0

    def delay(self, previous: float | None, ran_seconds: float) -> float:
        """`previous` is the last delay, None before the first restart."""
        if previous is None or ran_seconds >= self.healthy_after:
            return self.first
        return min(previous * 2, self.most)


@dataclass(frozen=True, slots=True)
class Part:
    """A program that belongs to the stack as long as the stack runs."""

    program: Program
    answers: Callable[[], bool]
    """Whether it does its work; called in a thread."""
    ready_seconds: float = 60.0
    stop_seconds: float = 15.0
    team: str = ""
    """Parts of one team that started one after the other stop at the same time."""


async def launch(program: Program) -> Process:
    """Starts a program in a session of its own; call it on the main thread."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *program.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=program.cwd,
            env={**inherited_environment(), **program.environment},
            start_new_session=True,
        )


async def end(process: Process, sign: signal.Signals, patience_seconds: float) -> None:
    """Asks, waits, then kills."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(sign)
    try:
        await asyncio.wait_for(process.wait(), patience_seconds)
    except TimeoutError:
        kill_group(process.pid)
        await process.wait()


def kill_group(pid: int) -> None:
    """The child and what it has started itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Child:
    """A running part."""

    def __init__(self, part: Part, backoff: Backoff, started: Callable[["Child"], None]) -> None:
        self.part = part
        self.restarts = 0
        self._backoff = backoff
        self._started = started
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._since = 0.0
        self._log_start = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Returns when the part answers; raises ConfigurationError if it ends or stays silent."""
        await self._launch()
        await self._answer()
        self._keeper = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            await end(self._process, self.part.program.stop_signal, self.part.stop_seconds)

    def kill(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        if self._process is not None and self._process.returncode is None:
            kill_group(self._process.pid)

    async def _launch(self) -> None:
        self._log_start = self.part.program.log_end()
        self._process = await launch(self.part.program)
        self._since = time.monotonic()
        self._started(self)

    async def _answer(self) -> None:
        program, deadline = self.part.program, self._since + self.part.ready_seconds
        while not await asyncio.to_thread(self.part.answers):
            assert self._process is not None
            if self._process.returncode is not None:
                raise ConfigurationError(self._ended("could not start"))
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"{program.name} did not answer within {self.part.ready_seconds:.0f} s; "
                    f"see {program.log}"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def _keep_running(self) -> None:
        delay = None
        while True:
            assert self._process is not None
            await self._process.wait()
            delay = self._backoff.delay(delay, time.monotonic() - self._since)
            log.error("%s", self._ended(f"is started again in {delay:.0f} s"))
            await asyncio.sleep(delay)
            await self._launch()
            self.restarts += 1

    def _ended(self, consequence: str) -> str:
        assert self._process is not None
        program = self.part.program
        return (
            f"{program.name} ended with code {self._process.returncode} and {consequence}; "
            f"see {program.log}\n{program.last_log_lines(self._log_start)}"
        )


class Supervisor:
    """All children of a stack, and their record in `run.json`."""

    def __init__(self, home: Home, run: Run, backoff: Backoff | None = None) -> None:
        self._home = home
        self._run = run
        self._backoff = backoff or Backoff()
        self._children: list[Child] = []
        self._tasks: set[Process] = set()

    async def start(self, part: Part) -> Child:
        child = Child(part, self._backoff, self._record)
        self._children.append(child)
        await child.start()
        return child

    async def run_to_end(self, program: Program) -> None:
        """Raises ConfigurationError with the end of its log if the program fails."""
        start = program.log_end()
        process = await launch(program)
        self._tasks.add(process)
        self._note(program, process.pid)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                await end(process, program.stop_signal, 5)
            self._tasks.discard(process)
            self._run.processes.pop(program.name, None)
            self._home.write_run(self._run)
        if code != 0:
            raise ConfigurationError(f"{program.name} failed:\n{program.last_log_lines(start)}")

    async def stop(self) -> None:
        """The last started first; see `Part.team`."""
        while self._children:
            team = self._last_team()
            await asyncio.gather(*(child.stop() for child in team))
            del self._children[-len(team) :]

    def kill(self) -> None:
        """Everything at once."""
        for child in self._children:
            child.kill()
        for process in self._tasks:
            kill_group(process.pid)

    def _last_team(self) -> list[Child]:
        last = self._children[-1]
        if not last.part.team:
            return [last]
        others = itertools.takewhile(
            lambda child: child.part.team == last.part.team, reversed(self._children)
        )
        return list(others)

    def _record(self, child: Child) -> None:
        self._note(child.part.program, child.pid)

    def _note(self, program: Program, pid: int) -> None:
        # One that has ended already needs no record.
        with contextlib.suppress(psutil.NoSuchProcess):
            self._run.processes[program.name] = Identity.of(pid, program)
            self._home.write_run(self._run)


def stop_survivors(run: Run, patience_seconds: float = 15.0) -> list[str]:
    """Stops what a killed supervisor left behind, the last started first; returns the names."""
    survivors = run.survivors()
    for name, process in reversed(survivors.items()):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(run.processes[name].stop_signal)
            _, alive = psutil.wait_procs([process], timeout=patience_seconds)
            for stubborn in alive:
                stubborn.kill()
    return list(survivors)
