"""Quix Streams: one stateful function over a row of packed bytes, state in RocksDB.

python -m bench.peers.quix.app BOOTSTRAP GROUP INPUT SCORES FLIPS FOLDER
"""

import sys
from typing import Any

from quixstreams import Application
from quixstreams.context import message_context

from bench.peers.row import fold
from bench.peers.session_event import decode

Said = tuple[bytes, list[bytes]]


def score(value: bytes, key: Any, timestamp: int, headers: Any, state: Any) -> Said | None:
    offset = message_context().offset
    folded = fold(state.get_bytes("row"), decode(value), offset, timestamp)
    if folded is None:
        return None
    row, said, changes = folded
    state.set_bytes("row", row)
    return said, changes


def main() -> None:
    bootstrap, group, source, scores, flips, folder = sys.argv[1:]
    app = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_interval=1.0,
        state_dir=folder,
        loglevel="ERROR",
        producer_extra_config={"linger.ms": 5, "batch.size": 1 << 20},
    )
    source_topic = app.topic(source, key_deserializer="bytes", value_deserializer="bytes")
    score_topic = app.topic(scores, key_serializer="bytes", value_serializer="bytes")
    flip_topic = app.topic(flips, key_serializer="bytes", value_serializer="bytes")
    scored = app.dataframe(source_topic).apply(score, stateful=True, metadata=True)
    scored = scored.filter(lambda said: said is not None)
    scored.apply(lambda said: said[0]).to_topic(score_topic)
    scored.apply(lambda said: said[1], expand=True).to_topic(flip_topic)
    app.run()


if __name__ == "__main__":
    main()
