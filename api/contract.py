"""The OpenAPI document: what FastAPI derives, and what it cannot know.

`python -m api.contract` prints it.
"""

import sys
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import SecretStr
from pydantic.json_schema import models_json_schema

from api.access import SCOPES
from api.logins import COOKIE
from api.responses import ProblemBody
from tutor_quality.settings import Settings

VERSION = "3.2.0"
"""Of OpenAPI: the first that can describe a stream of events."""
REF = "#/components/schemas/{model}"
TAGS = {
    "ingestion": "Session events in; 202 means durable.",
    "tutors": "Who needs attention, and why.",
    "upcoming sessions": "What is booked, and how likely it is to move.",
    "alerts": "What changed, and who has seen it.",
    "models": "Do the predictions deserve trust?",
    "overview": "Aggregates over all tutors.",
    "pipeline": "Is data flowing?",
    "live": "Follow what changes.",
    "health": "Is it up?",
    "login": "Browsers.",
}
ABOUT = """Exact rolling 7/30/90-day reschedule rates per tutor, from a Kafka log.

Every answer says `as_of`: all events and expiries up to that instant are counted. Fields named
`reschedule_rate_*`, `rate` and `threshold` are percent with two decimals; null means that there
were no sessions, which is not 0. Times are UTC. Errors are RFC 9457 problems; a request that does
not validate is 400. Writes are safe to retry."""
SECURITY_SCHEMES = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "For machines; `tq keys create NAME --scopes read`. Scopes: "
        + "; ".join(f"{scope}: {about}" for scope, about in SCOPES.items()),
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Of the configured issuer and audience; claim `scope` holds the scopes.",
    },
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "For browsers; set by the one-time link of `tq login`.",
    },
}


def document(app: FastAPI) -> dict[str, Any]:
    """Made once and kept by the application."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=VERSION,
        summary="Tutor quality from a log of session events",
        description=ABOUT,
        routes=app.routes,
        tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        servers=[{"url": "/", "description": "this server"}],
        contact={"name": "The operators of this server"},
        license_info={"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    )
    components = schema["components"]
    components["securitySchemes"] = SECURITY_SCHEMES
    _, problem = models_json_schema([(ProblemBody, "serialization")], ref_template=REF)
    components["schemas"] |= problem["$defs"]
    for operations in schema["paths"].values():
        for operation in operations.values():
            _without_422(operation)
            _tell_scopes(operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    return schema


def _without_422(operation: dict[str, Any]) -> None:
    """FastAPI documents its own answer to what does not validate; ours is 400."""
    operation["responses"].pop("422", None)


def _tell_scopes(operation: dict[str, Any]) -> None:
    if scopes := operation.get("x-scopes"):
        needed = " or ".join(f"`{scope}`" for scope in scopes)
        operation["description"] += f"\n\nScope: {needed}."


def main() -> None:
    """Prints the document; it is the same whatever the settings."""
    from api.app import create_app

    anything = SecretStr("postgresql://localhost/anything")
    settings = Settings(database_url=anything, kafka_bootstrap="anything", api_pepper=anything)
    document = create_app(settings).openapi()
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
