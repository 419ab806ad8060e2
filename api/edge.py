"""What every answer passes through: request id, security headers, deadline, metrics."""

import asyncio
import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import Limits
from api.metrics import Metrics

BODY_DEADLINE_SECONDS = 20.0
"""A client that takes longer to send its body is cut off."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
ALWAYS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Unless the answer says otherwise."""
HSTS = (b"strict-transport-security", b"max-age=31536000")


class Edge:
    """Pure ASGI: it costs a few microseconds a request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, limits: Limits) -> None:
        self._app = app
        self._metrics = metrics
        self._policy = limits.policy.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = _request_id(Headers(scope=scope))
        if scope["method"] in WITH_BODY:
            receive = _with_deadline(receive)
        began = time.perf_counter()
        status = 500

        async def finish(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(scope, message)
            await send(message)

        with self._metrics.in_progress.track_inprogress():
            try:
                await self._app(scope, receive, finish)
            finally:
                self._count(scope, status, time.perf_counter() - began)

    def _add_headers(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        headers = list(message["headers"])
        present = {name for name, _ in headers}
        headers += [header for header in ALWAYS if header[0] not in present]
        headers.append((b"x-request-id", scope["request_id"].encode()))
        if scope["scheme"] == "https":
            headers.append(HSTS)
        if left := scope.get("rate_limit"):
            headers += [(b"ratelimit-policy", self._policy), (b"ratelimit", left.encode())]
        message["headers"] = headers

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # The path's template, never the path: labels must stay few.
        route = getattr(scope.get("route"), "path", "unknown")
        self._metrics.requests.labels(scope["method"], route, status).inc()
        if route != "/api/events":
            self._metrics.duration.labels(route).observe(seconds)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.match(given) else secrets.token_hex(8)


def _with_deadline(receive: Receive) -> Receive:
    deadline = asyncio.get_running_loop().time() + BODY_DEADLINE_SECONDS
    complete = False

    async def receive_in_time() -> Message:
        nonlocal complete
        if complete:
            # What follows the body is the end of the connection, which may take its time.
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "The body took too long to arrive.") from None
        complete = not message.get("more_body", False)
        return message

    return receive_in_time
