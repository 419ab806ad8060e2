"""`tq topics`: the catalogue, and how the broker differs from it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from schemas.admin import TopicPlan, apply_topics, plan_topics
from schemas.topics import CATALOGUE
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings

app = typer.Typer(help="the topics of the catalogue", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="for programs")]


@app.command("ls")
def list_topics(as_json: Json = False) -> None:
    """The catalogue; asks no broker."""
    if as_json:
        print(json.dumps([asdict(topic) for topic in CATALOGUE], indent=2))
        return
    for topic in CATALOGUE:
        route = f"{', '.join(topic.writers)} → {', '.join(topic.readers)}"
        print(f"{topic.name}\n  key {topic.key}, {topic.schema or 'raw bytes'}, {topic.cleanup}")
        print(f"  {route}\n  {topic.about}")


@app.command("diff")
def diff_topics(as_json: Json = False) -> None:
    """What apply would do; exits with 1 when there is a difference."""
    plan = _with_broker(plan_topics)
    _show(plan, as_json, "missing", "differs")
    if not plan.is_empty:
        raise typer.Exit(1)


@app.command("apply")
def apply_catalogue(as_json: Json = False) -> None:
    """Creates missing topics and alters settings; partition counts are only reported."""
    plan = _with_broker(apply_topics)
    _show(plan, as_json, "created", "altered")


def _with_broker(action: Callable[..., TopicPlan]) -> TopicPlan:
    settings = Settings()
    return action(
        settings.kafka_bootstrap or connections(settings).kafka_bootstrap,
        partitions=settings.topic_partitions,
        embedded=settings.kafka_bootstrap is None,
    )


def _show(plan: TopicPlan, as_json: bool, created: str, altered: str) -> None:
    if as_json:
        print(json.dumps(asdict(plan), indent=2))
        return
    for creation in plan.create:
        print(f"{created}: {creation.topic.name}, {creation.partitions} partitions")
    for change in plan.alter:
        print(f"{altered}: {change.topic} {change.name} {change.found} → {change.wanted}")
    for topic in plan.partitions:
        print(f"left alone: {topic.topic} has {topic.found} partitions, not {topic.wanted}")
    if plan.is_empty:
        print(f"all {len(CATALOGUE)} topics are as the catalogue says")
