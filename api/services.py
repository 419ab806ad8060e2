"""What the routes work with; made by `create_app`, opened and closed with it."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from api.bookkeeping import Bookkeeper
from api.database import Database
from api.event_log import EventLog
from api.guard import Guard
from api.limits import Limits
from api.live import Live
from api.metrics import Metrics
from api.model_health import ModelHealth
from api.pages import Versions
from api.repeats import Repeats
from api.totals import Recent, Totals
from tutor_quality.clock import Clock
from tutor_quality.storage.queries import Place, SlotFilter, TutorFilter


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    database: Database
    event_log: EventLog
    repeats: Repeats
    guard: Guard
    limits: Limits
    bookkeeper: Bookkeeper
    live: Live
    versions: Versions
    totals: Totals[TutorFilter | SlotFilter]
    places: Recent[Hashable, Place]
    """Where a page by offset begins, by data version, listing and offset."""
    metrics: Metrics
    model_health: ModelHealth
    risk_threshold: float
    """A fraction."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.database.open()
        work = (self.bookkeeper.run(), self.live.run(), self.model_health.run())
        tasks = [asyncio.create_task(part) for part in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.event_log.close()
            await self.database.close()


def services_of(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
