"""The audit log and the last use of keys, written a second later and together.

A flood of refusals must not become a flood of transactions: the queue is bounded, and what does
not fit is counted in `tq_api_audit_dropped_total`.
"""

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request

from api.database import Database
from api.errors import Problem
from api.metrics import Metrics
from api.times import instant
from tutor_quality.clock import Clock
from tutor_quality.errors import TransientFailure

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MAX_WAITING = 2_000

Row = tuple[datetime, str | None, str, str | None, str, int, str | None, str | None]


class Bookkeeper:
    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._rows: deque[Row] = deque()
        self._used: dict[str, datetime] = {}

    def refused(self, request: Request, principal: str | None, problem: Problem) -> None:
        self.note(request, principal, "refused", problem.status, {"detail": problem.detail})

    def note(
        self,
        request: Request,
        principal: str | None,
        outcome: str,
        status: int,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """One row of the audit log; `detail` must hold no secret and no personal data."""
        if len(self._rows) >= MAX_WAITING:
            self._metrics.audit_dropped.inc()
            return
        row = (
            instant(self._clock.now_ms()),
            principal,
            f"{request.method} {getattr(request.scope.get('route'), 'path', '?')}",
            request.url.path[:500],
            outcome,
            status,
            request.scope.get("request_id"),
            orjson.dumps(detail).decode() if detail else None,
        )
        self._rows.append(row)

    def key_used(self, key_id: str) -> None:
        self._used[key_id] = instant(self._clock.now_ms())

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except TransientFailure as failure:
                log.warning("The audit log waits: %s", failure)

    async def flush(self) -> None:
        """Writes what waits; raises TransientFailure, and then nothing is forgotten."""
        rows, used = list(self._rows), dict(self._used)
        if not rows and not used:
            return
        async with self._database.writing() as connection:
            await connection.executemany(
                "INSERT INTO audit_log"
                " (at, principal, action, target, outcome, status, request_id, detail)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                rows,
            )
            await connection.executemany(
                "UPDATE api_keys SET last_used_at = greatest(last_used_at, $2) WHERE key_id = $1",
                list(used.items()),
            )
        for _ in rows:
            self._rows.popleft()
        self._used = {key: at for key, at in self._used.items() if used.get(key) != at}
