"""Handles every alert once: python alerts_aiokafka.py HOST:PORT GROUP DATABASE_FILE

Alerts are delivered at least once: a repeat is recognised by its event_id. A crash between
handling and its note repeats that one alert, unless handling is a write in the same transaction.
"""

import asyncio
import io
import json
import sqlite3
import sys
from pathlib import Path

import fastavro
from aiokafka import AIOKafkaConsumer

SCHEMAS = Path(__file__).parents[2] / "schemas" / "avro"


async def main(bootstrap: str, group: str, database_file: str) -> None:
    schema = fastavro.parse_schema(json.loads((SCHEMAS / "high_risk_alert.avsc").read_text()))
    handled = sqlite3.connect(database_file)
    handled.execute("CREATE TABLE IF NOT EXISTS handled (event_id TEXT PRIMARY KEY)")
    async with AIOKafkaConsumer(
        "tutoring.tutors.high-risk.v1",
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    ) as consumer:
        async for message in consumer:
            # A zero byte and the schema id (4 bytes) come before the Avro body.
            alert = fastavro.schemaless_reader(io.BytesIO(message.value[5:]), schema)
            event_id = str(alert["event_id"])
            with handled:
                new = handled.execute("INSERT OR IGNORE INTO handled VALUES (?)", (event_id,))
                if new.rowcount:
                    print(f"{event_id} {alert['kind']} {alert['tutor_id']}", flush=True)
            await consumer.commit()


asyncio.run(main(*sys.argv[1:]))
