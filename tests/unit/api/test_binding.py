"""Arguments of routes: FastAPI's parameters, bound at once."""

from typing import Annotated, Literal
from uuid import UUID

import pytest
from fastapi import APIRouter, Cookie, Header, Query, Request
from fastapi.exceptions import RequestValidationError

from api.binding import Binding
from tutor_quality.errors import ConfigurationError

SOME_ID = "9b6f0a4e-13a7-4a52-8d3b-6d1f6f0d0001"


async def endpoint(
    request: Request,
    some_id: UUID,
    kind: Literal["a", "b"],
    limit: Annotated[int, Query(ge=1, le=10)] = 5,
    last_event_id: Annotated[str | None, Header(max_length=5)] = None,
) -> None:
    """With one of each."""


def binding_of(function: object) -> Binding:
    router = APIRouter()
    router.get("/{some_id}")(function)  # type: ignore[type-var]
    return Binding(router.routes[0].dependant)  # type: ignore[attr-defined]


def a_request(query: str, *, some_id: str = SOME_ID, last_event_id: str | None = None) -> Request:
    headers = [(b"last-event-id", last_event_id.encode())] if last_event_id else []
    return Request(
        {
            "type": "http",
            "query_string": query.encode(),
            "headers": headers,
            "path_params": {"some_id": some_id},
        }
    )


def test_what_is_given_is_converted_and_the_rest_has_its_default() -> None:
    request = a_request("kind=b&limit=3", last_event_id="e-1")
    assert binding_of(endpoint).arguments(request) == {
        "request": request,
        "some_id": UUID(SOME_ID),
        "kind": "b",
        "limit": 3,
        "last_event_id": "e-1",
    }
    plain = binding_of(endpoint).arguments(a_request("kind=a"))
    assert (plain["limit"], plain["last_event_id"]) == (5, None)


def test_every_parameter_that_is_wrong_is_named() -> None:
    request = a_request("limit=11&colour=red", some_id="ada", last_event_id="too long")
    with pytest.raises(RequestValidationError) as raised:
        binding_of(endpoint).arguments(request)
    assert {error["loc"] for error in raised.value.errors()} == {
        ("path", "some_id"),
        ("query", "kind"),
        ("query", "limit"),
        ("query", "colour"),
        ("header", "last-event-id"),
    }


def test_a_route_that_needs_more_is_refused_when_it_is_made() -> None:
    async def wants_a_cookie(some_id: UUID, biscuit: Annotated[str, Cookie()]) -> None:
        """Nothing here reads cookies this way."""

    with pytest.raises(ConfigurationError, match="only FastAPI can bind"):
        binding_of(wants_a_cookie)
