"""The real services, started when the first test asks for them, once in a session.

They end with the session, also with one that is killed (on Linux).
"""

import secrets
from collections.abc import Iterator

import pytest

from streams import compiled
from tests.support import broker, postgres
from tutor_quality.local.postgres import Postgres
from tutor_quality.settings import Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--api-examples",
        default=30,
        type=int,
        help="requests that are made up for each operation of the API",
    )


def pytest_sessionstart() -> None:
    """Tests have deadlines, and compiling takes longer."""
    compiled.prepare(Settings(), print, freeze=False)


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a broker that all tests share: name your topics and groups uniquely."""
    with broker.running(broker.a_broker(tmp_path_factory.mktemp("broker"))) as kafka:
        yield kafka.bootstrap


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres.running(postgres.a_server(tmp_path_factory.mktemp("postgres"))) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A fresh, empty database: `postgresql://user:password@127.0.0.1:port/name`."""
    name = f"test_{secrets.token_hex(6)}"
    postgres_server.create_database(name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)
