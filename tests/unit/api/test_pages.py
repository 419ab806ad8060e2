"""The dashboard's files and the documentation, served without a database or a broker."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from tests.support.api import SITE, settings_for

DATABASE = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>the dashboard</title>")
    (folder / "assets" / "main-abc123.js").write_text("let x")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("outside")
    return folder


@pytest.fixture
async def site(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_for(DATABASE), dashboard_folder=dist)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/tutors", "/tutors/42?tab=events", "/alerts"])
async def test_every_page_of_the_dashboard_is_the_same_file(
    site: httpx.AsyncClient, path: str
) -> None:
    answer = await site.get(path)
    assert "the dashboard" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


async def test_assets_named_by_content_are_kept_for_good(site: httpx.AsyncClient) -> None:
    asset = await site.get("/assets/main-abc123.js")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert "immutable" in asset.headers["cache-control"]
    icon = await site.get("/favicon.svg")
    assert icon.headers["cache-control"] == "no-cache"


async def test_an_asset_of_another_build_is_404_and_not_a_page(site: httpx.AsyncClient) -> None:
    assert (await site.get("/assets/main-old.js")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%2e%2e/secret.txt", "/%00"]
)
async def test_no_path_leads_out_of_the_folder(site: httpx.AsyncClient, path: str) -> None:
    assert "outside" not in (await site.get(path)).text


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/docs/nowhere"])
async def test_a_missing_route_of_the_api_is_a_problem_and_not_a_page(
    site: httpx.AsyncClient, path: str
) -> None:
    answer = await site.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_dashboard_that_is_not_built_says_how(tmp_path: Path) -> None:
    app = create_app(settings_for(DATABASE), dashboard_folder=tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        assert "npm run build" in (await client.get("/")).text


async def test_the_documentation_needs_nothing_from_elsewhere(site: httpx.AsyncClient) -> None:
    page = await site.get("/docs")
    for asset in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"):
        assert asset in page.text
        answer = await site.get(asset)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "http" not in page.text
    assert (await site.get("/api/openapi.json")).json()["openapi"] == "3.2.0"


@pytest.mark.parametrize(("path", "status"), [("/api/logout", 405), ("/api/nothing", 404)])
async def test_an_address_of_the_api_is_never_a_page(
    site: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await site.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_large_assets_are_compressed(site: httpx.AsyncClient, dist: Path) -> None:
    (dist / "assets" / "big.js").write_text("let x = 1;\n" * 1_000)
    asset = await site.get("/assets/big.js", headers={"accept-encoding": "gzip"})
    assert asset.headers["content-encoding"] == "gzip"
    assert int(asset.headers["content-length"]) < 1_000
