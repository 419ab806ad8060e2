"""Handles every alert once: python alerts_confluent.py HOST:PORT GROUP DATABASE_FILE

Alerts are delivered at least once: a repeat is recognised by its event_id. A crash between
handling and its note repeats that one alert, unless handling is a write in the same transaction.
"""

import io
import json
import sqlite3
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Consumer

bootstrap, group, database_file = sys.argv[1:]
schemas = Path(__file__).parents[2] / "schemas" / "avro"
schema = fastavro.parse_schema(json.loads((schemas / "high_risk_alert.avsc").read_text()))
handled = sqlite3.connect(database_file)
handled.execute("CREATE TABLE IF NOT EXISTS handled (event_id TEXT PRIMARY KEY)")

consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
consumer.subscribe(["tutoring.tutors.high-risk.v1"])
while True:
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        sys.exit(str(message.error()))
    # A zero byte and the schema id (4 bytes) come before the Avro body.
    alert = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema)
    event_id = str(alert["event_id"])
    with handled:
        new = handled.execute("INSERT OR IGNORE INTO handled VALUES (?)", (event_id,)).rowcount
        if new:
            print(f"{event_id} {alert['kind']} {alert['tutor_id']}", flush=True)
    consumer.commit(message, asynchronous=False)
