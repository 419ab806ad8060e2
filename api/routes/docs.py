"""The contract: OpenAPI as JSON, and Swagger UI from files that came with us."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api.access import ScopedRoute, public
from api.answers import answer
from api.errors import Problem

router = APIRouter(route_class=ScopedRoute, include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tutor Quality API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js" defer></script>
</head><body><div id="swagger-ui"></div></body></html>
"""
START = """SwaggerUIBundle({url: "/api/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis], validatorUrl: null})
"""
ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@router.get("/api/openapi.json")
@router.get("/openapi.json")  # where FastAPI has it and tools look first
@public
async def get_openapi(request: Request) -> Response:
    return answer(request.app.openapi())


@router.get("/docs")
@public
async def get_docs(request: Request) -> Response:
    return HTMLResponse(PAGE)


@router.get("/docs/{name}")
@public
async def get_docs_asset(request: Request, name: str) -> Response:
    if name == "start.js":
        return Response(START, media_type="text/javascript")
    if name not in ASSETS:
        raise Problem(404, "There is nothing at this address.")
    asset = files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(asset, media_type=ASSETS[name], headers={"cache-control": "max-age=3600"})
