"""The arguments of a route from the path, the query and the headers.

FastAPI's own way looks at the type of each parameter again at each request; for the list of tutors
that takes longer than making the JSON. The parameters and their validation are FastAPI's.
"""

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
        self._path = dependant.path_params
        self._query = dependant.query_params
        self._headers = dependant.header_params
        self._known = frozenset(field.alias for field in self._query) if strict else None

    def arguments(self, request: Request) -> dict[str, Any]:
        """Raises RequestValidationError."""
        bound: dict[str, Any] = {}
        errors: list[Any] = []
        if self._known is not None:
            errors += unknown(request, self._known)
        for place, fields, given in (
            ("path", self._path, request.path_params),
            ("query", self._query, request.query_params),
            ("header", self._headers, request.headers),
        ):
            for field in fields:
                text = given.get(field.alias)
                if text is not None:
                    value, wrong = field.validate(text, loc=(place, field.alias))
                    bound[field.name] = value
                    errors += wrong
                elif field.field_info.is_required():
                    errors.append(_missing(place, field.alias))
                else:
                    bound[field.name] = field.default
        if errors:
            raise RequestValidationError(errors)
        if self._request is not None:
            bound[self._request] = request
        return bound


def unknown(request: Request, known: frozenset[str]) -> list[dict[str, Any]]:
    """An error for each query parameter that is not `known`."""
    return [
        {"type": "unknown", "loc": ("query", name), "msg": "there is no such parameter"}
        for name in sorted(request.query_params.keys() - known)
    ]


def _missing(place: str, name: str) -> dict[str, Any]:
    return {"type": "missing", "loc": (place, name), "msg": "Field required"}
