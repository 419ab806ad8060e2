"""The running API against its own contract, with many requests that nobody thought of."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from api import keys
from api.access import SCOPES
from schemas.admin import apply_topics
from tests.support.api import (
    AS_OF,
    NOW,
    PEPPER,
    a_change,
    a_score,
    a_tutor,
    an_alert,
    an_outcome,
    insert,
    progress,
)
from tests.support.api_server import Server, running_server
from tutor_quality.storage import migrate

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
CONTRACT = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"
EXAMPLE_TUTOR = UUID("9b6f0a4e-13a7-4a52-8d3b-6d1f6f0d0001")
EXAMPLE_ALERT = UUID("0d8f8f3e-4a0b-5a86-9d6c-2f6e6a0d0001")
"""The contract's examples speak of them."""
EXAMPLE_SESSION = UUID("5f0c2b6e-7a5d-4c39-9d57-0c2f8ee3a001")
SEED = 20260318


async def fill(url: str) -> str:
    """Rows of every kind; a key with every scope."""
    connection = await asyncpg.connect(url)
    try:
        for number in range(30):
            known, alert = (EXAMPLE_TUTOR, EXAMPLE_ALERT) if number == 0 else (None, None)
            tutor = await a_tutor(connection, f"Tutor {number}", id=known)
            if number % 3:
                await a_score(connection, tutor, [(number % 5, 5), (number % 7, 9), (1, 20)])
            await an_outcome(connection, tutor, AS_OF - timedelta(days=number))
            await a_change(connection, tutor, AS_OF - timedelta(hours=number))
            await an_alert(
                connection, tutor, AS_OF - timedelta(hours=number), event_id=alert or uuid4()
            )
        await _booked(connection, EXAMPLE_TUTOR, EXAMPLE_SESSION)
        await progress(connection)
        return await keys.create(connection, PEPPER, "fuzz", sorted(SCOPES), NOW)
    finally:
        await connection.close()


async def _booked(connection: Any, tutor: UUID, session: UUID) -> None:
    await insert(
        connection,
        "sessions",
        session_id=session,
        scheduled_start=AS_OF + timedelta(days=1),
        tutor_id=tutor,
        student_id="student-17",
        status="scheduled",
    )


@pytest.fixture(scope="module")
def served(
    postgres_server: Any, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, str]]:
    name = "api_contract"
    postgres_server.create_database(name)
    url = postgres_server.url(name)
    migrate.upgrade(url)
    apply_topics(kafka_bootstrap, partitions=1, embedded=True)
    key = asyncio.run(fill(url))
    with running_server(url, kafka_bootstrap, tmp_path_factory.mktemp("api")) as server:
        yield server, key
    postgres_server.drop_database(name)


@pytest.mark.parametrize(
    ("parameters", "selection"),
    [
        pytest.param("", (), id="everything"),
        pytest.param(
            f'"path.tutor_id" = "{EXAMPLE_TUTOR}"\n"path.alert_id" = "{EXAMPLE_ALERT}"',
            ("--include-path-regex", r"\{"),
            id="what exists",
        ),
    ],
)
def test_no_request_gets_a_failure_or_an_answer_that_the_contract_does_not_know(
    served: tuple[Server, str],
    parameters: str,
    selection: tuple[str, ...],
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    server, key = served
    config = tmp_path / "schemathesis.toml"
    config.write_text(f"{CONFIG.read_text()}\n[parameters]\n{parameters}\n")
    done = subprocess.run(
        [
            *(str(SCHEMATHESIS), "--config-file", str(config), "--no-color", "run", str(CONTRACT)),
            *("--url", server.url, "--header", f"X-API-Key: {key}", *selection),
            *("--max-examples", str(pytestconfig.getoption("--api-examples"))),
            *("--seed", str(SEED), "--phases", "examples,coverage,fuzzing"),
            *("--continue-on-failure", "--suppress-health-check", "all"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, f"{done.stderr}\n{server.log.read_text()}"
