"""The command line `tq`.

Each command lives in a module of this package and is imported only when it is called, so that
`tq --help` answers at once. A module offers `app`, a typer application with one command or a
group of them.
"""

import importlib
import sys

from tutor_quality.errors import TutorQualityError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "start everything and print the address"),
    "down": ("down", "stop it"),
    "migrate": ("migrate", "bring external parts to this version"),
    "status": ("status", "what runs, and how far it is"),
    "doctor": ("doctor", "whether this machine can run it, and how to mend what is wrong"),
    "keys": ("keys", "the keys that machines call the API with"),
    "login": ("login", "a link that logs one browser in, once"),
    "schemas": ("schemas", "the released schemas, and whether they are compatible"),
    "replay": ("replay", "send the sessions of CSV files through the input topic"),
    "map": ("map", "what a mapping would make of a CSV file"),
    "produce": ("produce", "send session events by hand or from standard input"),
    "simulate": ("simulate", "a plausible platform, to a file or into the input topic"),
    "verify": ("verify", "recount from the raw log and compare"),
    "dlq": ("dlq", "refused records: list, show, retry, drop"),
    "resume": ("resume", "let partitions go on that were stopped by refused records"),
    "rebuild": ("rebuild", "build the read model anew from the log, compare, and swap"),
    "train": ("train", "train a model on a mapped CSV file"),
    "evaluate": ("evaluate", "how good a model's predictions for a mapped CSV file are"),
    "models": (
        "models",
        "versions of the model: list, show, promote, challenge, roll back, recalibrate",
    ),
    "campaign": ("campaign", "prove by injected faults that the numbers stay exact"),
    "topics": ("topics", "the catalogue of topics, and how the broker differs from it"),
}
"""Name -> (module in this package, one line of help)."""

FAILED = 1
MISUSED = 2


def usage() -> str:
    width = max(map(len, COMMANDS), default=0)
    rows = (f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items())
    return "usage: tq COMMAND …      tq COMMAND --help says more\n\n" + "\n".join(rows)


def main() -> None:
    """Exit codes: 0 done, 1 the answer is no or it failed, 2 wrong usage."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        print(usage())
        return
    if name not in COMMANDS:
        print(f"tq: no command {name!r}\n\n{usage()}", file=sys.stderr)
        sys.exit(MISUSED)
    module = importlib.import_module(f"tutor_quality.cli.{COMMANDS[name][0]}")
    # A plain traceback, if ever: the framed one shows local values, and those may be secret.
    module.app.pretty_exceptions_enable = False
    try:
        module.app(args=sys.argv[2:], prog_name=f"tq {name}")
    except (TutorQualityError, OSError) as error:
        # OSError: a full disk, a folder that may not be written, nobody at a port.
        print(f"tq {name}: {str(error) or type(error).__name__}", file=sys.stderr)
        sys.exit(FAILED)
