"""Apache Kafka's jars: fetched once into a shared folder, each checked against the lock file."""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tutor_quality.errors import ConfigurationError

THREADS = 4
HTTP_TIMEOUT_SECONDS = 60
ATTEMPTS = 2

Progress = Callable[[int, int], None]
"""Called with (jars in place, jars in all); from several threads."""


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path) -> list[Jar]:
    """Lines `group:artifact:version sha256`."""
    return [_parse(*line.split()) for line in path.read_text().splitlines()]


def _parse(coordinates: str, sha256: str) -> Jar:
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)


def missing(jars: list[Jar], folder: Path) -> list[Jar]:
    """A jar is moved to its name only after it was checked, so its presence is enough."""
    return [jar for jar in jars if not (folder / jar.filename).exists()]


def fetch(
    jars: list[Jar], folder: Path, progress: Progress, *, repository: str | None = None
) -> None:
    """`repository` is the address of a Maven mirror, None = Maven's own.

    Raises ConfigurationError if a jar cannot be had or is not the one of the lock.
    """
    wanted = missing(jars, folder)
    done = len(jars) - len(wanted)
    progress(done, len(jars))
    if not wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    remotes = {"mirror": repository} if repository else None
    with _workshop(folder) as workshop, ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda jar: _fetch_one(jar, folder, workshop, remotes), wanted):
            done += 1
            progress(done, len(jars))


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """Beside the target, so that a move is a rename."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as path:
        yield Path(path)


def _fetch_one(jar: Jar, folder: Path, workshop: Path, remotes: dict[str, str] | None) -> None:
    for _ in range(ATTEMPTS):
        download = _download(jar, workshop, remotes)
        if hashlib.sha256(download.read_bytes()).hexdigest() == jar.sha256:
            download.replace(folder / jar.filename)
            return
        download.unlink()
    raise ConfigurationError(
        f"{jar.filename} was downloaded {ATTEMPTS} times and is not the file of the lock; "
        "is a proxy changing downloads? Nothing of it was kept."
    )


def _download(jar: Jar, workshop: Path, remotes: dict[str, str] | None) -> Path:
    # Imported only here: seldom needed, and slow.
    from jgo.maven import MavenContext

    # jgo only warns about a wrong checksum, and we compare a stronger one.
    logging.getLogger("jgo").setLevel(logging.ERROR)
    maven = MavenContext(
        repo_cache=workshop, local_repos=[], remote_repos=remotes, timeout=HTTP_TIMEOUT_SECONDS
    )
    component = maven.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        return Path(component.artifact(packaging="jar").resolve())
    except (RuntimeError, OSError) as error:
        shutil.rmtree(workshop / component.path_prefix, ignore_errors=True)
        raise ConfigurationError(
            f"{jar.filename} cannot be downloaded ({error}); "
            "check the network and proxy, set TQ_MAVEN_REPOSITORY to a mirror that you reach, or "
            "TQ_KAFKA_BOOTSTRAP to a Kafka of your own"
        ) from error
