"""Stock Faust: one agent, one table of packed rows, one event at a time.

Everything that helps is on: compiled loops, uvloop, raw serializers, memory store, no web server,
no logging, outputs through the producer's buffer.

    python -m bench.peers.faust.app BOOTSTRAP APP INPUT SCORES FLIPS FOLDER
"""

import logging
import sys
from typing import Any

import faust

from bench.peers.row import fold
from bench.peers.session_event import decode

PARTITIONS = 4
RAW = {
    "key_type": bytes,
    "value_type": bytes,
    "key_serializer": "raw",
    "value_serializer": "raw",
}


def make(bootstrap: str, name: str, source: str, scores: str, flips: str, folder: str) -> Any:
    app = faust.App(
        name,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        web_enabled=False,
        cython_optimizations=True,
        processing_guarantee="at_least_once",
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_commit_interval=1.0,
        broker_max_poll_records=8_000,
        consumer_max_fetch_size=4 << 20,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        producer_linger=0.005,
        producer_max_batch_size=1 << 20,
        producer_max_request_size=4 << 20,
    )
    rows = app.Table("rows", partitions=PARTITIONS, key_type=bytes, value_type=bytes)
    score_topic, flip_topic = app.topic(scores, **RAW), app.topic(flips, **RAW)

    @app.agent(app.topic(source, **RAW))  # type: ignore[untyped-decorator]  # faust has no types
    async def score(stream: Any) -> None:
        async for event in stream.events():
            key, message = event.key, event.message
            known = rows.get(key)
            timestamp = round(message.timestamp * 1000)
            folded = fold(known, decode(event.value), message.offset, timestamp)
            if folded is None:
                continue
            rows[key], said, changes = folded
            partition = message.partition
            score_topic.send_soon(key=key, value=said, partition=partition)
            for change in changes:
                flip_topic.send_soon(key=key, value=change, partition=partition)

    return app


def main() -> None:
    app = make(*sys.argv[1:])
    del sys.argv[1:]
    logging.disable()
    worker = faust.Worker(app, loglevel="CRITICAL", redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


if __name__ == "__main__":
    # Before anything of asyncio is made.
    import uvloop

    uvloop.install()
    main()
