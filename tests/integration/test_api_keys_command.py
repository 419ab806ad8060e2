"""`tq keys` and `tq login`, as an operator calls them."""

import asyncio
import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.support.api import NOWHERE, PEPPER, running_api
from tutor_quality.settings import inherited_environment
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration


def tq(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **inherited_environment(),
        "TQ_DATABASE_URL": url,
        "TQ_KAFKA_BOOTSTRAP": NOWHERE,
        "TQ_API_PEPPER": PEPPER,
    }
    command = [sys.executable, "-m", "tutor_quality.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_a_key_is_created_rotated_listed_and_revoked(postgres_url: str) -> None:
    await asyncio.to_thread(migrate.upgrade, postgres_url)

    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(tq, postgres_url, *arguments)

    created = json.loads((await run("keys", "create", "ci", "--scopes", "read", "--json")).stdout)
    key_id = created["key"].split("_")[1]
    rotated = json.loads((await run("keys", "rotate", key_id, "--json")).stdout)
    link = json.loads((await run("login", "--json")).stdout)["url"]
    async with running_api(postgres_url) as api:
        for key in (created["key"], rotated["key"]):
            me = await api.http.get("/api/me", headers={"x-api-key": key})
            assert me.json()["scopes"] == ["read"]
        query = urlsplit(link).query
        assert (await api.http.get(f"/login?{query}")).status_code in (303, 401)
    assert (await run("keys", "revoke", key_id)).returncode == 0
    listed = json.loads((await run("keys", "ls", "--json")).stdout)
    assert [(row["name"], row["revoked_at"] is None) for row in listed] == [
        ("ci", False),
        ("ci", True),
    ]
    wrong = await run("keys", "create", "x", "--scopes", "root")
    assert wrong.returncode == 1
    assert "root" in wrong.stderr
    assert "Traceback" not in wrong.stderr
