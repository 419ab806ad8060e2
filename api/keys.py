"""Machine keys `tq_<key id>_<random>`: shown once, kept as an HMAC under the pepper.

The random part has 256 bits, so a fast hash is enough; a slow one would only let strangers keep
the server busy.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.access import SCOPES
from api.database import Connection
from tutor_quality.errors import InvalidInput, NotFound

PREFIX = "tq"


@dataclass(frozen=True, slots=True)
class StoredKey:
    key_id: str
    name: str
    hash: bytes
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def digest(pepper: str, secret: str) -> bytes:
    return hmac.new(pepper.encode(), secret.encode(), hashlib.sha256).digest()


def key_id_of(key: str) -> str | None:
    """None if the text cannot be one of our keys."""
    parts = key.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX and key.isascii() else None


def matches(pepper: str, key: str, stored: StoredKey) -> bool:
    return hmac.compare_digest(digest(pepper, key), stored.hash)


def checked_scopes(scopes: Sequence[str]) -> list[str]:
    unknown = set(scopes) - SCOPES.keys()
    if unknown or not scopes:
        raise InvalidInput(
            f"unknown scopes {sorted(unknown)}: choose from {', '.join(SCOPES)}, comma-separated"
        )
    return sorted(set(scopes))


async def create(
    connection: Connection,
    pepper: str,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """The new key, in full for the only time."""
    key_id = secrets.token_hex(6)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    await connection.execute(
        "INSERT INTO api_keys (key_id, name, hash, scopes, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        key_id,
        name,
        digest(pepper, key),
        checked_scopes(scopes),
        now,
        expires_at,
    )
    await _note(connection, "keys create", key_id, now)
    return key


async def find(connection: Connection, key_id: str) -> StoredKey | None:
    row = await connection.fetchrow("SELECT * FROM api_keys WHERE key_id = $1", key_id)
    return None if row is None else _stored(row)


async def ls(connection: Connection) -> list[StoredKey]:
    rows = await connection.fetch("SELECT * FROM api_keys ORDER BY created_at, key_id")
    return [_stored(row) for row in rows]


async def revoke(connection: Connection, key_id: str, now: datetime) -> None:
    """A second time changes nothing. Raises NotFound."""
    found = await connection.fetchval(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1 RETURNING 1",
        key_id,
        now,
    )
    if found is None:
        raise NotFound(f"there is no key {key_id!r}; `tq keys ls` lists them")
    await _note(connection, "keys revoke", key_id, now)


async def rotate(
    connection: Connection, pepper: str, key_id: str, now: datetime, old_until: datetime
) -> str:
    """A new key with the same name and scopes; the old one lives until `old_until`."""
    old = await find(connection, key_id)
    if old is None or not old.is_live(now):
        raise NotFound(f"there is no live key {key_id!r}; `tq keys ls` lists them")
    until = min(old_until, old.expires_at) if old.expires_at else old_until
    await connection.execute("UPDATE api_keys SET expires_at = $2 WHERE key_id = $1", key_id, until)
    await _note(connection, "keys rotate", key_id, now)
    return await create(connection, pepper, old.name, sorted(old.scopes), now)


async def _note(connection: Connection, action: str, key_id: str, now: datetime) -> None:
    """A row of the audit log: who can reach the database is the operator."""
    await connection.execute(
        "INSERT INTO audit_log (at, principal, action, target, outcome, status)"
        " VALUES ($1, 'operator', $2, $3, 'done', 200)",
        now,
        action,
        key_id,
    )


def _stored(row: Connection) -> StoredKey:
    return StoredKey(**{**dict(row), "scopes": frozenset(row["scopes"])})
