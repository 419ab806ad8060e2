"""Lets callers in: who they are, how often, with what scope and, for browsers, from where."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import jwt
from fastapi import Request

from api import keys, logins
from api.access import Principal
from api.bookkeeping import Bookkeeper
from api.database import Database
from api.errors import Problem
from api.keys import StoredKey
from api.limits import Limits
from api.logins import COOKIE, StoredSession
from api.times import instant
from tutor_quality.clock import Clock
from tutor_quality.errors import TransientFailure

CACHE_MS = 3_000
"""A revoked key works for at most this long …"""
STALE_MS = 300_000
"""… or this long while Postgres is away, so that ingestion outlives it."""
CACHE_SIZE = 10_000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
JWT_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures by private key only, so that the public key cannot be used as a shared secret."""
JWT_LEEWAY_SECONDS = 30

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which bearer tokens are believed."""

    issuer: str
    audience: str
    public_key: str


class Recent(Generic[Found]):
    """What was looked up lately, None for what does not exist."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: OrderedDict[object, tuple[int, Found | None]] = OrderedDict()

    async def get(
        self, name: object, look_up: Callable[[], Awaitable[Found | None]]
    ) -> Found | None:
        now_ms = self._clock.now_ms()
        held = self._held.get(name)
        if held is not None and now_ms - held[0] < CACHE_MS:
            return held[1]
        try:
            found = await look_up()
        except TransientFailure:
            if held is not None and now_ms - held[0] < STALE_MS:
                return held[1]
            raise
        self._keep(name, now_ms, found)
        return found

    def _keep(self, name: object, now_ms: int, found: Found | None) -> None:
        self._held[name] = (now_ms, found)
        self._held.move_to_end(name)
        while len(self._held) > CACHE_SIZE:
            self._held.popitem(last=False)

    def forget(self, name: object) -> None:
        self._held.pop(name, None)


class Guard:
    def __init__(
        self,
        database: Database,
        pepper: str,
        tokens: TokenRules | None,
        limits: Limits,
        bookkeeper: Bookkeeper,
        clock: Clock,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._tokens = tokens
        self._limits = limits
        self._bookkeeper = bookkeeper
        self._clock = clock
        self._keys: Recent[StoredKey] = Recent(clock)
        self._sessions: Recent[StoredSession] = Recent(clock)

    async def admit(self, request: Request, scopes: frozenset[str]) -> Principal:
        try:
            principal = await self.recognise(request)
        except Problem as problem:
            self._bookkeeper.refused(request, None, problem)
            raise
        try:
            self._limits.spend(request, principal.name)
            _check_scope(principal, scopes)
            _check_origin(request)
        except Problem as problem:
            self._bookkeeper.refused(request, principal.name, problem)
            raise
        return principal

    async def recognise(self, request: Request) -> Principal:
        """Who is calling; raises Problem 401, or 429 after too many wrong tries."""
        principal = await self._by_credentials(request)
        if principal is None:
            self._limits.count_failure(request)
            raise _unauthenticated(request)
        return principal

    async def _by_credentials(self, request: Request) -> Principal | None:
        headers = request.headers
        if key := headers.get("x-api-key"):
            return await self._by_key(key)
        if authorization := headers.get("authorization"):
            return self._by_token(authorization)
        if cookie := request.cookies.get(COOKIE):
            return await self._by_session(cookie)
        return None

    async def _by_key(self, key: str) -> Principal | None:
        key_id = keys.key_id_of(key)
        if key_id is None:
            return None

        async def look_up() -> StoredKey | None:
            async with self._database.reading() as connection:
                return await keys.find(connection, key_id)

        stored = await self._keys.get(key_id, look_up)
        if stored is None or not keys.matches(self._pepper, key, stored):
            return None
        if not stored.is_live(instant(self._clock.now_ms())):
            return None
        self._bookkeeper.key_used(key_id)
        return Principal(f"key:{key_id}", stored.scopes)

    async def _by_session(self, cookie: str) -> Principal | None:
        cookie_hash = keys.digest(self._pepper, cookie)

        async def look_up() -> StoredSession | None:
            async with self._database.reading() as connection:
                return await logins.find_session(connection, cookie_hash)

        stored = await self._sessions.get(cookie_hash, look_up)
        if stored is None or not stored.is_live(instant(self._clock.now_ms())):
            return None
        return stored.as_principal()

    def _by_token(self, authorization: str) -> Principal | None:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or self._tokens is None:
            return None
        try:
            claims = jwt.decode(
                token.strip(),
                self._tokens.public_key,
                algorithms=list(JWT_ALGORITHMS),
                issuer=self._tokens.issuer,
                audience=self._tokens.audience,
                leeway=JWT_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError:
            return None
        scopes = frozenset(str(claims.get("scope", "")).split())
        return Principal(f"token:{claims['sub']}", scopes)

    async def log_in(self, request: Request, token: str) -> str:
        """The cookie's value for a one-time link's token; raises Problem 401 or 429."""
        self._limits.count_login(request)
        now = instant(self._clock.now_ms())
        async with self._database.writing() as connection:
            redeemed = await logins.redeem(connection, self._pepper, token, now)
        if redeemed is None:
            problem = Problem(401, "This link was used or is too old; `tq login` prints a new one.")
            self._bookkeeper.refused(request, None, problem)
            raise problem
        cookie, principal = redeemed
        self._bookkeeper.note(request, principal, "done", 303)
        return cookie

    async def log_out(self, cookie: str) -> None:
        cookie_hash = keys.digest(self._pepper, cookie)
        async with self._database.writing() as connection:
            now = instant(self._clock.now_ms())
            await logins.end_session(connection, cookie_hash, now)
        self._sessions.forget(cookie_hash)


def _unauthenticated(request: Request) -> Problem:
    offered = "x-api-key" in request.headers or "authorization" in request.headers
    detail = (
        "This key or token is not known here, or no longer."
        if offered
        else "Say who you are: X-API-Key (`tq keys create`), a bearer token, or `tq login`."
    )
    return Problem(
        401, detail, headers={"www-authenticate": 'ApiKey realm="tutor-quality", Bearer'}
    )


def _check_scope(principal: Principal, scopes: frozenset[str]) -> None:
    if not principal.scopes & scopes:
        needed = " or ".join(sorted(scopes))
        raise Problem(403, f"This needs the scope {needed}; you have {_listed(principal.scopes)}.")


def _listed(scopes: frozenset[str]) -> str:
    return ", ".join(sorted(scopes)) or "none"


def _check_origin(request: Request) -> None:
    """A browser sends its cookie along from any page: writes must come from our own."""
    headers = request.headers
    by_cookie = "x-api-key" not in headers and "authorization" not in headers
    if request.method in SAFE_METHODS or not by_cookie:
        return
    site = headers.get("sec-fetch-site")
    if site is not None and site not in OWN_SITES:
        raise Problem(403, "This write came from another site.")
    origin = headers.get("origin")
    if origin is None and site is None:
        raise Problem(403, "A write with a cookie must say its Origin.")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise Problem(403, "This write came from another origin.")
