"""Installs the peers, each locked to the byte, into a folder of its own below the data directory.

    uv pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url \\
        --no-header bench/peers/quix/requirements.in -o bench/peers/quix/requirements.lock
"""

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

from tutor_quality.local import jars, kafka
from tutor_quality.settings import Settings, inherited_environment

HERE = Path(__file__).parent
STREAMS = HERE / "kafka_streams"
COMPILER = "ecj"
JAVA_RELEASE = "21"
HEAP = "768m"


@cache
def python(peer: str) -> Path:
    """The interpreter of the peer's own environment, made when it is not there yet."""
    lock = HERE / peer / "requirements.lock"
    home = _home(peer, lock)
    interpreter = home / "bin" / "python"
    if (home / "complete").exists():
        return interpreter
    uv = str(Path(sys.executable).parent / "uv")
    environment = {**inherited_environment(), **_index()}
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], environment)
    sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(interpreter)]
    _run([*sync, str(lock)], environment)
    (home / "complete").touch()
    return interpreter


def _index() -> dict[str, str]:
    """uv does not read pip's configuration, so the index that pip was told to use is passed on."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return {"UV_DEFAULT_INDEX": said} if said else {}


@cache
def java() -> list[str]:
    """The command that starts the Kafka Streams app, without its arguments; compiled if need be."""
    settings = Settings()
    sources = sorted(STREAMS.glob("*.java"))
    home = _home("kafka-streams", STREAMS / "jars.lock", *sources)
    classes, library = home / "classes", home / "jars"
    jars.fetch(
        jars.read_lock(STREAMS / "jars.lock"),
        library,
        lambda done, total: None,
        repository=settings.maven_repository,
    )
    runtime = str(kafka.java_home(settings.java_home) / "bin" / "java")
    if not (home / "complete").exists():
        compiler = next(library.glob(f"{COMPILER}-*.jar"))
        options = ["-nowarn", f"-{JAVA_RELEASE}", "-cp", _path(library), "-d", str(classes)]
        _run([runtime, "-jar", str(compiler), *options, *map(str, sources)], {})
        (home / "complete").touch()
    return [
        runtime,
        f"-Xms{HEAP}",
        f"-Xmx{HEAP}",
        # One core: the other collectors only get in the way.
        "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        f"{classes}:{_path(library)}",
        "peer.App",
    ]


def _path(library: Path) -> str:
    return ":".join(map(str, sorted(library.glob("*.jar"))))


def _home(peer: str, *inputs: Path) -> Path:
    """Another folder when any of the inputs is another one."""
    content = b"".join(path.read_bytes() for path in inputs)
    digest = hashlib.sha256(content + sys.version.encode()).hexdigest()[:12]
    folder = Settings().data_dir.absolute() / "bench" / f"{peer}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment or None, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
