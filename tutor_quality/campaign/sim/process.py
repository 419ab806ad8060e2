"""A simulated worker process: what Faust, aiokafka and `streams/partitions.py` do around the
production code, one step at a time."""

from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from random import Random

from faust.types import TP

from schemas import topics
from schemas.codec import decode
from streams.halts import ScoreHalt
from streams.holdings import WATCHED, Holding, Holdings
from streams.outlet import KafkaPackedOutlet, PackedOutlet
from streams.outputs import Outputs
from streams.protocol import PoisonedPartition, PoisonLimit, ScorePartition
from streams.score_worker import ScoreWorker
from tutor_quality.campaign.oracle import THRESHOLD
from tutor_quality.campaign.sim.broker import INPUT, PAUSE, Broker, Producer, Reader, Stored, Token
from tutor_quality.domain.columns import LifecycleColumns
from tutor_quality.domain.fold import Folded, TutorRows
from tutor_quality.domain.risk import RiskRule
from tutor_quality.domain.tutor import Fate

RULE = RiskRule()


class Stuck(Exception):
    """The schedule does not come to rest."""


class Delivery:
    """A record batch, and whether it was acknowledged."""

    __slots__ = ("acknowledged", "records")

    def __init__(self, records: list[Stored]) -> None:
        self.records = records
        self.acknowledged = False

    def acknowledge(self) -> None:
        self.acknowledged = True


class Steps:
    """A coroutine driven by hand."""

    __slots__ = ("_coroutine", "_waits_for", "done")

    def __init__(self, coroutine: Coroutine[Token, None, None]) -> None:
        self._coroutine = coroutine
        self._waits_for: Token | None = None
        self.done = False

    @property
    def runnable(self) -> bool:
        return not self.done and (self._waits_for is None or self._waits_for.done)

    def step(self) -> None:
        """To the next effect; what it raises is the caller's to handle."""
        try:
            self._waits_for = self._coroutine.send(None)
        except StopIteration:
            self.done = True

    def cancel(self) -> None:
        self.done = True
        self._coroutine.close()


class Park(Token):
    """Where a partition waits for records or for its timer."""


class Clock:
    def __init__(self, broker: Broker, skew: int) -> None:
        self._broker = broker
        self._skew = skew

    def now_ms(self) -> int:
        return self._broker.now + self._skew


class PartitionRun:
    """One partition at one process; stands for the consumer's part of it and for PartitionTask."""

    def __init__(self, process: "Process", partition: int, position: int, held: Holding) -> None:
        self._process = process
        self._random = process.random
        self.partition = partition
        self.log = process.broker.logs[INPUT, partition]
        self.fetched = position
        self.arriving: deque[Delivery] = deque()
        self.queue: deque[Delivery] = deque()
        self.delivered: deque[Delivery] = deque()
        self.limit = process.config.poison
        outlet = KafkaPackedOutlet(
            process.producer,
            partition,
            process.readers,
            held.ends,
            process.clock,
            process.producer.pack,
        )
        core = _core(process, partition, held, outlet)
        self.worker = ScoreWorker(partition, core, self, process.clock, process.config.time)
        self._halt = ScoreHalt(TP(INPUT, partition), self.worker, outlet, self, self)
        self._stopped = held.stopped
        self.stands_still = held.stopped is not None
        self.watch = self._new_watch(held.drain_until)
        self._word: Stored | None = None
        """The operator's last one."""
        self.idles = 0
        """Completed ones since the run began."""
        self.park: Park | None = None
        self.task = Steps(self._run())

    def _new_watch(self, drain_until: int) -> "Watch":
        watch = Watch(self._process.generation, self.partition, self.limit, drain_until)
        if self.limit is not NO_LIMIT:
            self._process.ledger.watches.append(watch)
        return watch

    # What ScoreWorker and ScoreHalt ask the consumer

    async def position(self, partition: int) -> int:
        return self.fetched

    def highwater(self, partition: int) -> int:
        return len(self.log)

    def pause_partitions(self, _: set[TP]) -> None:
        self.stands_still = True

    def resume_partitions(self, _: set[TP]) -> None:
        self.stands_still = False

    def forget(self, _: Delivery) -> None:
        """Nothing here waits for records that were set aside."""

    # What ScoreHalt asks the reader of the progress topic

    async def wait_for(
        self, partition: int, position: int, wanted: Callable[[Stored], bool]
    ) -> Stored:
        log = self._process.broker.logs[topics.PROGRESS.name, partition]
        await PAUSE
        while True:
            for record in log[position:]:
                position += 1
                if wanted(record) and not record.gone:
                    if record is self._word:
                        raise Stuck("one word of the operator's counts again and again")
                    self._word = record
                    return record
            await self._parked()

    # Records on their way

    def fetch(self, at_least: int = 1) -> None:
        if self.stands_still:
            return
        most = max(at_least, self._process.config.fetch)
        # Mostly the same pieces again when they are delivered again.
        count = most - self.fetched % most
        if self._random.random() < 0.2:
            count = 1 + int(self._random.random() * most)
        records = self.log[self.fetched : self.fetched + count]
        if records:
            self.fetched = records[-1].offset + 1
            self.arriving.append(Delivery(records))

    def deliver(self) -> None:
        batch = self.arriving.popleft()
        self.delivered.append(batch)
        self.queue.append(batch)
        self.wake()

    def close(self) -> None:
        """What refers to the run goes with it, so that it is freed at once."""
        self.task.cancel()
        del self.task, self.worker, self._halt

    def wake(self) -> None:
        if self.park is not None:
            self.park.done = True

    def committable(self) -> int | None:
        """The end of the longest acknowledged prefix; None = nothing new."""
        position = None
        while self.delivered and self.delivered[0].acknowledged:
            position = self.delivered.popleft().records[-1].offset + 1
        return position

    @property
    def busy(self) -> bool:
        """Whether a rebalance has to wait for it."""
        return not self.stands_still and not self.clean

    @property
    def clean(self) -> bool:
        return self.worker.clean and not self.queue

    # As PartitionTask does it

    async def _run(self) -> None:
        if self._stopped is not None:
            await self._stand_still(self._stopped)
        while True:
            if self.queue:
                await self._hand_over(self.queue.popleft())
                if self._random.random() < self._process.config.hold_back:
                    continue
            await self.worker.flush()
            if not self.queue:
                await self.worker.idle()
                self.idles += 1
                await self._wait()

    async def _hand_over(self, batch: Delivery) -> None:
        while True:
            self.watch.seen += batch.records
            try:
                return await self.worker.process(batch)
            except PoisonedPartition as error:
                self.watch.stopped = True
                await self._stop(batch, str(error))

    async def _stop(self, batch: Delivery, reason: str) -> None:
        for waiting in (batch, *self.queue):
            self._halt.set_aside(waiting)
        await self.worker.flush()
        await self._halt.begin(reason)
        await self._stand_still(reason)

    async def _stand_still(self, reason: str) -> None:
        await self._halt.end(reason)
        assert self._word is not None
        word = decode("partition_progress", self._word.value or b"")
        self.watch = self._new_watch(word["drain_until"] or 0)

    async def _wait(self) -> None:
        # What was fetched before one call of idle is there before the next.
        while self.arriving and not self.queue:
            self.deliver()
        if not self.queue:
            await self._parked()

    async def _parked(self) -> None:
        self.park = Park()
        await self.park
        self.park = None


def _core(
    process: "Process", partition: int, held: Holding, outlet: PackedOutlet
) -> ScorePartition:
    return ScorePartition(
        partition,
        held.rows,
        outlet,
        Outputs(RULE, process.generation, partition, THRESHOLD),
        process.config.poison,
        outlived=held.outlived,
        unsaid=held.unsaid,
        tail=held.tail,
        told=held.told,
        drain_until=held.drain_until,
    )


@dataclass(slots=True)
class Watch:
    """What a watch for refused records saw, from a start or a resumption on."""

    generation: int
    partition: int
    limit: PoisonLimit
    drain_until: int
    seen: list[Stored] = field(default_factory=list)
    """What the worker was given, in order."""
    stopped: bool = False


class Config:
    """What all processes of a schedule share."""

    def __init__(self, random: Random, *, live: bool) -> None:
        self.time = random.choice(("wall", "auto")) if live else random.choice(("log", "auto"))
        self.live = live
        self.hold_back = random.choice((0.0, 0.3, 0.7))
        self.fetch = random.choice((1, 3, 6, 12))
        self.generation = 1
        self.poison = random.choice((PoisonLimit(run=3, ratio=1.0), NO_LIMIT))


NO_LIMIT = PoisonLimit(ratio=1.0, run=1 << 30)


class Ledger:
    """What became of each record: (generation, partition, offset) -> its fates."""

    def __init__(self) -> None:
        self.fates: defaultdict[tuple[int, int, int], set[int]] = defaultdict(set)
        self.watches: list[Watch] = []
        """Where a run of refused records must stop the partition."""

    def rows(self, generation: int, partition: int) -> TutorRows:
        return LedgerRows(self, generation, partition)


class LedgerRows(TutorRows):
    """Writes down the fates of what is folded."""

    def __init__(self, ledger: Ledger, generation: int, partition: int) -> None:
        super().__init__(RULE)
        self._ledger = ledger
        self._place = generation, partition

    def fold(self, columns: LifecycleColumns) -> Folded:
        folded = super().fold(columns)
        for offset, fate in zip(columns.offset.tolist(), folded.fates.tolist(), strict=True):
            if fate != Fate.SKIPPED:
                self._ledger.fates[*self._place, offset].add(fate)
        return folded


class Process:
    """One incarnation of a worker."""

    def __init__(
        self, name: str, broker: Broker, config: Config, ledger: Ledger, random: Random
    ) -> None:
        self.name = name
        self.ledger = ledger
        self.broker = broker
        self.config = config
        self.random = random
        self.clock = Clock(broker, random.choice((0, -2_000, 2_000)) if config.live else 0)
        self.generation = config.generation
        self.producer = Producer(broker, random)
        self.readers = {topic: Reader(broker, topic) for topic in WATCHED}
        self.holdings = Holdings(
            partial(ledger.rows, self.generation),
            self.generation,
            Reader(broker, INPUT),
            self.readers,
        )
        self.runs: dict[int, PartitionRun] = {}
        self.restoring: Steps | None = None
        self.stalled = False
        self.fenced = False
        """The group took its partitions away, and it does not know yet."""

    def restore(self, committed: dict[int, int]) -> None:
        """Begin to take over exactly these partitions, from their committed offsets."""
        self.fenced = False
        self.restoring = Steps(self._restore(committed))

    async def _restore(self, committed: dict[int, int]) -> None:
        await self.holdings.restore(set(committed))
        for partition, position in committed.items():
            self.runs[partition] = PartitionRun(self, partition, position, self.holdings[partition])

    def close(self) -> int:
        """Give up all partitions; returns how many were not clean."""
        unclean = 0
        if self.restoring is not None:
            self.restoring.cancel()
            self.restoring = None
        for partition, run in self.runs.items():
            clean = run.clean
            run.close()
            if not clean:
                # As ScoreStage does.
                self.holdings.drop(partition)
                unclean += 1
        self.runs.clear()
        return unclean

    def tasks(self) -> list[Steps]:
        if self.stalled:
            return []
        if self.restoring is not None:
            return [self.restoring] if self.restoring.runnable else []
        return [run.task for run in self.runs.values() if run.task.runnable]
