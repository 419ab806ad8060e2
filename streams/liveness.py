"""Ends what neither works nor dies: a restart goes on from the last commit, silence never ends."""

import asyncio
import faulthandler
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator

from streams.upstream import with_names

log = logging.getLogger(__name__)

Crash = Callable[[BaseException], None]
"""Ends the process."""

REBALANCE = CoordinatorGroupRebalance.__name__
"""The name that is given another meaning."""
SESSIONS = 3
"""So many session timeouts a join may take; the broker waits for other members for two."""
JOINS = 3
"""So many in a row may take longer."""
FROZEN_SECONDS = 60.0


class JoinNeverEnds(RuntimeError):
    """Restart: the client does not get into its group by itself any more."""


def watch_joins(coordinator: GroupCoordinator, crash: Crash) -> None:
    """A join that takes too long is tried anew, and at last `crash` is called.

    aiokafka may wait for ever after a process was frozen for longer than its session
    (aio-libs/aiokafka#847); seen once in 100 of our schedules. Its member is thrown out of the
    group meanwhile, and nobody works on its partitions.
    """
    late = 0

    class WatchedRebalance(CoordinatorGroupRebalance):  # type: ignore[misc]  # has no types
        async def perform_group_join(self) -> Any:
            nonlocal late
            seconds = SESSIONS * self._session_timeout_ms / 1000
            try:
                async with asyncio.timeout(seconds):
                    joined = await super().perform_group_join()
            except TimeoutError:
                late += 1
                log.error("no place in group %s after %.0f s", self.group_id, seconds)
                if late == JOINS:
                    crash(JoinNeverEnds(f"{late} joins of {self.group_id} did not end"))
                return None  # Upstream asks again.
            late = 0
            return joined

    names = {REBALANCE: WatchedRebalance}
    coordinator._do_rejoin_group = with_names(GroupCoordinator._do_rejoin_group, names, coordinator)


class FrozenWatch:
    """Ends the process, with the stacks of its threads in the log, when one of two threads stands
    still, even if it holds the interpreter's lock."""

    def __init__(self, seconds: float = FROZEN_SECONDS) -> None:
        self._seconds = seconds
        self._seen = monotonic()

    def main_is_alive(self) -> None:
        """To be called every second by the main thread."""
        self._seen = monotonic()

    def other_is_alive(self) -> None:
        """To be called every second by the other one."""
        if monotonic() - self._seen < self._seconds:
            faulthandler.dump_traceback_later(self._seconds, exit=True)

    def end(self) -> None:
        faulthandler.cancel_dump_traceback_later()
