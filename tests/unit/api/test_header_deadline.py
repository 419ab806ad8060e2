"""Clients that are slow to say what they want, or say too much, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from api.header_deadline import HEADER_BYTES, HeaderDeadlineProtocol

ANSWER = b"HTTP/1.1 204 No Content\r\n"


class Hasty(HeaderDeadlineProtocol):
    header_seconds = 0.2


async def app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.4)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http=Hasty, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_head_that_does_not_end_in_time_closes_the_connection(
    port: int, begun: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    assert await reader.read() == b""
    writer.close()


async def test_a_request_that_takes_longer_to_answer_is_left_alone(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(ANSWER)
    writer.close()


@pytest.mark.parametrize("filler", [b"X-Long: " + b"y" * 70_000, b"X-Many: y\r\n" * 7_000])
async def test_a_head_that_is_too_large_is_cut_off(port: int, filler: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + filler[:HEADER_BYTES])
    assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
    writer.close()
