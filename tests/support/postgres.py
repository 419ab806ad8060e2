"""A real Postgres for tests."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tutor_quality.local import ports, postgres
from tutor_quality.local.programs import spawn, stop, wait_until
from tutor_quality.settings import Settings


def a_server(folder: Path) -> postgres.Postgres:
    """Not started."""
    return postgres.Postgres(
        data_dir=folder / "pg",
        log=folder / "postgres.log",
        port=ports.any_free(),
        password=secrets.token_urlsafe(16),
        bin_dir=postgres.bin_folder(Settings().postgres_bin),
        options=postgres.FAST_AND_UNSAFE,
    )


@contextmanager
def running(server: postgres.Postgres) -> Iterator[postgres.Postgres]:
    server.prepare()
    program = server.program()
    process = spawn(program)
    try:
        wait_until(server.answers, program, process, patience_seconds=postgres.READY_SECONDS)
        yield server
    finally:
        stop(process, program.stop_signal, postgres.STOP_SECONDS)
