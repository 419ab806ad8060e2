"""tq migrate: bring an external database and Kafka to what this version needs."""

import typer

from schemas.admin import apply_topics
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings
from tutor_quality.storage.migrate import upgrade

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def migrate() -> None:
    """Migrate the tables and create missing topics; `tq up` does both by itself."""
    settings = Settings()
    known = connections(settings)
    upgrade(known.database_url)
    apply_topics(
        known.kafka_bootstrap,
        partitions=settings.topic_partitions,
        embedded=settings.kafka_bootstrap is None,
    )
