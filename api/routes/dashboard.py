"""The built dashboard: its pages are one HTML file, its assets are named by their content."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.convertors import PathConvertor, register_url_convertor

from api.access import ScopedRoute, public
from api.errors import Problem

IMMUTABLE = "public, max-age=31536000, immutable"
NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tutor Quality</title>
<h1>The dashboard is not built</h1>
<p>The API works: see <a href="/docs">/docs</a>. To build the pages, with Node 20 or newer:</p>
<pre>cd dashboard &amp;&amp; npm ci &amp;&amp; npm run build</pre></html>
"""


PACKAGED = Path(__file__).parents[1] / "dashboard_dist"
CHECKOUT = Path(__file__).parents[2] / "dashboard" / "dist"


def folder() -> Path:
    """Where the built pages are, or will be: in the package, else in the checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


class PagePath(PathConvertor):
    """Leaves the API's addresses alone, so that their own routes answer 404 and 405."""

    regex = r"(?!(?:api|docs)(?:/|$)|openapi\.json$).*"


def router_for(dist: Path) -> APIRouter:
    """Serves `dist`, also once it is built; every path that is no file is a page."""
    register_url_convertor("page", PagePath())
    router = APIRouter(route_class=ScopedRoute)

    @router.get("/{path:page}", include_in_schema=False)
    @public
    async def page(request: Request, path: str) -> Response:
        if not (dist / "index.html").is_file():
            return HTMLResponse(NOT_BUILT)
        file = _file(dist, path)
        if file is None and path.startswith("assets/"):
            raise Problem(404, "This asset belongs to another build: load the page again.")
        if file is None:
            return FileResponse(dist / "index.html", headers={"cache-control": "no-cache"})
        return FileResponse(file, headers=_caching(path))

    return router


def _file(dist: Path, path: str) -> Path | None:
    """The file that `path` names inside `dist`; None if there is none, or it leads out."""
    if "\0" in path:
        return None
    file = (dist / path).resolve()
    return file if file.is_relative_to(dist.resolve()) and file.is_file() else None


def _caching(path: str) -> dict[str, Any]:
    return {"cache-control": IMMUTABLE if path.startswith("assets/") else "no-cache"}
