"""Browsers log in with a one-time link and get a cookie that scripts cannot read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.access import SCOPES, ScopedRoute, principal_of, public, requires
from api.answers import answer, problems
from api.errors import Problem
from api.logins import COOKIE, SESSION_LIFE
from api.responses import Me
from api.services import services_of

router = APIRouter(route_class=ScopedRoute, tags=["login"])

SPENT = "/?link=spent"
"""The dashboard, which knows whether somebody is logged in anyway."""


@router.get(
    "/login",
    status_code=303,
    summary="Log a browser in",
    response_class=RedirectResponse,
    responses={
        303: {
            "description": "Logged in: on to the dashboard. A browser with a link that was used or"
            " is too old goes there too, and is told how to get a new one."
        },
        **problems(400, 401, 429, 503),
    },
)
@public
async def log_in(
    request: Request,
    token: Annotated[str, Query(max_length=200, description="of `tq login`; works once")],
) -> Response:
    """The link works once and for 15 minutes; the session lasts 8 hours."""
    try:
        cookie = await services_of(request).guard.log_in(request, token)
    except Problem as problem:
        if problem.status == 401 and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(SPENT, status_code=303)
        raise
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


@router.post(
    "/api/logout",
    status_code=204,
    summary="End the browser's session",
    responses=problems(400, 401, 403, 429, 503),
)
@requires(*SCOPES)
async def log_out(request: Request) -> Response:
    """Without a session there is nothing to end: a key stays valid."""
    services = services_of(request)
    if cookie := request.cookies.get(COOKIE):
        await services.guard.log_out(cookie)
        services.bookkeeper.note(request, principal_of(request).name, "done", 204)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


@router.get(
    "/api/me",
    summary="Who am I?",
    response_model=Me,
    responses=problems(400, 401, 403, 429, 503),
)
@requires(*SCOPES)
async def get_me(request: Request) -> Response:
    """The name and scopes that this request was recognised with."""
    principal = principal_of(request)
    return answer({"principal": principal.name, "scopes": sorted(principal.scopes)})
