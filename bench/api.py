"""What a page of 50 tutors costs, at 3,000 and 100,000 tutors; and what a crowd of clients costs.

    python -m bench.api [--seconds 5] [--tutors 3000 100000] [--crowd]

Needs wrk. Prints one JSON object: CPU microseconds of the server and of Postgres per request, and
the 99th percentile in milliseconds at 8 connections (wrk shares the machine). With --crowd instead:
2,000 idle live streams, and 1,000 clients that never finish what they say.
"""

import argparse
import asyncio
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import asyncpg
import psutil

from api import answers, keys
from tests.support import postgres
from tests.support.api import AS_OF, NOW, NOWHERE, PEPPER
from tests.support.api_server import running_server
from tutor_quality.storage.migrate import upgrade
from tutor_quality.storage.tables import ATTENDANCE, WINDOWS

CONNECTIONS = 8
WARM_UP_SECONDS = 1
PAGE = "/api/tutors?limit=50"
LISTING = "tutors:reschedule_rate_30d:desc:all"
COLD_PAGES = 3_000
"""More than the API keeps."""
STREAMS = 2_000
IDLE_SECONDS = 30
"""Two heartbeats of each stream."""
SLOW = 1_000
UNFINISHED_BODY = (
    b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
)
SLOWEST = re.compile(r"99%\s+([\d.]+)(us|ms|s)")
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
Figures = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    url: str
    key: str
    server: psutil.Process
    postgres: psutil.Process
    folder: Path
    seconds: int

    def measure(self, paths: Sequence[str], headers: Sequence[str] = ()) -> Figures:
        """Asks for `paths` in turn, again and again."""
        self._wrk(paths, headers, WARM_UP_SECONDS)
        before = _cpu(self.server), _cpu(self.postgres)
        said = self._wrk(paths, headers, self.seconds)
        requests = int(re.findall(r"(\d+) requests in", said)[0])
        if "Non-2xx" in said and "If-None-Match" not in "".join(headers):
            raise RuntimeError(said)
        value, unit = SLOWEST.findall(said)[0]
        server, database = _cpu(self.server) - before[0], _cpu(self.postgres) - before[1]
        return {
            "server_us": round(server / requests * 1e6),
            "postgres_us": round(database / requests * 1e6),
            "p99_ms": round(float(value) * MILLISECONDS[unit], 1),
            "requests_per_second": round(requests / self.seconds),
        }

    def _wrk(self, paths: Sequence[str], headers: Sequence[str], seconds: int) -> str:
        script = self.folder / "requests.lua"
        listed = ",\n".join(json.dumps(path) for path in paths)
        script.write_text(
            f"local paths = {{{listed}}}\nlocal number = 0\n"
            "request = function()\n  number = number % #paths + 1\n"
            '  return wrk.format("GET", paths[number])\nend\n'
        )
        named = [word for header in (f"X-API-Key: {self.key}", *headers) for word in ("-H", header)]
        argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
        done = subprocess.run(
            [*argv, *named, self.url], stdout=subprocess.PIPE, check=True, text=True
        )
        return done.stdout

    def etag(self) -> str:
        with urlopen(Request(self.url + PAGE, headers={"X-API-Key": self.key})) as answer:
            return str(answer.headers["etag"])


def crowd_costs(seconds: int) -> Figures:
    with TemporaryDirectory(prefix="tq-bench-") as name, _running(Path(name), 3_000) as made:
        url, server, database, key, _ = made
        bench = Bench(url, key, server, database, Path(name), seconds)
        figures = {"page_alone": bench.measure([PAGE])}
        streams = f"GET /api/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n".encode()
        with _connected(url, STREAMS, streams, server) as idle:
            figures["idle_streams"] = {"clients": STREAMS, **idle(IDLE_SECONDS)}
            figures["page_beside_streams"] = bench.measure([PAGE])
        with (
            _connected(url, SLOW // 2, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", server),
            _connected(url, SLOW // 2, UNFINISHED_BODY % key.encode(), server) as slow,
        ):
            figures["slow_clients"] = {"clients": SLOW, **slow(1)}
            figures["page_beside_slow_clients"] = bench.measure([PAGE])
        return figures


@contextmanager
def _connected(
    url: str, clients: int, said: bytes, server: psutil.Process
) -> Iterator[Callable[[int], Figures]]:
    """`clients` connections that say `said` and then wait; gives what they cost meanwhile."""
    address = urlsplit(url)
    before = server.memory_info().rss, server.num_threads()
    opened = [socket.create_connection((address.hostname, address.port)) for _ in range(clients)]
    try:
        for one in opened:
            one.sendall(said)

        def cost(seconds: int) -> Figures:
            time.sleep(2)
            cpu = _cpu(server)
            time.sleep(seconds)
            return {
                "open": sum(c.status == "ESTABLISHED" for c in server.net_connections("tcp")),
                "kb_each": round((server.memory_info().rss - before[0]) / clients / 1024, 1),
                "more_threads": server.num_threads() - before[1],
                "cpu_percent": round((_cpu(server) - cpu) / seconds * 100, 1),
            }

        yield cost
    finally:
        for one in opened:
            one.close()


def _cpu(process: psutil.Process) -> float:
    """Seconds, with its children."""
    every = [process, *process.children(recursive=True)]
    return sum(t.user + t.system for t in (one.cpu_times() for one in every))


def page_costs(tutors: int, seconds: int) -> Figures:
    with TemporaryDirectory(prefix="tq-bench-") as name, _running(Path(name), tutors) as made:
        url, server, database, key, cursors = made
        bench = Bench(url, key, server, database, Path(name), seconds)
        cold = [f"{PAGE}&cursor={cursor}" for cursor in cursors]
        near, deep = cold[:COLD_PAGES], cold[-COLD_PAGES:]
        offsets = [f"{PAGE}&offset={offset}" for offset in range(tutors // 2, tutors - 60, 50)]
        # None is where another one ends, so that each is found by walking.
        scattered = [
            f"{PAGE}&offset={offset + odd}"
            for odd in (0, 1)
            for offset in range(tutors // 2, tutors - 60, 100)
        ]
        figures = {
            "first_page_kept": bench.measure([PAGE]),
            "first_page_kept_gzip": bench.measure([PAGE], ["Accept-Encoding: gzip"]),
            "first_page_304": bench.measure([PAGE], [f"If-None-Match: {bench.etag()}"]),
            "first_pages_anew": bench.measure(near),
        }
        if tutors > 2 * COLD_PAGES:
            figures["deep_pages_by_cursor"] = bench.measure(deep)
            figures["deep_pages_by_offset_in_order"] = bench.measure(offsets)
            figures["deep_pages_by_offset_scattered"] = bench.measure(scattered)
        return figures


@contextmanager
def _running(folder: Path, tutors: int) -> Iterator[tuple[Any, ...]]:
    with postgres.running(postgres.a_server(folder / "postgres")) as server:
        server.create_database("bench")
        url = server.url("bench")
        upgrade(url)
        key, cursors = asyncio.run(_fill(url, tutors))
        pid = int((server.data_dir / "postmaster.pid").read_text().split()[0])
        with running_server(url, NOWHERE, folder) as api:
            yield api.url, psutil.Process(api.pid), psutil.Process(pid), key, cursors


async def _fill(url: str, tutors: int) -> tuple[str, list[str]]:
    """A key, and the cursor of every place where a whole page follows, in order."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO tutors (id, name, email, created_at) SELECT md5(n::text)::uuid,"
        " 'Tutor ' || n, 'tutor' || n || '@school.test', $1 FROM generate_series(1, $2) AS n",
        NOW,
        tutors,
    )
    counts = ", ".join(f"{name}_{days}d" for days in WINDOWS for name in ATTENDANCE)
    zeros = ", ".join("0" for _ in WINDOWS for _ in ATTENDANCE)
    sessions = ", ".join(f"total_sessions_{days}d, tutor_reschedules_{days}d" for days in WINDOWS)
    await connection.execute(
        "INSERT INTO tutor_scores (tutor_id, generation, version, partition, as_of, is_high_risk,"
        " risk_threshold, risk_level, reasons, transition, open_slots, reschedule_rate_7d,"
        f" reschedule_rate_30d, reschedule_rate_90d, {sessions}, {counts})"
        " SELECT md5(n::text)::uuid, 1, n, 0, $1, n % 20 = 0, 0.15, 'low', '{30d}', 0, 0, 0.1,"
        f" (n % 97) / 97.0, 0.1, 5, 1, 97, n % 97, 90, 9, {zeros} FROM generate_series(1, $2) n",
        AS_OF,
        tutors,
    )
    await connection.execute(
        "INSERT INTO pipeline_progress (partition, generation, applied_offset, applied_until,"
        " score_offset, live, record_offset) SELECT n, 1, 1, $1, 1, true, 1"
        " FROM generate_series(0, 3) AS n",
        AS_OF,
    )
    await connection.execute("VACUUM ANALYZE")
    rows = await connection.fetch(
        "SELECT reschedule_rate_30d AS value, tutor_id::text AS id FROM tutor_scores"
        " ORDER BY reschedule_rate_30d DESC NULLS LAST, tutor_id LIMIT $1",
        tutors - 60,
    )
    key = await keys.create(connection, PEPPER, "bench", ["read", "ingest"], NOW)
    await connection.close()
    return key, [answers.cursor(LISTING, row["value"], row["id"]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--tutors", type=int, nargs="+", default=[3_000, 100_000])
    parser.add_argument("--crowd", action="store_true", help="what many clients cost instead")
    asked = parser.parse_args()
    if asked.crowd:
        print(json.dumps(crowd_costs(asked.seconds), indent=2))
        return
    figures = {f"{tutors} tutors": page_costs(tutors, asked.seconds) for tutors in asked.tutors}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
