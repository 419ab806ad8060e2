"""Who neither works nor dies."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from streams.liveness import JOINS, JoinNeverEnds, watch_joins

MILLISECONDS = 10
WATCHED = "aiokafka.consumer.group_coordinator.CoordinatorGroupRebalance"


class Coordinator:
    """aiokafka's, with a broker that answers no join, or each with an error."""

    group_id = "group"
    coordinator_id = generation = 1
    member_id = "member"
    _group_instance_id = None
    _assignors = ()
    _session_timeout_ms = _rebalance_timeout_ms = _retry_backoff_ms = MILLISECONDS

    def __init__(self) -> None:
        self.crashed: list[BaseException] = []
        watch_joins(self, self.crashed.append)

    async def join(self) -> bool:
        joined: bool = await self._do_rejoin_group(Subscription())  # type: ignore[attr-defined]
        return joined


class Subscription:
    topics = ("topic",)
    active = True


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Coordinator:
    async def never(rebalance: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(f"{WATCHED}.perform_group_join", never)
    return Coordinator()


async def test_a_join_that_never_ends_is_tried_anew_and_at_last_the_process_ends(
    silent: Coordinator,
) -> None:
    for _ in range(JOINS - 1):
        assert not await silent.join()
    assert silent.crashed == []
    assert not await silent.join()
    assert [type(error) for error in silent.crashed] == [JoinNeverEnds]


async def test_joins_that_end_without_a_place_are_upstreams_business(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(rebalance: Any) -> None:
        return None

    monkeypatch.setattr(f"{WATCHED}.perform_group_join", refused)
    coordinator = Coordinator()
    for _ in range(2 * JOINS):
        assert not await coordinator.join()
    assert coordinator.crashed == []


BOTH_ALIVE = """
for _ in range(30):
    watch.main_is_alive()
    watch.other_is_alive()
    sleep(0.1)
watch.end()
sleep(1.5)
"""
OTHER_FROZEN = "watch.other_is_alive(); sleep(20)"
MAIN_FROZEN = """
for _ in range(200):
    watch.other_is_alive()
    sleep(0.1)
"""
HOLDS_THE_LOCK = "watch.other_is_alive(); re.match('(a*)*b', 40 * 'a')"


@pytest.mark.parametrize(
    ("program", "code"),
    [(BOTH_ALIVE, 0), (OTHER_FROZEN, 1), (MAIN_FROZEN, 1), (HOLDS_THE_LOCK, 1)],
)
def test_a_process_of_which_a_thread_stands_still_ends_and_says_where(
    program: str, code: int
) -> None:
    head = "import re\nfrom time import sleep\nfrom streams.liveness import FrozenWatch\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{head}watch = FrozenWatch(1.0)\n{program}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code
    assert ("most recent call first" in done.stderr) == bool(code)
