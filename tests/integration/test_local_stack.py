"""The whole stack without its demo, as scripts start it: two of them at the same time."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tutor_quality.local.home import Home
from tutor_quality.settings import inherited_environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


async def tq(data_dir: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what it printed on both streams."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tutor_quality.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**inherited_environment(), "TQ_DATA_DIR": str(data_dir)},
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def status_of(data_dir: Path) -> dict[str, Any]:
    code, said = await tq(data_dir, "status", "--json")
    assert code == 0, said
    status: dict[str, Any] = json.loads(said)
    return status


async def test_two_stacks_live_side_by_side_and_leave_nothing_behind(tmp_path: Path) -> None:
    folders = [tmp_path / "left", tmp_path / "right"]
    try:
        started = await asyncio.gather(*(tq(at, "up", "--detach", "--empty") for at in folders))
        assert [code for code, _ in started] == [0, 0], started
        left, right = [await status_of(at) for at in folders]
        for part, address in (("api", "url"), ("kafka", "bootstrap"), ("database", "url")):
            assert left[part][address] != right[part][address]
        assert left["ready"] and left["stages"]["score"]["lag"] == 0
        code, said = await tq(folders[0], "up", "--detach", "--empty")
        assert code == 1 and left["api"]["url"] in said and "already running" in said
        run = Home(folders[0]).read_run()
    finally:
        stopped = await asyncio.gather(*(tq(at, "down") for at in folders))
    assert stopped == [(0, "Stopped.\n")] * 2
    assert run.supervisor is not None
    for identity in (run.supervisor, *run.processes.values()):
        assert not psutil.pid_exists(identity.pid)
    code, said = await tq(folders[0], "status")
    assert code == 1 and "tq up" in said
