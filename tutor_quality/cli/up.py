"""tq up: start everything and print the address; Ctrl-C stops it."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tutor_quality.clock import SystemClock
from tutor_quality.local import background, stack
from tutor_quality.local.connections import Connections, connections
from tutor_quality.local.home import Home
from tutor_quality.local.progress import display
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def up(
    detach: Annotated[bool, typer.Option(help="return when it is ready")] = False,
    empty: Annotated[bool, typer.Option(help="no demo history, no live simulation")] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--input",
            exists=True,
            dir_okay=False,
            help="a file of real sessions instead of the demo",
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--map", exists=True, dir_okay=False, help="how its columns are to be read"),
    ] = None,
) -> None:
    """Start Kafka, Postgres, the stages and the API; Ctrl-C stops them all."""
    settings, console = Settings(), Console()
    home = Home(settings.data_dir)
    content = stack.Content(empty, file, mapping)
    if detach:
        background.start(home, _arguments(content))
        asyncio.run(_announce(console, home, connections(settings)))
        return
    _log_to(home.log_file("supervisor"), settings.log_level)
    with display(console) as shown:
        asyncio.run(
            stack.run(settings, content, shown, lambda known: _announce(console, home, known))
        )


def _arguments(content: stack.Content) -> list[str]:
    arguments = ["--empty"] if content.empty else []
    if content.file is not None:
        arguments += ["--input", str(content.file), "--map", str(content.mapping)]
    return arguments


async def _announce(console: Console, home: Home, known: Connections) -> None:
    # Imported while everything starts would hold that up.
    from api.logins import create_link

    now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
    link = await create_link(known.database_url, known.api_pepper, known.api_url, now)
    lines = (
        ("Dashboard", f"{link}  (logs you in once, within 15 minutes)"),
        ("API", f"{known.api_url}/docs"),
        ("Kafka", known.kafka_bootstrap),
        ("Postgres", known.database_url),
        ("Logs", str(home.logs)),
    )
    text = "\n".join(f"{name:<10} {value}" for name, value in lines)
    if console.is_terminal:
        console.rule("Tutor Quality is running; Ctrl-C stops it")
    # No frame and no wrapping: a link that is broken over two lines cannot be clicked.
    console.print(text, markup=False, highlight=False, soft_wrap=True)


class FirstLine(logging.Formatter):
    """For the console: what happened; the log file has the rest."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage().partition("\n")[0]


def _log_to(path: Path, level: str) -> None:
    console = logging.StreamHandler()
    console.setLevel(logging.ERROR)
    console.setFormatter(FirstLine())
    file = logging.FileHandler(path)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[file, console])
