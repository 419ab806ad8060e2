"""Answers that only depend on the data, kept while it stays the same.

Each request still asks Postgres which data it is: nobody is shown an answer that is older than
what was committed before the request came.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from api import answers
from api.database import Database
from tutor_quality.storage import queries
from tutor_quality.storage.queries import DataVersion

KEPT_BYTES = 16_000_000


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


@dataclass(frozen=True, slots=True)
class _Page:
    tag: str
    body: bytes
    headers: list[tuple[bytes, bytes]]


class Pages:
    """What was answered last to the same question."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._kept: OrderedDict[tuple[str, bytes, str], _Page] = OrderedDict()
        self._bytes = 0

    async def answer(self, request: Request, make: Callable[[], Awaitable[Response]]) -> Response:
        """`make` finds the data version in `request.state.version`."""
        version = request.state.version = await self._versions.now()
        accept = request.headers.get("accept", "")
        question = (request.url.path, request.scope["query_string"], accept)
        page = self._kept.get(question)
        if page is not None and page.tag == answers.etag(version):
            self._kept.move_to_end(question)
            return answers.not_modified(version) if answers.has(request, version) else _copy(page)
        response = await make()
        self._keep(question, response)
        return response

    def _keep(self, question: tuple[str, bytes, str], response: Response) -> None:
        tag = response.headers.get("etag")
        if tag is None or response.status_code != 200:
            return
        self._forget(question)
        # A copy: on its way out the answer gets headers of its own.
        self._kept[question] = _Page(tag, bytes(response.body), list(response.raw_headers))
        self._bytes += len(response.body)
        while self._bytes > KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, question: Any) -> None:
        page = self._kept.pop(question, None)
        self._bytes -= len(page.body) if page is not None else 0


def _copy(page: _Page) -> Response:
    response = Response(page.body)
    response.raw_headers = list(page.headers)
    return response


def version_of(request: Request) -> DataVersion:
    version = request.state.version
    assert isinstance(version, DataVersion)
    return version
