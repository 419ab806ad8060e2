"""Who may call a route is written above it, and a route that does not say so cannot be made.

    @router.get("/api/tutors")
    @requires("read")
    async def list_tutors(request: Request, …) -> Response: …

Several scopes mean: any of them. The check runs before the body is read.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.binding import Binding, unknown
from api.errors import invalid_request
from tutor_quality.errors import ConfigurationError

SCOPES = {
    "ingest": "send session events",
    "read": "see tutors, alerts, predictions and the pipeline",
    "predict": "ask for predictions and acknowledge alerts",
    "admin": "everything that changes how the product runs",
}
MAX_BODY_BYTES = 64 * 1024
"""Where a route does not say otherwise."""
SCHEMES = ("ApiKey", "Bearer", "Session")
"""Names of the ways to say who one is, as in the OpenAPI document."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `name` is `key:…`, `token:…` or `login:…`."""

    name: str
    scopes: frozenset[str]


class Admission(Protocol):
    async def admit(self, request: Request, scopes: frozenset[str]) -> Principal:
        """The caller, who has one of `scopes`; raises Problem 401, 403 or 429."""


def requires(*scopes: str) -> Callable[[Endpoint], Endpoint]:
    unknown = set(scopes) - SCOPES.keys()
    if unknown or not scopes:
        raise ConfigurationError(f"a route needs scopes of {sorted(SCOPES)}, not {scopes}")
    return _declare(frozenset(scopes))


def public(endpoint: Endpoint) -> Endpoint:
    """Anyone may call it."""
    return _declare(frozenset())(endpoint)


def _declare(scopes: frozenset[str]) -> Callable[[Endpoint], Endpoint]:
    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.scopes = scopes  # type: ignore[attr-defined]  # read by ScopedRoute
        return endpoint

    return declare


class StrictRequest(Request):
    """A body of bounded size, and JSON as the standard says: UTF-8, no NaN, bounded depth."""

    def __init__(self, request: Request, max_body_bytes: int) -> None:
        super().__init__(request.scope, request.receive)
        self._max_body_bytes = max_body_bytes

    async def body(self) -> bytes:
        """Raises HTTPException 413 as soon as it is known to be too large."""
        if not hasattr(self, "_body"):
            announced = self.headers.get("content-length", "0")
            self._check_size(int(announced) if announced.isdecimal() else 0)
            body = bytearray()
            async for chunk in self.stream():
                body += chunk
                self._check_size(len(body))
            self._body = bytes(body)
        return self._body

    def _check_size(self, size: int) -> None:
        if size > self._max_body_bytes:
            raise HTTPException(413)

    async def json(self) -> Any:
        return orjson.loads(await self.body())


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ScopedRoute(APIRoute):
    """A route with declared scopes; unknown query parameters and large bodies are refused."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.scopes = _scopes_of(path, endpoint)
        self.max_body_bytes = options.pop("max_body_size", None) or MAX_BODY_BYTES
        extra = _documented(self.scopes) | (options.pop("openapi_extra", None) or {})
        super().__init__(path, endpoint, openapi_extra=extra, **options)

    def get_route_handler(self) -> Handler:
        takes_json = self.body_field is not None
        handle = super().get_route_handler() if takes_json else self._handler_without_body()
        scopes = self.scopes
        known = frozenset(field.alias for field in self.dependant.query_params)
        conditional = 304 in self.responses
        has_body = "GET" not in (self.methods or ())

        async def guarded(request: Request) -> Response:
            services = request.app.state.services
            if has_body:
                request = StrictRequest(request, self.max_body_bytes)
            if scopes:
                await admitted_to(self, services.guard, request)
            if takes_json:
                if errors := unknown(request, known):
                    raise RequestValidationError(errors)
                check_json(request)
            if conditional and not hasattr(request.state, "version"):
                request.state.version = await services.versions.now()
            response = await handle(request)
            if conditional and "etag" in response.headers:
                request.scope["kept_by"] = (response.headers["etag"], self)
            return response

        return guarded

    def _handler_without_body(self) -> Handler:
        # Pages of the dashboard keep their own state in the query.
        binding = Binding(self.dependant, strict=self.include_in_schema)

        async def handle(request: Request) -> Response:
            response: Response = await self.endpoint(**binding.arguments(request))
            return response

        return handle


async def admitted_to(route: ScopedRoute, admission: Admission, request: Request) -> None:
    """Lets the caller in, once a request; raises Problem 401, 403 or 429."""
    if request.scope.get("admitted_to") is not route:
        request.state.principal = await admission.admit(request, route.scopes)
        request.scope["admitted_to"] = route


def _scopes_of(path: str, endpoint: Callable[..., Any]) -> frozenset[str]:
    scopes = getattr(endpoint, "scopes", None)
    if not isinstance(scopes, frozenset):
        raise ConfigurationError(f"route {path} must say @requires(…) or @public")
    return scopes


def _documented(scopes: frozenset[str]) -> dict[str, Any]:
    """Scopes have a member of their own: linters take those of `security` for OAuth's only."""
    if not scopes:
        return {"security": []}
    return {"security": [{scheme: []} for scheme in SCHEMES], "x-scopes": sorted(scopes)}


def check_json(request: Request, *, also: frozenset[str] = frozenset()) -> None:
    """Raises Problem 400 when the body is not called JSON, nor by a name in `also`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind.startswith("application/") and kind.endswith(("/json", "+json"))
    if not is_json and kind not in also:
        allowed = " or ".join(("application/json", *sorted(also)))
        said = f"not {kind}" if kind else "and is missing"
        detail = f"must be {allowed}, {said}"
        raise invalid_request([{"parameter": "content-type", "detail": detail}])


def principal_of(request: Request) -> Principal:
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal
