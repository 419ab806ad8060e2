"""Is it up? For people, for load balancers and for Prometheus. Nothing here is secret."""

import asyncio
import math
from datetime import datetime
from importlib.metadata import version as version_of

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.access import ScopedRoute, public
from api.answers import answer, problems
from api.errors import RETRY_AFTER_SECONDS
from api.responses import Health, Liveness, Readiness
from api.services import Services, services_of
from tutor_quality.errors import TransientFailure
from tutor_quality.storage import queries

router = APIRouter(route_class=ScopedRoute, tags=["health"])

VERSION = version_of("tutor-quality")


@router.get(
    "/api/health",
    summary="State of the API and of what it needs",
    response_model=Health,
    responses={503: {"model": Health, "description": "The database is away."}, **problems(400)},
)
@public
async def get_health(request: Request) -> Response:
    """503 only if the database is away: without Kafka reads still work."""
    services = services_of(request)
    (database, as_of, degraded), kafka = await asyncio.gather(
        _database_state(services), services.event_log.answers()
    )
    health = {
        "status": "unhealthy" if not database else "healthy" if kafka else "degraded",
        "version": VERSION,
        "model_degraded": degraded,
        "database": "connected" if database else "disconnected",
        "kafka": "connected" if kafka else "disconnected",
        "as_of": as_of,
    }
    if not database:
        return answer(health, status=503, headers={"retry-after": str(RETRY_AFTER_SECONDS)})
    return answer(health)


async def _database_state(services: Services) -> tuple[bool, datetime | None, bool | None]:
    """Whether it answers, as_of, and whether another model answers than should."""
    try:
        async with services.database.reading() as connection:
            models = await queries.models(connection)
            degraded = any(model["degraded"] for model in models) if models else None
            return True, (await queries.data_version(connection)).as_of, degraded
    except TransientFailure:
        return False, None, None


@router.get("/livez", summary="The process runs", response_model=Liveness, responses=problems(400))
@public
async def get_liveness(request: Request) -> Response:
    """Asks nothing of anybody."""
    return answer({"status": "alive"})


@router.get(
    "/readyz",
    summary="Requests can be served",
    response_model=Readiness,
    responses=problems(400, 503),
)
@public
async def get_readiness(request: Request) -> Response:
    """Ready while the database answers and has our tables."""
    async with services_of(request).database.reading() as connection:
        await queries.data_version(connection)
    return answer({"status": "ready"})


def _gauge(degraded: bool | None) -> float:
    return math.nan if degraded is None else float(degraded)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(400),
    },
)
@public
async def get_metrics(request: Request) -> Response:
    """Text exposition format; labels hold no id."""
    services = services_of(request)
    services.metrics.model_degraded.set(_gauge((await _database_state(services))[2]))
    return Response(services_of(request).metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
