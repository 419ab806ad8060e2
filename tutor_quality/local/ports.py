"""Loopback ports."""

import fcntl
import secrets
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000
HIGHEST_OF_ALL = 65_536


def is_free(port: int) -> bool:
    """Port 0 is never free: it names no port."""
    with socket.socket() as probe:
        # A server sets this too; without it, ports of closed connections look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return port != 0


def any_free() -> int:
    return next(port for port in candidates() if is_free(port))


def candidates() -> Iterator[int]:
    """Never ports that the system gives to outgoing connections, in a random order.

    A client that keeps trying to reach a server which is down would sooner or later be given the
    server's own port, connect to itself and so keep the server from coming back.
    """
    while True:
        yield LOWEST + secrets.randbelow(HIGHEST - LOWEST)


def upwards(preferred: int) -> Iterator[int]:
    """`preferred` and those above it; 0 = any."""
    return iter(range(preferred, HIGHEST_OF_ALL)) if preferred else candidates()


class Reservations:
    """Ports that we have chosen and that our children will open a little later.

    Two stacks that start at the same moment see the same ports free: a lock on a file in `folder`
    makes them choose different ones. The system frees the locks of a process that ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, TextIO] = {}

    def take(self, wanted: Iterable[int]) -> int:
        """The first of `wanted` that is free."""
        return next(port for port in wanted if self._take(port))

    def _take(self, port: int) -> bool:
        if port in self._held:
            return True
        if not is_free(port):
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        file = (self._folder / str(port)).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held[port] = file
        return True

    def release(self) -> None:
        while self._held:
            self._held.popitem()[1].close()


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def answers_http(url: str) -> bool:
    """Whether a server there answers at all, be it with a refusal."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own address
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        return False
    return True
