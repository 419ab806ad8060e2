"""The arguments of a route from the path, the query and the headers.

FastAPI's own way looks at the type of each parameter again at each request; for the list of tutors
that takes longer than making the JSON. The parameters and their validation are FastAPI's.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from tutor_quality.errors import ConfigurationError


class Binding:
    """Of a route whose parameters are single values and whose dependencies are none.

    `strict`: query parameters that it does not have are refused.
    """

    def __init__(self, dependant: Dependant, *, strict: bool = True) -> None:
        if dependant.dependencies or dependant.cookie_params or dependant.body_params:
            raise ConfigurationError(f"{dependant.name} needs what only FastAPI can bind")
        self._request = dependant.request_param_name
        self._path = _fields(dependant.path_params)
        self._query = _fields(dependant.query_params)
        self._headers = _fields(dependant.header_params)
        self._known = frozenset(alias for alias, _, _ in self._query) if strict else None

    def arguments(self, request: Request) -> dict[str, Any]:
        """Raises RequestValidationError."""
        bound: dict[str, Any] = {}
        errors: list[Any] = []
        if self._known is not None:
            errors += unknown(request, self._known)
        for place, fields, given in (
            ("path", self._path, request.path_params),
            ("query", self._query, dict(request.query_params.items())),
            ("header", self._headers, request.headers),
        ):
            for alias, field, required in fields:
                text = given.get(alias)
                if text is not None:
                    value, wrong = field.validate(text, loc=(place, alias))
                    bound[field.name] = value
                    errors += wrong
                elif required:
                    errors.append(_missing(place, alias))
                else:
                    bound[field.name] = field.default
        if errors:
            raise RequestValidationError(errors)
        if self._request is not None:
            bound[self._request] = request
        return bound


def _fields(fields: Sequence[Any]) -> list[tuple[str, Any, bool]]:
    """Each with its name in the request and whether it must be there."""
    return [(field.alias, field, field.field_info.is_required()) for field in fields]


def unknown(request: Request, known: frozenset[str]) -> list[dict[str, Any]]:
    """An error for each query parameter that is not `known`."""
    return [
        {"type": "unknown", "loc": ("query", name), "msg": "there is no such parameter"}
        for name in sorted(request.query_params.keys() - known)
    ]


def _missing(place: str, name: str) -> dict[str, Any]:
    return {"type": "missing", "loc": (place, name), "msg": "Field required"}
