"""The supervisor with real children: small Python programs."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tutor_quality.errors import ConfigurationError
from tutor_quality.local.home import Home, Run
from tutor_quality.local.programs import Program
from tutor_quality.local.supervisor import Backoff, Part, Supervisor, stop_survivors

IMPATIENT = Backoff(first=0.05, most=0.2, healthy_after=60)
SAY_AND_WAIT = """
import pathlib, signal, sys, time
ready, said = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
def stop(*_):
    with said.open("a") as file: file.write(f"{ready.name} stopped\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with said.open("a") as file: file.write(f"{ready.name} started\\n")
ready.touch()
while True: time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def supervisor(home: Home) -> Supervisor:
    home.path.mkdir()
    return Supervisor(home, Run(), IMPATIENT)


def a_program(home: Home, name: str, code: str, *arguments: str) -> Program:
    return Program(name, (sys.executable, "-c", code, *arguments), home.logs / f"{name}.log")


def a_part(home: Home, name: str, *, stop_seconds: float = 15) -> Part:
    """Ready when it has touched a file of its name; tells `said` when it starts and stops."""
    ready = home.path / name
    program = a_program(home, name, SAY_AND_WAIT, str(ready), str(home.path / "said"))
    return Part(program, ready.exists, stop_seconds=stop_seconds)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.01)


def said(home: Home) -> list[str]:
    return (home.path / "said").read_text().splitlines()


async def test_parts_start_when_the_one_before_answers_and_stop_in_reverse(
    home: Home, supervisor: Supervisor
) -> None:
    for name in ("first", "second", "third"):
        await supervisor.start(a_part(home, name))
    await supervisor.stop()
    order = ["first", "second", "third"]
    assert said(home) == [f"{name} started" for name in order] + [
        f"{name} stopped" for name in reversed(order)
    ]


async def test_a_team_stops_at_the_same_time(home: Home, supervisor: Supervisor) -> None:
    """Each member ends only when it sees that the other was told to stop too."""
    wait_for_other = """
import pathlib, signal, sys, time
mine, other = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
def stop(*_):
    mine.rename(mine.with_suffix(".told"))
    while not other.with_suffix(".told").exists(): time.sleep(0.01)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
mine.touch()
while True: time.sleep(60)
"""
    files = [home.path / name for name in ("left", "right")]
    for mine, other in (files, reversed(files)):
        program = a_program(home, mine.name, wait_for_other, str(mine), str(other))
        await supervisor.start(Part(program, mine.exists, team="two"))
    async with asyncio.timeout(10):
        await supervisor.stop()


async def test_a_part_that_dies_is_started_again(home: Home, supervisor: Supervisor) -> None:
    child = await supervisor.start(a_part(home, "phoenix"))
    before = child.pid
    psutil.Process(before).kill()
    await until(lambda: child.restarts == 1)
    assert child.pid != before
    assert home.read_run().processes["phoenix"].pid == child.pid
    await supervisor.stop()


async def test_the_log_gets_the_last_words_of_a_part_that_died(
    home: Home, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    words = "import time; print('my last words', flush=True); time.sleep(0.2)"
    program = a_program(home, "talker", words)
    child = await supervisor.start(Part(program, lambda: "words" in program.last_log_lines()))
    await until(lambda: child.restarts > 0)
    assert "my last words" in caplog.text
    await supervisor.stop()


def test_restarts_wait_longer_each_time_until_the_part_stays_healthy() -> None:
    backoff, delay, delays = Backoff(), None, []
    for ran_seconds in (1, 1, 1, 1, 1, 1, 61, 1):
        delay = backoff.delay(delay, ran_seconds)
        delays.append(delay)
    assert delays == [1, 2, 4, 8, 16, 30, 1, 2]


async def test_a_part_that_ends_before_it_answers_fails_the_start_with_its_log(
    home: Home, supervisor: Supervisor
) -> None:
    program = a_program(home, "loser", "import sys; sys.exit('the disk is full')")
    with pytest.raises(ConfigurationError, match=r"ended with code 1(.|\n)*the disk is full"):
        await supervisor.start(Part(program, lambda: False))


async def test_a_part_that_stays_silent_fails_the_start_and_can_be_stopped(
    home: Home, supervisor: Supervisor
) -> None:
    program = a_program(home, "mute", "import time; time.sleep(600)")
    with pytest.raises(ConfigurationError, match="mute did not answer"):
        await supervisor.start(Part(program, lambda: False, ready_seconds=0.1))
    pid = home.read_run().processes["mute"].pid
    await supervisor.stop()
    assert not psutil.pid_exists(pid)


async def test_a_part_that_ignores_the_request_to_stop_is_killed(
    home: Home, supervisor: Supervisor
) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SAY_AND_WAIT}"
    deaf = deaf.replace("signal.signal(signal.SIGTERM, stop)", "")
    ready = home.path / "deaf"
    program = a_program(home, "deaf", deaf, str(ready), str(home.path / "said"))
    child = await supervisor.start(Part(program, ready.exists, stop_seconds=0.2))
    await supervisor.stop()
    assert not psutil.pid_exists(child.pid)


async def test_a_step_that_fails_says_why(home: Home, supervisor: Supervisor) -> None:
    program = a_program(home, "step", "raise SystemExit('no such table')")
    with pytest.raises(ConfigurationError, match="no such table"):
        await supervisor.run_to_end(program)
    assert home.read_run().processes == {}


LEAVE_A_CHILD = """
import asyncio, pathlib, sys
from tutor_quality.local.home import Home, Run
from tutor_quality.local.programs import Program
from tutor_quality.local.supervisor import Part, Supervisor
home = Home(pathlib.Path(sys.argv[1]))
async def main():
    with home.locked():
        program = Program("orphan", (sys.executable, "-c", sys.argv[2], *sys.argv[3:]),
                          home.logs / "orphan.log")
        await Supervisor(home, Run()).start(Part(program, pathlib.Path(sys.argv[3]).exists))
        print("up", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def a_killed_supervisor(home: Home, *, path: str | None = None) -> int:
    """Returns the pid of its child."""
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LEAVE_A_CHILD, str(home.path), SAY_AND_WAIT),
        *(str(home.path / "orphan"), str(home.path / "said")),
        stdout=asyncio.subprocess.PIPE,
        env=None if path is None else {"PATH": path},
    )
    assert supervisor.stdout is not None
    assert await supervisor.stdout.readline() == b"up\n"
    assert home.is_locked()
    supervisor.kill()
    await supervisor.communicate()
    return home.read_run().processes["orphan"].pid


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no death signal")
async def test_children_die_with_a_killed_supervisor(home: Home) -> None:
    pid = await a_killed_supervisor(home)
    await until(lambda: not psutil.pid_exists(pid))
    assert not home.is_locked()


async def test_the_next_start_stops_what_a_killed_supervisor_left(home: Home) -> None:
    # Without setpriv on the PATH there is no death signal, as on macOS.
    pid = await a_killed_supervisor(home, path="")
    assert psutil.pid_exists(pid)
    assert stop_survivors(home.read_run()) == ["orphan"]
    assert said(home) == ["orphan started", "orphan stopped"]
    await until(lambda: not psutil.pid_exists(pid))


async def test_a_stranger_with_a_remembered_number_is_left_alone(home: Home) -> None:
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", SAY_AND_WAIT, "x", "y")
    try:
        command = ["another", "program"]
        created = psutil.Process(stranger.pid).create_time()
        for claim in (
            {"created": created, "command": command},
            {"created": created - 60, "command": psutil.Process(stranger.pid).cmdline()},
        ):
            run = Run.model_validate({"processes": {"kafka": {"pid": stranger.pid, **claim}}})
            assert stop_survivors(run) == []
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


def test_a_second_stack_in_the_same_folder_is_told_who_runs(home: Home) -> None:
    home.path.mkdir()
    run = Run.model_validate(
        {
            "api_url": "http://127.0.0.1:8000",
            "supervisor": {"pid": 4711, "created": 0, "command": []},
        }
    )
    home.write_run(run)
    told = pytest.raises(ConfigurationError, match=r"pid 4711, http://127.0.0.1:8000")
    with home.locked(), told, Home(home.path).locked():
        pytest.fail("two stacks hold the lock")
    with home.locked():
        pass


def test_secrets_are_made_once_and_readable_by_their_owner_only(home: Home) -> None:
    first = home.secrets()
    assert home.secrets() == first
    assert (home.path / "secrets").stat().st_mode & 0o777 == 0o600
    assert len(first.postgres_password) >= 32
    assert json.loads((home.path / "secrets").read_text())["api_pepper"] == first.api_pepper


async def test_a_kill_ends_everything_at_once(home: Home, supervisor: Supervisor) -> None:
    children = [await supervisor.start(a_part(home, name)) for name in ("one", "two")]
    supervisor.kill()
    await supervisor.stop()
    assert "one stopped" not in said(home)
    assert all(not psutil.pid_exists(child.pid) for child in children)
    assert children[0].part.program.stop_signal == signal.SIGTERM
