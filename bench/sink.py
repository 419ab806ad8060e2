"""The sink on its own: how fast it brings a topic's worth of events and scores into Postgres."""

import asyncio
from time import monotonic, sleep
from typing import Any

import asyncpg

from bench import stack
from bench.events import Job, make
from bench.logs import Log
from bench.processes import cores, on_cores

WRITTEN = "SELECT coalesce(sum(n_tup_ins + n_tup_upd), 0)::bigint FROM pg_stat_user_tables"
STATISTICS_SECONDS = 2.0
"""Postgres' own count of rows follows by a second."""


def sink(job: Job) -> dict[str, Any]:
    """Sink and Postgres are on different cores; the rows are those inserted or updated."""
    with on_cores(cores()[1]), stack.running() as bench:
        Log(bench.kafka).fill(stack.LIFECYCLE, make(job))
        mine = sorted(cores()[0])
        score = bench.start("score", pin=mine)
        bench.until_caught_up("score", score)
        stack.stop(score)
        cpu, began, rows = bench.postgres_cpu(), monotonic(), asyncio.run(_written(bench.database))
        process = bench.start("sink", pin=mine)
        used = bench.until_caught_up("sink", process)
        wall, postgres = monotonic() - began, bench.postgres_cpu() - cpu
        stack.stop(process)
        sleep(STATISTICS_SECONDS)
        written = asyncio.run(_written(bench.database)) - rows
    return {
        "events": job.events,
        "rows": written,
        "wall_seconds": round(wall, 2),
        "rows_per_second": round(written / wall),
        "sink_cpu_seconds": round(used.cpu_seconds, 2),
        "rows_per_sink_cpu_second": round(written / used.cpu_seconds),
        "postgres_cpu_seconds": round(postgres, 2),
        "postgres_us_per_row": round(postgres / written * 1e6, 1),
        "peak_megabytes": round(used.peak_megabytes),
    }


async def _written(database: str) -> int:
    connection = await asyncpg.connect(database)
    rows: int = await connection.fetchval(WRITTEN)
    await connection.close()
    return rows
