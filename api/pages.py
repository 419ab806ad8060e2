"""Answers that only depend on the data, kept while it stays the same.

Each request still asks Postgres which data it is: nobody is shown an answer that is older than
what was committed before the request came. And each is admitted anew, with the scopes of the route
that made the answer: keeping it saves the making, never the check.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import answers
from api.access import Admission, ScopedRoute, admitted_to
from api.database import Database
from api.errors import Problem, on_transient_failure, problem_response
from tutor_quality.errors import TransientFailure
from tutor_quality.storage import queries
from tutor_quality.storage.queries import DataVersion

KEPT_BYTES = 16_000_000
TELLING_APART = frozenset({b"accept", b"accept-encoding"})
"""Headers that answers differ by; without the query and the credentials."""


class Versions:
    """Requests that come while a look is under way share the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looking: asyncio.Task[DataVersion] | None = None
        self._next: asyncio.Task[DataVersion] | None = None

    async def now(self) -> DataVersion:
        """What is committed by now, at least; raises TransientFailure."""
        if self._next is None:
            self._next = asyncio.create_task(self._look(self._looking))
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._next)

    async def _look(self, previous: asyncio.Task[DataVersion] | None) -> DataVersion:
        if previous is not None:
            await asyncio.wait([previous])
        self._looking, self._next = self._next, None
        async with self._database.reading() as connection:
            return await queries.data_version(connection)


def version_of(request: Request) -> DataVersion:
    version = request.state.version
    assert isinstance(version, DataVersion)
    return version


Question = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Page:
    tag: str
    route: ScopedRoute
    headers: list[tuple[bytes, bytes]]
    body: bytes


class KeptPages:
    """ASGI, outside of compression, so that a page is compressed once."""

    def __init__(self, app: ASGIApp, admission: Admission, versions: Versions) -> None:
        self._app = app
        self._admission = admission
        self._versions = versions
        self._kept: OrderedDict[Question, _Page] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        question = _question(scope)
        page = self._kept.get(question)
        if page is not None and (response := await self._answer(page, Request(scope))):
            self._kept.move_to_end(question)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, self._keeping(question, scope, send))

    async def _answer(self, page: _Page, request: Request) -> Response | None:
        """None if the data is not what the page was made from."""
        request.scope["route"] = page.route
        try:
            await admitted_to(page.route, self._admission, request)
            version = request.state.version = await self._versions.now()
        except Problem as problem:
            return problem_response(request, problem)
        except TransientFailure as failure:
            return await on_transient_failure(request, failure)
        if page.tag != answers.etag(version):
            return None
        if answers.has(request, version):
            return answers.not_modified(version)
        response = Response(page.body)
        response.raw_headers = list(page.headers)
        return response

    def _keeping(self, question: Question, scope: Scope, send: Send) -> Send:
        status, headers = 0, []

        async def keep(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                # A copy: on its way out the answer gets headers of its own.
                status, headers = message["status"], list(message["headers"])
            elif "kept_by" in scope and status == 200:
                tag, route = scope["kept_by"]
                self._keep(question, _Page(tag, route, headers, bytes(message["body"])))
            await send(message)

        return keep

    def _keep(self, question: Question, page: _Page) -> None:
        self._forget(question)
        self._kept[question] = page
        self._bytes += len(page.body)
        while self._bytes > KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, question: Question) -> None:
        page = self._kept.pop(question, None)
        self._bytes -= len(page.body) if page is not None else 0


def _question(scope: Scope) -> Question:
    told_apart = [header for header in scope["headers"] if header[0] in TELLING_APART]
    return (scope["path"], scope["query_string"], *told_apart)
