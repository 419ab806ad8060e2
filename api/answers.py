"""How answers are written: JSON with UTC times, a weak ETag from the data version, cursors."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

import orjson
from fastapi import Request, Response

from api.errors import Problem, invalid_request
from api.responses import ProblemBody
from tutor_quality.storage.queries import DataVersion, Place

REVALIDATE: Final = "private, no-cache"
"""Caches may keep an answer but must ask each time whether it still holds."""
JSON_OPTIONS = orjson.OPT_UTC_Z


def answer(
    body: Any,
    version: DataVersion | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`version` says which data it was made from, so that it can be asked for again by ETag."""
    response = Response(
        orjson.dumps(body, option=JSON_OPTIONS), status, headers, "application/json"
    )
    if version is not None:
        response.headers["etag"] = etag(version)
        response.headers["cache-control"] = REVALIDATE
        response.headers["vary"] = "accept"
    return response


def etag(version: DataVersion) -> str:
    return f'W/"{version.tag}"'


def has(request: Request, version: DataVersion) -> bool:
    """Whether the caller holds an answer from this very data (If-None-Match)."""
    held = request.headers.get("if-none-match")
    if held is None:
        return False
    # Weak comparison (RFC 9110): proxies may have taken the W/ away.
    tags = {tag.strip().removeprefix("W/") for tag in held.split(",")}
    return "*" in tags or f'"{version.tag}"' in tags


def not_modified(version: DataVersion) -> Response:
    headers = {"etag": etag(version), "cache-control": REVALIDATE, "vary": "accept"}
    return Response(status_code=304, headers=headers)


def cursor(listing: str, value: Any, ident: str) -> str:
    """Opaque to callers; `listing` names the list and its order, so that it fits no other."""
    return base64.urlsafe_b64encode(orjson.dumps([listing, value, ident])).decode().rstrip("=")


def place(listing: str, text: str) -> Place:
    """Raises Problem 400 for a cursor that is not of this list and order."""
    try:
        padded = text + "=" * (-len(text) % 4)
        made_for, value, ident = orjson.loads(base64.b64decode(padded, b"-_", validate=True))
        found = Place(value, UUID(ident))
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise not_a_cursor() from None
    if made_for != listing:
        raise not_a_cursor()
    return found


def instant_place(listing: str, text: str | None) -> Place | None:
    """The place of a cursor whose sort value is a time."""
    if text is None:
        return None
    found = place(listing, text)
    try:
        time = datetime.fromisoformat(found.value)
    except (TypeError, ValueError):
        raise not_a_cursor() from None
    if time.tzinfo is None:
        raise not_a_cursor()
    return Place(time, found.id)


def not_a_cursor() -> Problem:
    detail = "is not a cursor of this list in this order; start again without it"
    return invalid_request([{"parameter": "cursor", "detail": detail}])


def next_link(request: Request, following: str | None) -> dict[str, str]:
    """The Link header (RFC 8288) of a page."""
    if following is None:
        return {}
    kept = {k: v for k, v in request.query_params.items() if k not in ("cursor", "offset")}
    query = urlencode({**kept, "cursor": following})
    return {"link": f'<{quote(request.scope["path"])}?{query}>; rel="next"'}


PROBLEMS: dict[int, str] = {
    400: "The request is not valid; `errors` says where.",
    401: "Nobody was recognised: no key, a wrong one, or one that was revoked.",
    403: "The caller lacks the scope, or the write came from another site.",
    404: "There is no such thing.",
    409: "Another event was sent under this id.",
    413: "The body is too large.",
    429: "Too many requests; Retry-After says when to come back.",
    503: "Kafka or Postgres is away; Retry-After says when to come back.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documentation of the refusals of a route; every route with a scope has the usual ones."""
    return {
        status: {
            "description": PROBLEMS[status],
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
                }
            },
        }
        for status in statuses
    }


READ_PROBLEMS = problems(400, 401, 403, 429, 503)
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What If-None-Match names still holds."}
}
