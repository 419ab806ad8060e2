"""Loopback ports."""

import secrets
import socket
import urllib.error
import urllib.request

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
    """Never a port that the system gives to outgoing connections.

    A client that keeps trying to reach a server which is down would sooner or later be given the
    server's own port, connect to itself and so keep the server from coming back.
    """
    while not is_free(port := LOWEST + secrets.randbelow(HIGHEST - LOWEST)):
        pass
    return port


def next_free(preferred: int) -> int:
    """`preferred` or the first free one above it; 0 = any."""
    if preferred == 0:
        return any_free()
    return next(port for port in range(preferred, HIGHEST_OF_ALL) if is_free(port))


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
