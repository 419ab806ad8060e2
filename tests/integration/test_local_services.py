"""The embedded broker and database, as other tests and `tq up` use them."""

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

pytestmark = pytest.mark.integration


def test_the_broker_creates_topics_only_on_request(kafka_bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    admin.create_topics([NewTopic("local.asked-for", 3, 1)])["local.asked-for"].result(30)
    topics = admin.list_topics(timeout=10).topics
    assert len(topics["local.asked-for"].partitions) == 3
    admin.list_topics("local.not-asked-for", timeout=10)
    assert "local.not-asked-for" not in admin.list_topics(timeout=10).topics


async def test_a_test_gets_an_empty_database_on_utf8(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_user_tables") == 0
    finally:
        await connection.close()


async def test_the_database_wants_its_password(postgres_url: str) -> None:
    before, after = postgres_url.split(":", 2)[:2], postgres_url.split("@")[1]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{before[0]}:{before[1]}:wrong@{after}")
