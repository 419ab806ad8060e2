"""The main job as a newcomer's script runs it: up, replay while the worker is killed, verify."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import httpx
import pytest

from tutor_quality.settings import inherited_environment

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Stack:
    folder: Path

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tutor_quality.cli", *arguments],
            cwd=ROOT,
            env={**inherited_environment(), "TQ_DATA_DIR": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tq(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=280)
        assert process.returncode == 0, out + err
        return out

    def ask(self, *arguments: str) -> Any:
        return json.loads(self.tq(*arguments, "--json"))

    def score_pid(self) -> int:
        deadline = monotonic() + PATIENCE_SECONDS
        while monotonic() < deadline:
            process = self.start("status", "--json")
            pids = json.loads(process.communicate(timeout=60)[0])["stages"]["score"]["pids"]
            if pids:
                return int(pids[0])
            sleep(0.5)
        raise AssertionError("the score worker was not started again")

    def kill_score(self) -> int:
        pid = self.score_pid()
        os.kill(pid, signal.SIGKILL)
        return pid


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.tq("up", "--detach", "--empty")
    try:
        yield stack
    finally:
        stack.tq("down")


def test_numbers_are_right_though_the_score_worker_is_killed_twice(stack: Stack) -> None:
    files = ["tests/data/hotel_excerpt.csv", "tests/data/oulad_sessions_excerpt.csv"]
    maps = ["--map", "mappings/hotel.yaml", "--map", "mappings/oulad_sessions.yaml"]
    replay = stack.start("replay", *files, *maps, "--wait", "--json")
    first = stack.kill_score()
    second = stack.kill_score()
    out, err = replay.communicate(timeout=280)
    assert replay.returncode == 0, out + err
    counts = json.loads(out)
    assert counts["applied"] == counts["sent"] > 1000
    assert counts["dead_lettered"] == 0
    assert first != second

    proof = stack.ask("verify")
    assert proof["compared"] > 0
    assert proof["differences"] == []


def test_the_api_shows_what_was_replayed(stack: Stack) -> None:
    key = stack.ask("keys", "create", "reader", "--scopes", "read")["key"]
    url = stack.ask("status")["api"]["url"]
    name = min(tutors_of("hotel_excerpt"))
    with httpx.Client(base_url=url, headers={"X-API-Key": key}) as client:
        page = client.get("/api/tutors", params={"limit": 1000}).json()
        found = client.get("/api/tutors", params={"search": name}).json()["tutors"]
        dashboard = client.get("/")
    expected = {a_tutor("hotel", name) for name in tutors_of("hotel_excerpt")}
    expected |= {a_tutor("oulad", name) for name in tutors_of("oulad_sessions_excerpt")}
    assert {tutor["id"] for tutor in page["tutors"]} == expected
    assert a_tutor("hotel", name) in {tutor["id"] for tutor in found}
    assert "text/html" in dashboard.headers["content-type"]


def tutors_of(excerpt: str) -> set[str]:
    with (ROOT / "tests" / "data" / f"{excerpt}.csv").open() as rows:
        return {row["tutor_id"] for row in csv.DictReader(rows)}


def a_tutor(name: str, value: str) -> str:
    """The id that design/mapping.md gives to an id that is no UUID."""
    return str(uuid5(uuid5(NAMESPACE_DNS, "tutor-quality"), f"{name}:tutor:{value}"))
