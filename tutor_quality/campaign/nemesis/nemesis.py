"""Does faults to a cluster, and mends them."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from subprocess import Popen
from time import monotonic, sleep

import asyncpg

from tutor_quality.campaign.nemesis.cluster import LOOK_SECONDS, Cluster, Service, kill
from tutor_quality.campaign.nemesis.plan import Fault, Plan

Act = Callable[[], None]
OVERLAP_SECONDS = 3.0
"""Two processes have one slot for so long."""
DATABASE_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What a connection says that was ended while it was idle (MagicStack/asyncpg#1069).
    asyncpg.InternalClientError,
)


class Nemesis:
    """Faults of one schedule."""

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._armed: list[tuple[str, Popen[bytes]]] = []
        """Workers that are to end at a crash point."""
        self._began = monotonic()
        self._due: list[tuple[float, Act]] = []
        self.done: list[str] = []
        """Kinds of faults that took place."""
        self.problems: list[str] = []

    def carry_out(self, plan: Plan) -> None:
        """Every fault and its mending at its time; what dies is started again on the way."""
        self._began = monotonic()
        for fault in plan.faults:
            self._at(fault.at, partial(self._begin, fault))
        while self._due or self._now() < plan.seconds:
            for moment in [moment for moment in self._due if moment[0] <= self._now()]:
                self._due.remove(moment)
                moment[1]()
            self._cluster.revive()
            sleep(LOOK_SECONDS)

    def _now(self) -> float:
        """Seconds since the begin of the schedule."""
        return monotonic() - self._began

    def _at(self, seconds: float, act: Act) -> None:
        self._due.append((seconds, act))

    def heal(self) -> None:
        """Mend what goes on beyond the faults' own ends."""
        self._cluster.kafka_proxy.heal()
        self._cluster.postgres_proxy.heal()
        for name, process in self._armed:
            if process.poll() is None:
                self._say(f"{name} never came to its crash point")
                kill(process)
            else:
                self.done.append("crash-point")
        self._armed.clear()
        self._cluster.wait_for_servers()

    def _begin(self, fault: Fault) -> None:
        self._say(str(fault))
        mend = self._strike(fault)
        if fault.kind != "crash-point":
            self.done.append(fault.kind)
        self._at(self._now() + fault.seconds, mend)

    def _strike(self, fault: Fault) -> Act:
        cluster = self._cluster
        match fault.kind:
            case "kill":
                return self._kill(cluster.workers[fault.target])
            case "crash-point":
                return self._arm(cluster.workers[fault.target], fault.detail)
            case "zombie":
                return self._freeze(cluster.workers[fault.target])
            case "fenced-zombie":
                return self._replace(cluster.workers[fault.target])
            case "join-and-leave":
                return self._invite(fault.target)
            case "broker-kill":
                return self._kill(cluster.broker)
            case "postgres-kill":
                return self._kill(cluster.database)
            case "kafka-cut":
                cluster.kafka_proxy.cut()
            case "kafka-slow":
                cluster.kafka_proxy.slow(fault.count / 1000)
                return cluster.kafka_proxy.heal
            case "kafka-hole":
                cluster.kafka_proxy.hole()
                return cluster.kafka_proxy.heal
            case "postgres-hole":
                cluster.postgres_proxy.hole()
                return cluster.postgres_proxy.heal
            case "postgres-lost-commits":
                cluster.postgres_proxy.lose_commits(fault.count)
            case "postgres-terminate":
                asyncio.run(_terminate_backends(cluster.addresses.database_url))
        return _nothing

    def _kill(self, service: Service) -> Act:
        service.held_down = True
        service.kill()

        def mend() -> None:
            service.held_down = False
            if not service.alive:
                service.start()

        return mend

    def _arm(self, worker: Service, point: str) -> Act:
        worker.kill()
        worker.start({"TQ_CRASH_AT": point})
        self._armed.append((worker.name, worker.process))
        return _nothing

    def _freeze(self, worker: Service) -> Act:
        if not worker.alive:
            return _nothing
        frozen = worker.process
        frozen.send_signal(signal.SIGSTOP)
        return lambda: _thaw(frozen)

    def _replace(self, worker: Service) -> Act:
        """Another process takes the slot of a frozen one, which wakes up and wants it back.

        Each takes it from the other for as long as both live (aiokafka answers a fencing by
        joining anew): nothing may go wrong meanwhile, and the first is killed in the end.
        """
        if not worker.alive:
            return _nothing
        ghost = worker.process
        ghost.send_signal(signal.SIGSTOP)
        self._cluster.ghosts.append(ghost)
        worker.start()

        def mend() -> None:
            _thaw(ghost)
            self._at(self._now() + OVERLAP_SECONDS, partial(kill, ghost))

        return mend

    def _invite(self, name: str) -> Act:
        stage, _, slot = name.partition("-")
        guest = self._cluster.worker(stage, int(slot))
        guest.held_down = False
        guest.revive()

        def leave() -> None:
            guest.held_down = True
            if not guest.stop():
                self.problems.append(f"{name} did not stop when it was told to")

        return leave


def _thaw(process: Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)


def _nothing() -> None:
    """Some faults need no mending."""


async def _terminate_backends(database_url: str) -> None:
    """Every connection of the sink; none if the database is away itself."""
    try:
        connection = await asyncpg.connect(
            database_url, timeout=5, server_settings={"application_name": "tq-nemesis"}
        )
    except DATABASE_GONE:
        return
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tq-sink'"
        )
    except DATABASE_GONE:
        return
    finally:
        connection.terminate()
