"""What the embedded stack needs of this machine."""

import hashlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from pydantic import BaseModel, Field

from tutor_quality.errors import ConfigurationError
from tutor_quality.local import dashboard, jars, kafka, ports, postgres
from tutor_quality.local.programs import spawn, stop, wait_until
from tutor_quality.settings import Settings

GB = 1e9
DISK_GB = 2.0
MEMORY_GB = 1.5
"""Kafka 0.4, the Python processes 0.6, Postgres 0.1, a dashboard build 0.4."""


class Check(BaseModel):
    name: str
    ok: bool
    found: str
    mend: str = Field("", description="what to do; empty if it is ok")


def check_machine(settings: Settings) -> Iterator[Check]:
    """Yields each result as soon as it is known."""
    yield _python()
    yield _disk(settings.data_dir)
    yield _memory()
    yield _api_port(settings.api_port)
    yield _java(settings.java_home)
    yield _jars(settings.cache_path)
    yield _postgres(settings.postgres_bin)
    yield _node()


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return _check("Python", ok, found, "make setup PY=python3.12 (3.11 or newer is needed)")


def _disk(data_dir: Path) -> Check:
    folder = next(at for at in (data_dir.resolve(), *data_dir.resolve().parents) if at.exists())
    free = shutil.disk_usage(folder).free / GB
    mend = f"free {DISK_GB:.0f} GB there, or set TQ_DATA_DIR to a folder on another disk"
    return _check("Disk", free >= DISK_GB, f"{free:.1f} GB free for {data_dir}", mend)


def _memory() -> Check:
    free = psutil.virtual_memory().available / GB
    mend = f"close other programs: {MEMORY_GB} GB are needed"
    return _check("Memory", free >= MEMORY_GB, f"{free:.1f} GB available", mend)


def _api_port(preferred: int) -> Check:
    port = next(port for port in ports.upwards(preferred) if ports.is_free(port))
    found = f"{port} is free" if port == preferred else f"{preferred} is taken, {port} will be used"
    return _check("API port", True, found, "")


def _java(setting: Path | None) -> Check:
    mend = "empty TQ_JAVA_HOME to use the runtime that `make setup` installs, or name a Java >= 17"
    try:
        java = kafka.java_home(setting) / "bin" / "java"
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    except (ConfigurationError, OSError) as error:
        return _check("Java", False, str(error), mend)
    said = (done.stderr or done.stdout).strip().splitlines()
    return _check("Java", done.returncode == 0, said[0] if said else "says nothing", mend)


def _jars(cache: Path) -> Check:
    folder = kafka.jar_folder(cache)
    locked = jars.read_lock(kafka.LOCK_FILE)
    missing = jars.missing(locked, folder)
    there = [jar for jar in locked if jar not in missing]
    broken = [jar.filename for jar in there if _sha256(folder / jar.filename) != jar.sha256]
    if broken:
        return _check("Kafka", False, f"broken: {', '.join(broken)}", f"delete {folder}")
    found = f"{len(there)} of {len(locked)} jars in {folder}"
    return _check("Kafka", True, found + ("; `tq up` fetches the others" if missing else ""), "")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _postgres(setting: Path | None) -> Check:
    try:
        with tempfile.TemporaryDirectory(prefix="tq-doctor-") as folder:
            return _check("Postgres", True, _started_version(Path(folder), setting), "")
    except (ConfigurationError, OSError) as error:
        return _check("Postgres", False, str(error), "set TQ_DATABASE_URL to use another Postgres")


def _started_version(folder: Path, setting: Path | None) -> str:
    """Makes and starts a server, and asks it."""
    server = postgres.Postgres(
        data_dir=folder / "pg",
        log=folder / "postgres.log",
        port=ports.any_free(),
        password=secrets.token_urlsafe(16),
        bin_dir=postgres.bin_folder(setting),
        options=postgres.FAST_AND_UNSAFE,
    )
    server.prepare()
    program = server.program()
    process = spawn(program)
    try:
        wait_until(server.answers, program, process, patience_seconds=postgres.READY_SECONDS)
        return f"{server.execute('SHOW server_version')} starts"
    finally:
        stop(process, program.stop_signal, postgres.STOP_SECONDS)


def _node() -> Check:
    if dashboard.is_current(dashboard.FOLDER):
        return _check("Node", True, "not needed: the dashboard is built", "")
    if dashboard.node_on_path() is not None:
        return _check("Node", True, "on the PATH", "")
    found = "none on the PATH; `tq up` fetches one to build the dashboard"
    return _check("Node", True, found, "")


def _check(name: str, ok: bool, found: str, mend: str) -> Check:
    return Check(name=name, ok=ok, found=found, mend="" if ok else mend)
