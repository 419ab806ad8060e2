"""The contract that callers rely on: committed, complete, and without a route that forgot it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import APIRouter, FastAPI, Request, Response

from api.access import SCHEMES, SCOPES, ScopedRoute, requires
from api.app import create_app
from api.guard import JWT_ALGORITHMS
from tests.support.api import settings_for
from tutor_quality.errors import ConfigurationError
from tutor_quality.settings import Settings

COMMITTED = Path(__file__).parents[3] / "docs" / "api" / "openapi.json"
DATABASE = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return create_app(settings_for(DATABASE)).openapi()


def operations(contract: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_committed_contract_is_what_the_code_serves(contract: dict[str, Any]) -> None:
    assert orjson.loads(COMMITTED.read_bytes()) == orjson.loads(orjson.dumps(contract)), (
        "run `python -m api.contract > docs/api/openapi.json` and look at the difference"
    )


def test_every_operation_is_described_and_says_who_may_call_it(contract: dict[str, Any]) -> None:
    for name, operation in operations(contract):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        for way in operation["security"]:
            ((scheme, scopes),) = way.items()
            assert scheme in SCHEMES, name
            assert set(scopes) <= SCOPES.keys(), name


def test_refusals_are_problems_and_422_does_not_exist(contract: dict[str, Any]) -> None:
    for name, operation in operations(contract):
        assert "422" not in operation["responses"], name
        assert "400" in operation["responses"], name
        if operation["security"]:
            assert {"401", "403", "429", "503"} <= operation["responses"].keys(), name
    assert "HTTPValidationError" not in contract["components"]["schemas"]


def test_every_reference_leads_somewhere(contract: dict[str, Any]) -> None:
    schemas = contract["components"]["schemas"]
    for reference in references(contract):
        assert reference.removeprefix("#/components/schemas/") in schemas


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_a_route_that_says_nothing_about_access_cannot_be_made() -> None:
    router = APIRouter(route_class=ScopedRoute)

    async def open_to_whom(request: Request) -> Response:
        return Response()

    with pytest.raises(ConfigurationError, match="/forgotten"):
        router.get("/forgotten")(open_to_whom)


def test_no_route_of_the_application_escapes_the_guard() -> None:
    app = create_app(settings_for(DATABASE))
    routes = list(leaves(app.routes))
    assert len(routes) > 15
    assert [route for route in routes if not isinstance(route, ScopedRoute)] == []


def leaves(routes: Any) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from leaves(inner.routes)


def test_a_scope_that_does_not_exist_is_refused_when_it_is_declared() -> None:
    with pytest.raises(ConfigurationError, match="root"):
        requires("root")


@pytest.mark.parametrize("name", ["api_pepper", "database_url", "kafka_bootstrap"])
def test_the_api_does_not_start_without_what_it_needs(name: str) -> None:
    settings: Settings = settings_for(DATABASE).model_copy(update={name: None})
    with pytest.raises(ConfigurationError, match=f"TQ_{name.upper()}"):
        create_app(settings)


def test_half_a_rule_about_bearer_tokens_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="TQ_JWT_AUDIENCE"):
        create_app(settings_for(DATABASE, jwt_issuer="https://issuer.test"))


def test_no_algorithm_takes_a_shared_secret() -> None:
    assert not [name for name in JWT_ALGORITHMS if name.startswith("HS") or name == "none"]


def test_an_application_makes_its_contract_once(contract: dict[str, Any]) -> None:
    app: FastAPI = create_app(settings_for(DATABASE))
    assert app.openapi() is app.openapi()
