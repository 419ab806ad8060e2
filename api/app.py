"""The application, put together from settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from pydantic import SecretStr

from api import contract, errors
from api.bookkeeping import Bookkeeper
from api.database import Database
from api.edge import Edge
from api.event_log import EventLog
from api.guard import Guard, TokenRules
from api.limits import Limits
from api.live import Live
from api.metrics import Metrics
from api.model_health import ModelHealth
from api.pages import KeptPages, Versions
from api.repeats import Repeats
from api.routes import (
    alerts,
    dashboard,
    docs,
    events,
    health,
    login,
    models,
    overview,
    pipeline,
    sessions,
    tutors,
    upcoming,
)
from api.services import Services
from api.totals import PLACES_KEPT, Recent, Totals
from tutor_quality.clock import Clock, SystemClock
from tutor_quality.errors import ConfigurationError
from tutor_quality.settings import Settings

ROUTERS = (
    sessions.router,
    tutors.router,
    upcoming.router,
    overview.router,
    models.router,
    alerts.router,
    pipeline.router,
    events.router,
    health.router,
    login.router,
    docs.router,
)


def create_app(
    settings: Settings, *, clock: Clock | None = None, dashboard_folder: Path | None = None
) -> FastAPI:
    """Raises ConfigurationError when a secret or an address is missing.

    `dashboard_folder` None = the built pages beside this package.
    """
    services = _services(settings, clock or SystemClock())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with services.running():
            yield

    app = FastAPI(
        title="Tutor Quality",
        version=health.VERSION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False},
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    app.openapi = lambda: contract.document(app)  # type: ignore[method-assign]  # FastAPI's way
    errors.install(app)
    _add_middleware(app, settings, services)
    for router in (*ROUTERS, dashboard.router_for(dashboard_folder or dashboard.folder())):
        app.include_router(router)
    return app


def _services(settings: Settings, clock: Clock) -> Services:
    pepper = _required(settings.api_pepper, "api_pepper", "a long random text")
    database = Database(_required(settings.database_url, "database_url", "postgresql://…"))
    bootstrap = _required(settings.kafka_bootstrap, "kafka_bootstrap", "host:port of a broker")
    metrics = Metrics()
    limits = Limits(settings.api_rate_limit, clock)
    bookkeeper = Bookkeeper(database, clock, metrics)
    return Services(
        clock=clock,
        database=database,
        event_log=EventLog(bootstrap),
        repeats=Repeats(),
        guard=Guard(database, pepper, _token_rules(settings), limits, bookkeeper, clock),
        limits=limits,
        bookkeeper=bookkeeper,
        live=Live(database, metrics),
        versions=Versions(database),
        totals=Totals(),
        places=Recent(PLACES_KEPT),
        metrics=metrics,
        model_health=ModelHealth(database, clock, metrics, settings.model_path),
        risk_threshold=settings.risk_threshold,
    )


def _required(setting: SecretStr | str | None, name: str, example: str) -> str:
    value = setting.get_secret_value() if isinstance(setting, SecretStr) else setting
    if value is None or not value.strip():
        raise ConfigurationError(
            f"the API does not start without TQ_{name.upper()}: set it to {example}"
            " (`tq up` makes it for the embedded stack)"
        )
    return value


def _token_rules(settings: Settings) -> TokenRules | None:
    parts = (settings.jwt_issuer, settings.jwt_audience, settings.jwt_public_key)
    if parts == (None, None, None):
        return None
    issuer, audience, public_key = parts
    if issuer is None or audience is None or public_key is None:
        raise ConfigurationError(
            "bearer tokens need all of TQ_JWT_ISSUER, TQ_JWT_AUDIENCE and TQ_JWT_PUBLIC_KEY"
        )
    return TokenRules(issuer, audience, public_key.get_secret_value())


def _add_middleware(app: FastAPI, settings: Settings, services: Services) -> None:
    """Each wraps those before it."""
    # Never the live stream: its events must leave at once.
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(KeptPages, admission=services.guard, versions=services.versions)
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=[
                "x-api-key",
                "authorization",
                "content-type",
                "idempotency-key",
                "if-none-match",
                "last-event-id",
            ],
            # A page of another origin sees no other headers of an answer.
            expose_headers=[
                "etag",
                "link",
                "location",
                "retry-after",
                "ratelimit",
                "ratelimit-policy",
                "x-request-id",
            ],
        )
    # What others answer passes through it too.
    app.add_middleware(Edge, metrics=services.metrics, limits=services.limits)
