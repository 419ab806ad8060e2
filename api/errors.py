"""Every refusal is `application/problem+json` (RFC 9457).

TutorQualityError  InvalidInput, InvalidRecord  400     NotFound  404     TransientFailure  503
Problem            whatever status it was raised with
anything else      500, without a word about its cause
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tutor_quality.errors import InvalidInput, InvalidRecord, NotFound, TransientFailure

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

NOT_AN_OBJECT = ("model_type", "model_attributes_type")
CODES = {
    400: "invalid-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    429: "too-many-requests",
    503: "unavailable",
}


class Problem(Exception):
    """A refusal that a route decides on itself.

    `errors` are objects with `detail` and either `pointer` (a JSON pointer into the body, as a
    URI fragment) or `parameter` (of the query or path).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers


def retry_later(detail: str) -> Problem:
    return Problem(503, detail, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def problem_body(
    status: int, detail: str, errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    code = CODES.get(status, "error")
    body: dict[str, Any] = {
        "type": f"urn:tutor-quality:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return body


def problem_response(request: Request, problem: Problem) -> Response:
    body = problem_body(problem.status, problem.detail, problem.errors)
    body["instance"] = request.url.path
    if request_id := request.scope.get("request_id"):
        body["request_id"] = request_id
    return Response(
        orjson.dumps(body), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


def json_pointer(path: Sequence[int | str]) -> str:
    """RFC 6901 as a URI fragment, e.g. `#/reschedule_info/cancelled_at`."""
    return "#" + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def described_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's errors as ours; what was sent is never repeated, it may be personal."""
    return [_described(error) for error in errors]


def _described(error: Mapping[str, Any]) -> dict[str, str]:
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        return {"pointer": "#", "detail": f"not JSON: {error['ctx']['error']}"}
    if place == "body":
        # "(…)" is the form that was tried, which is no member of the body.
        members = [step for step in path if not str(step).startswith("(")]
        # Pydantic would name our class.
        detail = "must be an object" if error["type"] in NOT_AN_OBJECT else error["msg"]
        return {"pointer": json_pointer(members), "detail": detail}
    return {"parameter": str(path[-1]), "detail": error["msg"]}


def invalid_request(errors: Sequence[Mapping[str, str]]) -> Problem:
    where = ", ".join(error.get("pointer") or error["parameter"] for error in errors)
    return Problem(400, f"The request is not valid: see errors ({where}).", errors=errors)


async def on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem_response(request, problem)


async def on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, invalid_request(described_errors(error.errors())))


async def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: "There is nothing at this address.",
        405: "This address does not take this method; see the Allow header.",
        413: "The body is too large.",
    }
    detail = details.get(error.status_code, str(error.detail))
    headers = {**(error.headers or {})}
    if error.status_code == 405 and (allowed := _allowed(request)):
        headers["Allow"] = allowed
    return problem_response(request, Problem(error.status_code, detail, headers=headers))


def _allowed(request: Request) -> str:
    """All methods of the address by our contract: Starlette names those of one route only."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(path, {})
    return ", ".join(sorted(method.upper() for method in methods))


async def on_invalid_input(request: Request, error: Exception) -> Response:
    return problem_response(request, Problem(400, str(error)))


async def on_not_found(request: Request, error: Exception) -> Response:
    return problem_response(request, Problem(404, str(error)))


async def on_transient_failure(request: Request, error: Exception) -> Response:
    log.warning("A request was answered 503: %s", error)
    return problem_response(request, retry_later(str(error)))


async def on_anything_else(request: Request, error: Exception) -> Response:
    return problem_response(request, Problem(500, "Something went wrong here; it was logged."))


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(InvalidInput, on_invalid_input)
    app.add_exception_handler(InvalidRecord, on_invalid_input)
    app.add_exception_handler(NotFound, on_not_found)
    app.add_exception_handler(TransientFailure, on_transient_failure)
    app.add_exception_handler(Exception, on_anything_else)
