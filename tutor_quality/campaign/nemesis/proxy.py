"""A TCP proxy before a server that loses and delays what a network can lose and delay."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from tutor_quality.local import ports

CHUNK = 1 << 16
COMMIT = b"COMMIT;"
"""What asyncpg sends to end a transaction."""


class Proxy:
    """Listens on `port` for the server on `target_port`. Its methods may be called anywhere."""

    def __init__(self, target_port: int) -> None:
        self.port = ports.any_free()
        self.cuts = 0
        """Connections broken on purpose so far."""
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._links: set[_Link] = set()
        self._open = asyncio.Event()
        self._delay_seconds = 0.0
        self._commits_to_lose = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["Proxy"]:
        thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}")
        thread.start()
        server = self._wait_for(self._listen())
        try:
            yield self
        finally:
            self._wait_for(self._close(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def cut(self) -> None:
        """Break every connection, without a word to either side."""
        self._call(self._cut_all)

    def hole(self) -> None:
        """Let nothing through in either direction, and break nothing, until `heal`."""
        self._call(self._open.clear)

    def slow(self, seconds: float) -> None:
        """Hold every piece of data up for so long, until `heal`."""
        self._call(lambda: setattr(self, "_delay_seconds", seconds))

    def lose_commits(self, count: int) -> None:
        """So many commits are carried out, but the connection breaks before their answer."""
        self._call(lambda: setattr(self, "_commits_to_lose", count))

    def heal(self) -> None:
        self._call(self._heal)

    def _heal(self) -> None:
        self._delay_seconds = 0.0
        self._commits_to_lose = 0
        self._open.set()

    def _cut_all(self) -> None:
        self.cuts += len(self._links)
        for link in self._links:
            link.abort()

    def _call(self, function: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(function)

    def _wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        self._open.set()
        return await asyncio.start_server(self._serve, ports.LOOPBACK, self.port)

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        try:
            server, requests = await asyncio.open_connection(ports.LOOPBACK, self._target_port)
        except OSError:
            answers.transport.abort()
            return
        link = _Link(answers, requests)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pass_requests(link, client), self._pass_answers(link, server)
            )
        except OSError:
            pass  # Broken by us, by a peer that died, or by one that closed: all the same here.
        finally:
            self._links.discard(link)
            link.abort()

    async def _pass_requests(self, link: "_Link", client: asyncio.StreamReader) -> None:
        while data := await client.read(CHUNK):
            await self._obstruct()
            if self._commits_to_lose and COMMIT in data:
                self._commits_to_lose -= 1
                self.cuts += 1
                link.deaf = True
            link.requests.write(data)
            await link.requests.drain()
        link.requests.close()

    async def _pass_answers(self, link: "_Link", server: asyncio.StreamReader) -> None:
        while data := await server.read(CHUNK):
            await self._obstruct()
            if link.deaf:
                link.abort()
                return
            link.answers.write(data)
            await link.answers.drain()
        link.answers.close()

    async def _obstruct(self) -> None:
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        await self._open.wait()


class _Link:
    """One connection through the proxy."""

    def __init__(self, answers: asyncio.StreamWriter, requests: asyncio.StreamWriter) -> None:
        self.answers = answers
        self.requests = requests
        self.deaf = False
        """The next answer of the server is lost, and the connection with it."""

    def abort(self) -> None:
        self.answers.transport.abort()
        self.requests.transport.abort()
