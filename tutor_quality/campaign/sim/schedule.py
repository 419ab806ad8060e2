"""One schedule: a history, workers, and faults between any two of their effects; then healing."""

from collections import Counter
from collections.abc import Callable
from random import Random

from streams.outlet import Outgoing
from tutor_quality.campaign.sim.broker import (
    COMPACTED,
    INPUT,
    AcknowledgementLost,
    Broker,
    OperatorsRecords,
    Stored,
)
from tutor_quality.campaign.sim.history import DAY, START, History, Raw, a_history
from tutor_quality.campaign.sim.process import Config, Ledger, PartitionRun, Process, Steps, Stuck
from tutor_quality.errors import LogRewound
from tutor_quality.operations.resume import resume

HISTORY_SHARED_BY = 16
MINUTE = 60_000
LOOK = 10 * MINUTE
"""In this time every owner has looked for gaps; compaction waits for longer."""
DRAIN_STEPS = 1_000
STEPS_AT_ONCE = 10_000
CATCH_UP = 12
"""Records that are fetched at once when the log is drained: who is behind gets full batches."""
FAR = 5_000 * DAY
"""How far the wall clock is from a replayed history."""

Say = Callable[[str], None]


class Epoch:
    """The input topic between two re-creations."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.raw: dict[tuple[int, int], Raw] = {}
        """What was fed, by partition and offset; the rest of the log are ticks."""
        self.logs: dict[int, list[Stored]] = {}


class Schedule:
    """Everything follows from the seed."""

    def __init__(self, seed: int, say: Say | None = None) -> None:
        self.random = random = Random(seed)
        self.say = say
        self.history: History = a_history(seed // HISTORY_SHARED_BY)
        live = random.random() < 0.4
        self.broker = Broker(START if live else START + FAR, stamps=live)
        self.config = Config(random, live=live)
        self.records = OperatorsRecords(self.broker)
        self.ledger = Ledger()
        self.faults: Counter[str] = Counter()
        self.problems: list[str] = []
        self.partitions = range(self.history.partitions)
        self.committed: dict[int, int] = {}
        self.owner: dict[int, Process] = {}
        self.processes: list[Process] = []
        self.waiting = list(reversed(self.history.records))
        self.epochs = [Epoch(self.config.generation)]
        self._names = 0
        self._seen: dict[int, int] = {}
        """Partition -> completed idles of its owner since the hour began."""
        self._hour: dict[tuple[str, int], int] | None = None
        self._hours_owner: dict[int, PartitionRun] = {}
        self._jumps = random.choice((1, 3, 5)) if live else 0
        self._may_recreate = random.random() < 0.3
        self._network = random.choice((0.03, 0.07, 0.12))
        self._rate = random.choice((0.015, 0.04, 0.08))

    # The story

    def tell(self, fault: str, *what: object) -> None:
        if self.say is not None:
            self.say(f"{fault} {' '.join(map(str, what))}".rstrip())

    def fault(self, fault: str, *what: object) -> None:
        self.faults[fault] += 1
        self.tell(f"FAULT {fault}", *what)

    # Running

    def run(self) -> None:
        self.faults["in history"] += self.history.faults
        self.rebalance(provoked=False)
        try:
            while self.waiting:
                self.step()
            for _ in range(int(self.random.random() * 40)):
                self.step()
            self.heal()
        finally:
            for process in self.processes:
                process.close()

    def step(self) -> None:
        chance = self.random.random() - self._rate
        if chance < 0:
            self.nemesis()
        elif chance < 0.08:
            self.feed()
        elif chance < 0.08 + self._network:
            self.land()
        elif chance < 0.36:
            self.consume()
        elif chance < 0.42:
            self.time_passes()
        else:
            self.work(1 + int(self.random.random() * 5))

    def feed(self) -> None:
        if not self.waiting:
            return
        raw = self.waiting.pop()
        if self.broker.stamps:
            self.broker.now = max(self.broker.now, raw.timestamp)
        record = Outgoing(raw.key, raw.value, timestamp=raw.timestamp)
        offset = self.broker.append((INPUT, raw.partition), [record])
        self.epochs[-1].raw[raw.partition, offset] = raw
        self.tell("fed", raw.partition, offset)

    def work(self, steps: int) -> None:
        """Some process goes on for some effects."""
        process = self._any_process()
        if process is None:
            return
        tasks = process.tasks()
        if not tasks:
            return
        task = tasks[int(self.random.random() * len(tasks))]
        for _ in range(steps):
            if not task.runnable:
                return
            if not self.drive(process, task.step):
                return
            if task.done:
                process.restoring = None

    def drive(self, process: Process, step: Callable[[], None]) -> bool:
        """Whether the process survived its step."""
        try:
            step()
        except AcknowledgementLost as error:
            self.tell("saw", process.name, error)
            self.crash(process)
        except LogRewound as error:
            self.tell("rewound", process.name, error)
            self.rewound(process)
        else:
            return True
        return False

    def land(self) -> None:
        """A write becomes durable."""
        process = self._any_process()
        if process is None or not process.producer.sent:
            if self.broker.orphans and self.random.random() < 0.1:
                self.land_orphan()
            return
        places = list(process.producer.sent)
        place = places[int(self.random.random() * len(places))]
        if process.stalled and self.random.random() < 0.8:
            return
        lost = self.random.random() < 0.01
        if lost:
            self.fault("acknowledgement lost", process.name, place)
        process.producer.land(place, acknowledged=not lost)
        if process.fenced:
            self.fault("late write", *place)
        self.tell("landed", process.name, *place)

    def land_orphan(self) -> None:
        index = int(self.random.random() * len(self.broker.orphans))
        place, batches = self.broker.orphans[index]
        self.broker.append(place, batches.popleft().records)
        self.fault("late write", *place)
        if not batches:
            del self.broker.orphans[index]

    def consume(self) -> None:
        """Records travel to a partition, or its offset is committed."""
        process = self._any_process()
        if process is None or process.stalled or not process.runs:
            return
        runs = list(process.runs.values())
        run = runs[int(self.random.random() * len(runs))]
        chance = self.random.random()
        if chance < 0.5:
            run.fetch()
        elif chance < 0.8:
            if run.arriving:
                run.deliver()
        else:
            self.commit(process, run)

    def commit(self, process: Process, run: PartitionRun) -> None:
        position = run.committable()
        if position is None:
            return
        if self.owner.get(run.partition) is not process:
            self.fault("commit refused", process.name, run.partition)
            return
        if self.random.random() < 0.1:
            self.fault("commit lost", process.name, run.partition, position)
            return
        self.committed[run.partition] = position
        self.tell("committed", process.name, run.partition, position)

    def time_passes(self) -> None:
        random = self.random
        self.broker.now += random.choice((10, 300, 600, 1_100))
        if self._jumps and random.random() < 0.1:
            self._jumps -= 1
            self.fault("nothing happens for days")
            self.broker.now = self._some_instant()
        if random.random() < 0.3:
            self.operator(drain=random.random() < 0.5)
        self._wake_all()
        self.hour_goes_on()

    def _wake_all(self) -> None:
        """Timers go off."""
        for process in self.processes:
            for run in process.runs.values():
                run.wake()

    def _some_instant(self) -> int:
        """Days later; mostly a second before a count could change."""
        now = self.broker.now
        if self.random.random() < 0.2:
            return now + self.random.choice((1, 7, 30)) * DAY
        instants = [
            raw.event.occurred_at + days * DAY - 1_000
            for raw in self.history.records
            if raw.event is not None
            for days in (7, 30, 90)
        ]
        return min((instant for instant in instants if instant > now), default=now)

    # Faults

    def nemesis(self) -> None:
        chance = self.random.random()
        if chance < 0.22:
            self.crash_any()
        elif chance < 0.40:
            self.stall()
        elif chance < 0.50:
            self.wake()
        elif chance < 0.68:
            self.rebalance()
        elif chance < 0.92:
            self.hour_begins()
        elif chance < 0.95:
            self.offsets_expire()
        elif self._may_recreate:
            self.recreate()

    def _victim(self) -> Process | None:
        """Mostly one with writes on their way: that is where faults hurt."""
        writing = [one for one in self.processes if one.producer.sent and not one.stalled]
        if writing and self.random.random() < 0.8:
            return writing[int(self.random.random() * len(writing))]
        return self._any_process()

    def crash_any(self) -> None:
        process = self._victim()
        if process is not None:
            self.crash(process)

    def crash(self, process: Process) -> None:
        for run in process.runs.values():
            if self.random.random() < 0.3:
                self.commit(process, run)
        landed, late, lost = process.producer.die()
        self.fault("crash", process.name, f"{landed} writes landed, {late} late, {lost} lost")
        self.faults["writes lost"] += lost
        process.close()
        self.processes.remove(process)
        for partition, owner in list(self.owner.items()):
            if owner is process:
                del self.owner[partition]
        if self.random.random() < 0.6:
            self.rebalance()

    def stall(self) -> None:
        """SIGSTOP: the group goes on without it."""
        process = self._victim()
        if process is not None and not process.stalled:
            self.fault("stall", process.name)
            process.stalled = True
            if self.random.random() < 0.7:
                self.rebalance()

    def wake(self) -> None:
        """SIGCONT: it works on until it hears that it was fenced."""
        for process in self.processes:
            if process.stalled:
                self.tell("woken", process.name)
                process.stalled = False
                return
        fenced = [process for process in self.processes if process.fenced]
        if fenced:
            self.rebalance()

    def offsets_expire(self) -> None:
        if not self.owner:
            self.fault("offsets expired")
            self.committed.clear()

    def rebalance(self, *, provoked: bool = True) -> None:
        """Who lives and is not stalled gives up everything, clean or not, and takes its share."""
        random = self.random
        members = [process for process in self.processes if not process.stalled]
        wanted = random.choice((1, 1, 2, 3)) if random.random() < 0.5 else max(1, len(members))
        while len(members) > wanted:
            leaver = members.pop()
            self.leave(leaver)
        while len(members) < wanted:
            members.append(self.spawn())
        for process in list(members):
            if process.runs and not self.revoke(process):
                members.remove(process)
        # Who died on the way may have made others rebalance.
        members = [member for member in members if member in self.processes] or [self.spawn()]
        shares: dict[Process, dict[int, int]] = {process: {} for process in members}
        self.owner = {}
        for partition in self.partitions:
            process = members[int(random.random() * len(members))]
            shares[process][partition] = self.committed.get(partition, 0)
            self.owner[partition] = process
        for process in self.processes:
            if process.stalled:
                process.fenced = True
        for process, share in shares.items():
            process.close()
            process.restore(share)
        self.faults["rebalance"] += provoked
        self.tell("rebalance", {p: owner.name for p, owner in self.owner.items()})

    def spawn(self) -> Process:
        self._names += 1
        process = Process(f"w{self._names}", self.broker, self.config, self.ledger, self.random)
        self.processes.append(process)
        return process

    def leave(self, process: Process) -> None:
        """A clean stop; what was sent may still land."""
        # It may have left already, in a rebalance that somebody's death on the way brought.
        if self.revoke(process) and process in self.processes:
            process.producer.die()
            process.close()
            self.processes.remove(process)
            self.tell("left", process.name)

    def revoke(self, process: Process) -> bool:
        """Drain, mostly to the end; whether the process survived it."""
        budget = 400 if self.random.random() < 0.7 else int(self.random.random() * 12)
        for _ in range(budget):
            busy = [run for run in process.runs.values() if run.busy]
            if not busy:
                break
            for run in busy:
                run.wake()
                if run.task.runnable:
                    if not self.drive(process, run.task.step):
                        return False
                elif process.producer.sent:
                    process.producer.land(next(iter(process.producer.sent)))
        for run in process.runs.values():
            self.commit(process, run)
        unclean = process.close()
        if unclean:
            self.fault("unclean revocation", process.name, unclean)
        return True

    def operator(self, *, drain: bool) -> None:
        """`tq resume`, for whatever stands still."""
        for one in resume(self.records, self.config.generation, partition=None, drain=drain):
            self.fault("poisoned", one)

    def recreate(self) -> None:
        """The input topic is deleted and created again, and an operator forgets the generation."""
        self._may_recreate = False
        if not self.waiting:
            return
        self.fault("topic re-created")
        for process in list(self.processes):
            process.producer.die()
            process.close()
        self.processes.clear()
        self.owner.clear()
        self.committed.clear()
        # Writes of the dead to the deleted topic cannot land in the new one.
        self.broker.orphans = [one for one in self.broker.orphans if one[0][0] != INPUT]
        for partition in self.partitions:
            self.epochs[-1].logs[partition] = list(self.broker.logs.pop((INPUT, partition), []))
        forgetful = self.spawn()
        forgetful.restore(dict.fromkeys(self.partitions, 0))
        noticed = self._restores(forgetful)
        rows = any(record for p in self.partitions for record in self._rows_of(p))
        if noticed != rows:
            self.problems.append(f"re-created topic: rows {rows}, LogRewound {noticed}")
        forgetful.close()
        self.processes.remove(forgetful)
        self.config.generation += 1
        self.epochs.append(Epoch(self.config.generation))
        self.rebalance()

    def _restores(self, process: Process) -> bool:
        """Whether the restore was refused because the log was re-created."""
        assert process.restoring is not None
        try:
            while not process.restoring.done:
                process.restoring.step()
        except LogRewound:
            return True
        return False

    def _rows_of(self, partition: int) -> list[bytes]:
        log = self.broker.logs[COMPACTED[0], partition]
        return [record.key or b"" for record in log if not record.gone]

    def rewound(self, process: Process) -> None:
        self.problems.append(f"{process.name} stopped for a topic that was not re-created")
        self.crash(process)

    # Compaction

    def hour_begins(self) -> None:
        """Compaction may have what is in the logs now once every owner has looked for gaps."""
        if self._hour is None:
            self._hour = {
                (topic, p): len(self.broker.logs[topic, p])
                for topic in COMPACTED
                for p in self.partitions
            }
            self._hours_owner = {}
            self.broker.now += LOOK

    def hour_goes_on(self) -> None:
        if self._hour is None:
            return
        for partition in self.partitions:
            owner = self.owner.get(partition)
            run = owner.runs.get(partition) if owner is not None else None
            if run is None:
                self._hours_owner.pop(partition, None)
                return
            if self._hours_owner.get(partition) is not run:
                self._hours_owner[partition] = run
                self._seen[partition] = run.idles
            if run.idles < self._seen[partition] + 2:
                return
        self.compact()

    def compact(self) -> None:
        assert self._hour is not None
        removed = sum(self.broker.compact(place, end) for place, end in self._hour.items())
        self._hour = None
        self.fault("compaction", removed)

    # Healing

    def heal(self) -> None:
        """No more faults: everything lands, every process hears of the group, the log is drained,
        an hour passes, and all is compacted."""
        self.tell("healing")
        self._rate = 0.0
        late = self.random.random() < 0.7
        if not late:
            self.all_lands()
        self.rebalance(provoked=False)
        self.drain()
        if self.config.live:
            self.broker.now = self._some_instant()
            self._wake_all()
            self.drain()
        if late:
            self.all_lands()
            if self.random.random() < 0.5:
                self.rebalance()
        for _ in range(2):
            self.broker.now += LOOK
            self.drain()
        for topic in COMPACTED:
            for partition in self.partitions:
                place = topic, partition
                self.broker.compact(place, len(self.broker.logs[place]))
        last = self.epochs[-1]
        for partition in self.partitions:
            last.logs[partition] = list(self.broker.logs[INPUT, partition])

    def all_lands(self) -> None:
        """The last late writes; who is still stalled wakes up, and finds itself fenced."""
        while self.broker.orphans:
            self.land_orphan()
        for process in [process for process in self.processes if process.stalled]:
            process.stalled = False
            process.producer.land_all()
            self.crash(process)

    def drain(self) -> None:
        """Until the log ends where everybody is, twice in a row: ticks follow from records."""
        calm = 0
        for _ in range(DRAIN_STEPS):
            if not self._drain_step():
                calm += 1
                if calm == 2:
                    return
                self.operator(drain=True)
                self.broker.now += 2_100
                self._wake_all()
            elif any(self._behind()):
                calm = 0
        raise Stuck("the log was not drained")

    def _behind(self) -> list[int]:
        return [
            p for p in self.partitions if self.committed.get(p, 0) < len(self.broker.logs[INPUT, p])
        ]

    def _drain_step(self) -> bool:
        """Whether anything happened."""
        if len(self.owner) < len(self.partitions):
            self.rebalance(provoked=False)
        busy = False
        for process in list(self.processes):
            if process.stalled:
                continue
            process.producer.land_all()
            for run in list(process.runs.values()):
                if run.fetched < len(run.log) and not run.arriving:
                    run.fetch(at_least=CATCH_UP)
                while run.arriving:
                    run.deliver()
                position = run.committable()
                if position is not None:
                    self.committed[run.partition] = position
            for task in process.tasks():
                busy = True
                self._go_on(process, task)
                if task.done:
                    process.restoring = None
        return busy

    def _go_on(self, process: Process, task: Steps) -> None:
        """As far as it comes without records or time."""
        for _ in range(STEPS_AT_ONCE):
            if not (task.runnable and self.drive(process, task.step)):
                return
            process.producer.land_all()
        raise Stuck(f"{process.name} goes round in circles")

    def _any_process(self) -> Process | None:
        processes = self.processes
        return processes[int(self.random.random() * len(processes))] if processes else None
