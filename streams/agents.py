"""What a stage declares on its Faust app: whence its batches come, where it keeps its rows."""

from typing import Any

import faust

from streams.partitions import Delivery, Stage
from streams.transport import BatchSchema


def deliver(app: Any, stage: Stage, *topics: str) -> None:
    """Hand the record batches of these topics to the stage, which acknowledges them itself."""
    raw = BatchSchema(
        key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(app.topic(*topics, schema=raw))  # type: ignore[untyped-decorator]  # no types
    async def work(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.noack().events():
            await stage.put(Delivery(event))


def keep_rows(app: Any, changelog: str) -> None:
    """Declare the table, for its place in Faust's assignment."""
    app.Table(
        "rows",
        changelog_topic=app.topic(changelog, key_type=bytes, value_type=bytes),
        key_type=bytes,
        value_type=bytes,
    )
