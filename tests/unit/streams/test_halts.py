"""A partition that stands still says so until an operator's word comes."""

from random import Random

from schemas import topics
from schemas.codec import decode, encode
from streams.outlet import Outgoing
from streams.protocol import PoisonLimit
from tutor_quality.campaign.sim.broker import INPUT, Broker, OperatorsRecords
from tutor_quality.campaign.sim.process import Config, Ledger, PartitionRun, Process
from tutor_quality.operations.resume import resume

PROGRESS = topics.PROGRESS.name


def _go_on(process: Process) -> None:
    while tasks := process.tasks():
        for task in tasks:
            task.step()
            process.producer.land_all()
            if process.restoring is not None and process.restoring.done:
                process.restoring = None


def _stopped_by_poison(broker: Broker) -> tuple[Process, PartitionRun]:
    random = Random(0)
    config = Config(random, live=False)
    config.poison, config.fetch = PoisonLimit(run=3, ratio=1.0), 12
    broker.append((INPUT, 0), [Outgoing(b"k", b"nonsense", timestamp=1)] * 5)
    process = Process("w1", broker, config, Ledger(), random)
    process.restore({0: 0})
    _go_on(process)
    run = process.runs[0]
    while run.fetched < len(run.log):
        run.fetch()
    while run.arriving:
        run.deliver()
    _go_on(process)
    assert run.stands_still
    return process, run


def test_a_late_record_of_a_zombie_does_not_hide_the_stop() -> None:
    broker = Broker(1_000_000, stamps=False)
    process, run = _stopped_by_poison(broker)
    log = broker.logs[PROGRESS, 0]
    said = decode("partition_progress", log[-1].value or b"")
    late = encode("partition_progress", {**said, "stopped": None})
    broker.append((PROGRESS, 0), [Outgoing(b"0", late)])
    run.wake()
    _go_on(process)
    assert run.stands_still
    assert decode("partition_progress", log[-1].value or b"") == said

    (resumed,) = resume(OperatorsRecords(broker), 1, partition=None, drain=True)
    assert resumed.drain_until == 5
    run.wake()
    _go_on(process)
    assert not run.stands_still
    assert run.committable() == 5


def test_a_partition_that_is_resumed_without_a_mend_says_again_that_it_stopped() -> None:
    broker = Broker(1_000_000, stamps=False)
    process, run = _stopped_by_poison(broker)
    for _ in range(2):
        assert len(resume(OperatorsRecords(broker), 1, partition=None, drain=False)) == 1
        run.wake()
        _go_on(process)
        assert run.stands_still
