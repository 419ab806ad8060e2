"""The jar cache, with a Maven repository on loopback."""

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tutor_quality.errors import ConfigurationError
from tutor_quality.local import jars, kafka


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are not news."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(tmp_path / "repository"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def a_jar(tmp_path: Path, name: str, *, content: bytes, locked: bytes | None = None) -> jars.Jar:
    """`locked` is what the lock was made from, if it differs from what the repository has."""
    digest = hashlib.sha256(content if locked is None else locked).hexdigest()
    jar = jars.Jar("org.example", name, "1.0", digest)
    place = tmp_path / "repository" / "org" / "example" / name / "1.0"
    place.mkdir(parents=True)
    (place / jar.filename).write_bytes(content)
    return jar


def test_jars_are_fetched_once(tmp_path: Path, repository: str) -> None:
    wanted = [a_jar(tmp_path, name, content=name.encode()) for name in ("one", "two")]
    told: list[tuple[int, int]] = []
    folder = tmp_path / "cache" / "jars"
    jars.fetch(wanted, folder, lambda *now: told.append(now), repository=repository)
    assert sorted(path.name for path in folder.iterdir()) == ["one-1.0.jar", "two-1.0.jar"]
    assert told == [(0, 2), (1, 2), (2, 2)]
    # Now nothing may be asked of the repository.
    jars.fetch(wanted, folder, lambda *now: told.append(now), repository="http://127.0.0.1:1")
    assert told[-1] == (2, 2)


def test_a_jar_that_is_not_the_one_of_the_lock_is_not_kept(tmp_path: Path, repository: str) -> None:
    forged = a_jar(tmp_path, "forged", content=b"evil", locked=b"good")
    folder = tmp_path / "cache" / "jars"
    with pytest.raises(ConfigurationError, match=r"forged-1\.0\.jar was downloaded 2 times"):
        jars.fetch([forged], folder, lambda *_: None, repository=repository)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_repository_that_is_away_is_named_with_the_mend(tmp_path: Path) -> None:
    jar = jars.Jar("org.example", "lost", "1.0", "0" * 64)
    with pytest.raises(ConfigurationError, match=r"lost-1\.0\.jar .*TQ_MAVEN_REPOSITORY"):
        jars.fetch([jar], tmp_path / "jars", lambda *_: None, repository="http://127.0.0.1:1")


def test_the_lock_names_every_jar_of_the_broker_once() -> None:
    locked = jars.read_lock(kafka.LOCK_FILE)
    assert len({jar.filename for jar in locked}) == len(locked) == 46
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {kafka.VERSION}
    assert all(len(jar.sha256) == 64 for jar in locked)
