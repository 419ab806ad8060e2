"""The live stream."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.access import ScopedRoute, requires
from api.answers import READ_PROBLEMS
from api.live import Client, Live, Mark
from api.services import services_of

router = APIRouter(route_class=ScopedRoute, tags=["live"])

EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "description": "of risk-changed and alert; send it back"},
        "event": {
            "enum": [
                "risk-changed",
                "alert",
                "score",
                "predictions",
                "models",
                "pipeline",
                "resync",
            ]
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


@router.get(
    "/api/events",
    summary="Follow what changes (server-sent events)",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`risk-changed` and `alert` carry the row; `score`, `predictions`,"
            " `models` and `pipeline` say that numbers moved (`as_of`);"
            " `resync` says to fetch everything again.",
            "content": {"text/event-stream": {"itemSchema": EVENT}},
        },
        **READ_PROBLEMS,
    },
)
@requires("read")
async def follow(
    request: Request,
    last_event_id: Annotated[
        str | None, Header(max_length=200, description="the last id that was received")
    ] = None,
) -> Response:
    """At least once: drop repeats by id. A comment every 15 s keeps the connection open."""
    live = services_of(request).live
    client = await live.join(Mark.parse(last_event_id) if last_event_id else None)
    return StreamingResponse(
        _stream(live, client),
        media_type="text/event-stream",
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )


async def _stream(live: Live, client: Client) -> AsyncIterator[bytes]:
    try:
        yield b"retry: 3000\n\n"
        async for chunk in client.chunks():
            yield chunk
    finally:
        live.leave(client)
