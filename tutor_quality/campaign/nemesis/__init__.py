"""Faults for real programs: Kafka, Postgres, workers and the wires between them.

`run` puts schedules of drawn faults over a load, heals, waits and compares with the raw log;
`sink` does the same to the sink's writer alone; `recovery` measures how long it takes to come back.
See docs/campaigns.md.
"""
