"""A TCP proxy before Postgres that loses what a network can lose."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit


class PostgresProxy:
    """`url` is the database's own, through the proxy."""

    def __init__(self, database_url: str) -> None:
        self._target = urlsplit(database_url)
        self._port = 0
        self.commits_to_lose = 0
        """So many commits are carried out, but the connection breaks before their answer."""
        self.away = False
        """New connections are closed at once."""
        self.half_open = False
        """The client does not learn that the server has closed a connection."""
        self.hung_up = asyncio.Event()
        """The server has closed a connection."""

    @property
    def url(self) -> str:
        credentials = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{credentials}@127.0.0.1:{self._port}"))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["PostgresProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        if self.away:
            answers.close()
            return
        server, requests = await asyncio.open_connection(self._target.hostname, self._target.port)
        connection = _Connection(self, client, answers, server, requests)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(connection.pass_requests(), connection.pass_answers())
        answers.close()


class _Connection:
    def __init__(
        self,
        proxy: PostgresProxy,
        client: asyncio.StreamReader,
        answers: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client, self._answers = client, answers
        self._server, self._requests = server, requests
        self._deaf = False

    async def pass_requests(self) -> None:
        while data := await self._client.read(1 << 16):
            if self._proxy.commits_to_lose and b"COMMIT;" in data:
                self._proxy.commits_to_lose -= 1
                self._deaf = True
            self._requests.write(data)
            await self._requests.drain()
        self._requests.close()

    async def pass_answers(self) -> None:
        while data := await self._server.read(1 << 16):
            if self._deaf:
                break
            self._answers.write(data)
            await self._answers.drain()
        self._proxy.hung_up.set()
        if not self._proxy.half_open:
            self._answers.close()
