"""Who may do what: the matrix is made from the contract, so that no operation can be forgotten."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from api import keys
from api.access import SCOPES
from api.app import create_app
from api.logins import COOKIE, create_link
from api.times import instant
from tests.support.api import (
    NOW,
    NOW_MS,
    PEPPER,
    SITE,
    Api,
    a_tutor,
    an_alert,
    running_api,
    settings_for,
)
from tutor_quality.errors import ConfigurationError, InvalidInput, NotFound
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration
CONTRACT = create_app(settings_for("postgresql://nobody@127.0.0.1:9/none")).openapi()


def operations() -> Iterator[Any]:
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            scopes = frozenset(operation.get("x-scopes", ()))
            assert bool(scopes) == bool(operation["security"])
            yield pytest.param(method, path, scopes, id=f"{method} {path}")


@pytest.fixture(scope="module")
async def api(postgres_server: Any) -> AsyncIterator[Api]:
    name = "api_security"
    postgres_server.create_database(name)
    url = postgres_server.url(name)
    await asyncio.to_thread(migrate.upgrade, url)
    async with running_api(url) as running:
        yield running
    postgres_server.drop_database(name)


async def call(api: Api, method: str, path: str, **options: Any) -> int:
    """The status; a stream is left as soon as it has begun."""
    address = path.replace("{tutor_id}", str(uuid4())).replace("{alert_id}", str(uuid4()))
    if path == "/api/events":
        # Enough to see who is let in; ASGITransport would wait for the stream's end.
        address += "?no_such_parameter=1"
    answer = await api.http.request(method, address, **options)
    return answer.status_code


@pytest.mark.parametrize(("method", "path", "scopes"), list(operations()))
async def test_an_operation_is_open_to_its_scopes_and_to_nobody_else(
    api: Api, method: str, path: str, scopes: frozenset[str]
) -> None:
    key = await api.key("read")
    wrong = {"x-api-key": key["x-api-key"][:-1] + "!"}
    expected = {401} if scopes else None
    for headers in ({}, wrong, {"x-api-key": "x"}, {"authorization": "Bearer x"}):
        status = await call(api, method, path, headers=headers)
        assert {status} == expected if expected else status not in (401, 403) or path == "/login"
    for scope in SCOPES:
        status = await call(api, method, path, headers=await api.key(scope))
        if scopes and scope not in scopes:
            assert status == 403
        else:
            assert status not in (401, 403) or path == "/login"


def test_every_operation_says_its_scopes_or_that_it_is_public() -> None:
    public = {param.id for param in operations() if not param.values[2]}
    assert public == {
        "get /api/health",
        "get /livez",
        "get /readyz",
        "get /metrics",
        "get /login",
    }


async def test_a_revoked_key_ends_within_seconds(api: Api) -> None:
    headers = await api.key("read")
    assert await call(api, "GET", "/api/me", headers=headers) == 200
    key_id = keys.key_id_of(headers["x-api-key"])
    assert key_id is not None
    await keys.revoke(api.database, key_id, NOW)
    api.clock.advance(3_000)
    assert await call(api, "GET", "/api/me", headers=headers) == 401


async def test_rotation_leaves_two_live_keys_until_the_old_one_expires(api: Api) -> None:
    old = await api.key("read", "ingest")
    key_id = keys.key_id_of(old["x-api-key"])
    assert key_id is not None
    until = NOW + timedelta(days=1)
    new = await keys.rotate(api.database, PEPPER, key_id, NOW, until)
    me = await api.http.get("/api/me", headers={"x-api-key": new})
    assert me.json()["scopes"] == ["ingest", "read"]
    assert await call(api, "GET", "/api/me", headers=old) == 200
    stored = await keys.find(api.database, key_id)
    assert stored is not None
    assert stored.is_live(until - timedelta(seconds=1))
    assert not stored.is_live(until)


async def test_keys_are_stored_as_hashes_under_the_pepper(api: Api) -> None:
    key = (await api.key("read"))["x-api-key"]
    rows = await api.database.fetch("SELECT * FROM api_keys")
    assert key.split("_", 2)[2] not in str(rows)
    (stored,) = [row for row in await keys.ls(api.database) if row.key_id == keys.key_id_of(key)]
    assert keys.matches(PEPPER, key, stored)
    assert not keys.matches("another pepper", key, stored)


async def test_unknown_scopes_and_keys_are_refused_by_name(api: Api) -> None:
    with pytest.raises(InvalidInput, match="root"):
        await keys.create(api.database, PEPPER, "x", ["read", "root"], NOW)
    with pytest.raises(NotFound):
        await keys.revoke(api.database, "nothing", NOW)


async def logged_in(api: Api, url: str) -> str:
    """The cookie of a new browser session."""
    link = await create_link(url, PEPPER, SITE, instant(api.clock.now_ms()))
    answer = await api.http.get(link)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie, "this site has no TLS, the browser would not send it back"
    api.http.cookies.clear()
    return cookie.split(";")[0].removeprefix(f"{COOKIE}=")


@pytest.fixture
async def url(postgres_server: Any) -> str:
    return str(postgres_server.url("api_security"))


async def test_a_login_link_works_once(api: Api, url: str) -> None:
    link = await create_link(url, PEPPER, SITE, NOW)
    assert (await api.http.get(link)).status_code == 303
    again = await api.http.get(link)
    api.http.cookies.clear()
    assert again.status_code == 401
    assert "tq login" in again.json()["detail"]


async def test_a_browser_with_a_spent_link_is_led_to_the_page_that_says_so(
    api: Api, url: str
) -> None:
    link = await create_link(url, PEPPER, SITE, NOW - timedelta(minutes=16))
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = await api.http.get(link, headers=browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?link=spent")
    assert "set-cookie" not in answer.headers


async def test_a_login_link_is_too_old_after_15_minutes(api: Api, url: str) -> None:
    link = await create_link(url, PEPPER, SITE, NOW - timedelta(minutes=16))
    assert (await api.http.get(link)).status_code == 401


async def test_a_browser_session_reads_and_ends_at_logout(api: Api, url: str) -> None:
    cookie = {"cookie": f"{COOKIE}={await logged_in(api, url)}"}
    me = await api.http.get("/api/me", headers=cookie)
    assert me.json() == {"principal": "login:operator", "scopes": ["predict", "read"]}
    assert await call(api, "POST", "/api/sessions", headers={**cookie, "origin": SITE}) == 403
    out = await api.http.post("/api/logout", headers={**cookie, "origin": SITE})
    assert out.status_code == 204
    assert await call(api, "GET", "/api/me", headers=cookie) == 401


async def test_a_browser_session_ends_after_8_hours(api: Api, url: str) -> None:
    cookie = {"cookie": f"{COOKIE}={await logged_in(api, url)}"}
    assert await call(api, "GET", "/api/me", headers=cookie) == 200
    api.clock.advance(8 * 3_600_000)
    assert await call(api, "GET", "/api/me", headers=cookie) == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": SITE}, 200),
        ({"origin": SITE, "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "http://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": SITE, "sec-fetch-site": "same-site"}, 403),
    ],
)
async def test_a_write_by_cookie_must_come_from_our_own_pages(
    api: Api, url: str, headers: dict[str, str], status: int
) -> None:
    cookie = f"{COOKIE}={await logged_in(api, url)}"
    alert_id = await an_alert(api.database, await a_tutor(api.database), NOW)
    answer = await api.http.post(
        f"/api/alerts/{alert_id}/acknowledge", headers={"cookie": cookie, **headers}
    )
    assert answer.status_code == status


async def test_writes_and_refusals_are_in_the_audit_log(api: Api) -> None:
    alert_id = await an_alert(api.database, await a_tutor(api.database), NOW)
    path = f"/api/alerts/{alert_id}/acknowledge"
    allowed, refused = await api.key("admin"), await api.key("read")
    await api.http.post(path, headers=allowed)
    await api.http.post(path, headers=refused)
    await api.http.post(path)
    await api.app.state.services.bookkeeper.flush()
    rows = await api.database.fetch(
        "SELECT principal, action, outcome, status FROM audit_log WHERE target = $1 ORDER BY id",
        path,
    )
    action = "POST /api/alerts/{alert_id}/acknowledge"
    names = [f"key:{keys.key_id_of(key['x-api-key'])}" for key in (allowed, refused)]
    assert [tuple(row) for row in rows] == [
        (names[0], action, "done", 200),
        (names[1], action, "refused", 403),
        (None, action, "refused", 401),
    ]


async def test_making_and_ending_a_key_is_in_the_audit_log(api: Api) -> None:
    key_id = keys.key_id_of((await api.key("read"))["x-api-key"])
    assert key_id is not None
    new = await keys.rotate(api.database, PEPPER, key_id, NOW, NOW)
    await keys.revoke(api.database, key_id, NOW)
    rows = await api.database.fetch(
        "SELECT action FROM audit_log WHERE target = ANY($1) ORDER BY id",
        [key_id, keys.key_id_of(new)],
    )
    actions = [row["action"] for row in rows]
    assert actions == ["keys create", "keys rotate", "keys create", "keys revoke"]


async def test_a_key_that_is_used_says_when(api: Api) -> None:
    headers = await api.key("read")
    await call(api, "GET", "/api/me", headers=headers)
    await api.app.state.services.bookkeeper.flush()
    stored = await keys.find(api.database, str(keys.key_id_of(headers["x-api-key"])))
    assert stored is not None
    assert stored.last_used_at is not None


async def test_every_answer_has_the_security_headers_and_is_told_apart(api: Api) -> None:
    for path in ("/api/me", "/nowhere", "/api/nowhere", "/livez"):
        answer = await api.http.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-request-id"]
    given = await api.http.get("/api/me", headers={"x-request-id": "trace-1"})
    assert given.json()["request_id"] == "trace-1"
    forged = await api.http.get("/api/me", headers={"x-request-id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


async def test_what_does_not_exist_and_wrong_methods_are_problems(api: Api) -> None:
    missing = await api.http.get("/api/nowhere")
    wrong = await api.http.delete("/api/tutors")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert "GET" in wrong.headers["allow"]
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_contract_is_where_tools_look_for_it(api: Api) -> None:
    ours = await api.http.get("/api/openapi.json")
    usual = await api.http.get("/openapi.json")
    assert ours.json()["openapi"] == usual.json()["openapi"]


@pytest.mark.parametrize("name", ["api_pepper", "database_url", "kafka_bootstrap"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_starts_without_what_it_needs(name: str, value: str | None) -> None:
    wanted = settings_for("postgresql://x", "x:1").model_copy(update={name: value})
    with pytest.raises(ConfigurationError, match=f"TQ_{name.upper()}"):
        create_app(wanted)


async def test_a_caller_above_the_rate_is_told_when_to_come_back(url: str, api: Api) -> None:
    headers = await api.key("read")
    other = await api.key("read")
    async with running_api(url, api_rate_limit="2/minute") as limited:
        answers = [await limited.http.get("/api/me", headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"requests";q=2;w=60'
        assert answers[0].headers["ratelimit"].startswith('"requests";r=1;t=')
        assert int(answers[2].headers["retry-after"]) > 0
        assert (await limited.http.get("/api/me", headers=other)).status_code == 200


async def test_guessing_links_is_throttled(url: str) -> None:
    async with running_api(url) as fresh:
        statuses = [(await fresh.http.get("/login?token=x")).status_code for _ in range(25)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


@pytest.fixture(scope="module")
def signer() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(signer: ec.EllipticCurvePrivateKey) -> str:
    public = signer.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def a_token(signer: Any, algorithm: str = "ES256", **changes: Any) -> dict[str, str]:
    claims = {
        "sub": "svc",
        "iss": "https://issuer.test",
        "aud": "tutor-quality",
        "exp": 4_000_000_000,
        "scope": "read ingest",
    }
    token = jwt.encode({**claims, **changes}, signer, algorithm=algorithm)
    return {"authorization": f"Bearer {token}"}


async def test_a_bearer_token_of_the_issuer_is_believed_and_no_other(
    url: str, signer: ec.EllipticCurvePrivateKey
) -> None:
    rules: dict[str, Any] = {
        "jwt_issuer": "https://issuer.test",
        "jwt_audience": "tutor-quality",
        "jwt_public_key": pem(signer),
    }
    private = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    good = a_token(private)
    bad = [
        a_token(private, iss="https://else.test"),
        a_token(private, aud="else"),
        a_token(private, exp=NOW_MS // 1000 - 100_000_000),
        a_token(ec.generate_private_key(ec.SECP256R1())),
        a_token("a shared secret of enough bytes for it", "HS256"),
        a_token(None, "none"),
        {"authorization": "Basic Zm9vOmJhcg=="},
    ]
    async with running_api(url, **rules) as api:
        me = await api.http.get("/api/me", headers=good)
        assert me.json() == {"principal": "token:svc", "scopes": ["ingest", "read"]}
        statuses = [await call(api, "GET", "/api/me", headers=headers) for headers in bad]
    assert statuses == [401] * len(bad)


async def test_a_key_works_on_for_minutes_while_the_database_is_away(api: Api, url: str) -> None:
    async with running_api(url) as other:
        headers = await other.key("ingest")
        assert await call(other, "GET", "/api/me", headers=headers) == 200
        await other.app.state.services.database.close()
        other.clock.advance(60_000)
        assert await call(other, "GET", "/api/me", headers=headers) == 200
        unknown = {"x-api-key": "tq_000000000000_x"}
        assert await call(other, "GET", "/api/me", headers=unknown) == 503
        assert await call(other, "GET", "/api/tutors", headers=await api.key()) == 503
        health = await other.http.get("/api/health")
        assert health.status_code == 503
        assert int(health.headers["retry-after"]) > 0


async def test_a_login_is_audited_with_whose_it_is(postgres_url: str) -> None:
    await asyncio.to_thread(migrate.upgrade, postgres_url)
    async with running_api(postgres_url) as own:
        await logged_in(own, postgres_url)
        await own.app.state.services.bookkeeper.flush()
        rows = await own.database.fetch("SELECT principal, action, outcome FROM audit_log")
    assert [tuple(row) for row in rows] == [("login:operator", "GET /login", "done")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tutor_scores SET is_high_risk = false",
        "DELETE FROM session_events",
        "INSERT INTO api_keys SELECT * FROM api_keys",
        "DELETE FROM audit_log",
        "CREATE TABLE made_by_mistake ()",
        "DROP TABLE tutors",
    ],
)
async def test_the_role_that_reads_can_change_nothing(api: Api, statement: str) -> None:
    async with api.app.state.services.database.reading() as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute(statement)
        async with connection.transaction():
            await connection.execute("SET TRANSACTION READ WRITE")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tutor_scores SET is_high_risk = false",
        "INSERT INTO session_events SELECT * FROM session_events",
        "DELETE FROM audit_log",
        "DROP TABLE tutors",
    ],
)
async def test_the_role_that_keeps_books_cannot_touch_the_numbers(api: Api, statement: str) -> None:
    async with api.app.state.services.database.writing() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(statement)


async def test_a_login_role_with_only_the_two_roles_is_enough_for_the_api(
    api: Api, postgres_server: Any
) -> None:
    name = f"api_{secrets.token_hex(4)}"
    await api.database.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE tq_reader, tq_bookkeeper"
    )
    where = f"{name}:secret@127.0.0.1:{postgres_server.port}/api_security"
    async with running_api(f"postgresql://{where}") as other:
        headers = await api.key("read")
        assert (await other.http.get("/api/tutors", headers=headers)).status_code == 200
        await other.app.state.services.bookkeeper.flush()
    await api.database.execute(f"DROP ROLE {name}")


async def test_without_the_roles_the_api_reads_on_and_says_so(
    api: Api, postgres_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"plain_{secrets.token_hex(4)}"
    await api.database.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'secret';"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"
    )
    where = f"{name}:secret@127.0.0.1:{postgres_server.port}/api_security"
    async with running_api(f"postgresql://{where}") as other:
        headers = await api.key("read")
        assert (await other.http.get("/api/tutors", headers=headers)).status_code == 200
    assert "no role tq_reader" in caplog.text
    await api.database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
