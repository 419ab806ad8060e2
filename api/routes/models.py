"""Which model predicts, and whether it still deserves trust."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.access import ScopedRoute, requires
from api.answers import READ_PROBLEMS, answer, problems
from api.responses import ModelDetail, Models
from api.services import services_of

router = APIRouter(route_class=ScopedRoute, tags=["models"])

Version = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9-]{1,40}$",
        description="as `GET /api/models` lists it, or rules-v1 for the fallbacks",
    ),
]


@router.get(
    "/api/models",
    summary="Versions of the reschedule model, and which of them serves",
    response_model=Models,
    responses=READ_PROBLEMS,
)
@requires("read")
async def list_models(request: Request) -> Response:
    """At most half a minute old."""
    return answer(await services_of(request).model_health.overview())


@router.get(
    "/api/models/{version}",
    summary="Card and live metrics of one version",
    response_model=ModelDetail,
    responses={**READ_PROBLEMS, **problems(404)},
)
@requires("read")
async def get_model(request: Request, version: Version) -> Response:
    """Live metrics are over the slots that began in the last 28 days; at most half a minute old.

    A prediction is judged once its slot's start has passed, and each prediction by itself.
    """
    return answer(await services_of(request).model_health.of(version))


@router.get(
    "/api/models/{version}/card",
    summary="The model card for people, in Markdown",
    response_class=Response,
    responses={
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
        **READ_PROBLEMS,
        **problems(404),
    },
)
@requires("read")
async def get_model_card(request: Request, version: Version) -> Response:
    """What it is for, what it was trained on, and how good it is."""
    path = services_of(request).model_health.card_file(version)
    text = await asyncio.to_thread(path.read_bytes)
    return Response(text, media_type="text/markdown; charset=utf-8")
