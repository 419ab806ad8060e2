"""`tq login`: a link that logs one browser in, once, within 15 minutes."""

import asyncio
import json
from typing import Annotated

import typer

from api.logins import create_link
from api.times import instant
from tutor_quality.clock import SystemClock
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings

app = typer.Typer()


@app.command()
def login(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON value for scripts")] = False,
) -> None:
    """Print the link; whoever opens it first is logged in for 8 hours."""
    known = connections(Settings())
    now = instant(SystemClock().now_ms())
    link = asyncio.run(create_link(known.database_url, known.api_pepper, known.api_url, now))
    print(json.dumps({"url": link}) if as_json else link)
