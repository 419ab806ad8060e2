"""Browser sessions: a one-time link becomes an HttpOnly cookie; the server keeps only hashes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import asyncpg

from api.access import Principal
from api.database import AWAY, CONNECT_TIMEOUT_SECONDS, Connection
from api.keys import checked_scopes, digest
from tutor_quality.errors import TransientFailure

COOKIE = "tq_session"
LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(hours=8)
OPERATOR = "operator"
OPERATOR_SCOPES = ("read", "predict")
"""What a person at the dashboard may do; keys and ingestion stay with machine keys."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    principal: str
    scopes: frozenset[str]
    expires_at: datetime
    revoked_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def as_principal(self) -> Principal:
        return Principal(f"login:{self.principal}", self.scopes)


async def create_link(
    database_url: str,
    pepper: str,
    base_url: str,
    now: datetime,
    *,
    principal: str = OPERATOR,
    scopes: Sequence[str] = OPERATOR_SCOPES,
) -> str:
    """An address that logs one browser in, once, within 15 minutes.

    `base_url` is the API's, without a path. Raises TransientFailure while Postgres is away.
    """
    try:
        connection = await asyncpg.connect(database_url, timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            token = await insert_link(connection, pepper, now, principal, scopes)
        finally:
            await connection.close()
    except AWAY as error:
        raise TransientFailure(f"the database does not answer ({type(error).__name__})") from error
    return f"{base_url.rstrip('/')}/login?{urlencode({'token': token})}"


async def insert_link(
    connection: Connection, pepper: str, now: datetime, principal: str, scopes: Sequence[str]
) -> str:
    token = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO login_links (hash, principal, scopes, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        digest(pepper, token),
        principal,
        checked_scopes(scopes),
        now,
        now + LINK_LIFE,
    )
    return token


async def redeem(
    connection: Connection, pepper: str, token: str, now: datetime
) -> tuple[str, str] | None:
    """The cookie's value of a new session and whose it is.

    None if the link is unknown, used or too old.
    """
    link = await connection.fetchrow(
        "UPDATE login_links SET used_at = $2"
        " WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING principal, scopes",
        digest(pepper, token),
        now,
    )
    if link is None:
        return None
    cookie = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO login_sessions (hash, principal, scopes, created_at, expires_at, used_at)"
        " VALUES ($1, $2, $3, $4, $5, $4)",
        digest(pepper, cookie),
        link["principal"],
        link["scopes"],
        now,
        now + SESSION_LIFE,
    )
    return cookie, f"login:{link['principal']}"


async def find_session(connection: Connection, cookie_hash: bytes) -> StoredSession | None:
    row = await connection.fetchrow(
        "SELECT principal, scopes, expires_at, revoked_at FROM login_sessions WHERE hash = $1",
        cookie_hash,
    )
    return (
        None if row is None else StoredSession(**{**dict(row), "scopes": frozenset(row["scopes"])})
    )


async def end_session(connection: Connection, cookie_hash: bytes, now: datetime) -> None:
    await connection.execute(
        "UPDATE login_sessions SET revoked_at = coalesce(revoked_at, $2) WHERE hash = $1",
        cookie_hash,
        now,
    )
