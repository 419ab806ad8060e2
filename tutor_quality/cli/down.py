"""tq down: stop the stack of the data folder."""

import typer

from tutor_quality.local import background
from tutor_quality.local.home import Home
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def down() -> None:
    """Stop everything that `tq up` started; its data stays."""
    home = Home(Settings().data_dir)
    print("Stopped." if background.stop(home) else f"Nothing runs in {home.path}.")
