"""Job W side by side; see docs/benchmarks.md.

python -m bench quick     ours and the bounds of its clients, in less than three minutes
python -m bench run       everybody, everything, in less than 25; or some of it
python -m bench growth    how the cost of an event grows
python -m bench page      write docs/benchmarks.md and its charts from the results

Figures are merged into the results file of today, so parts can be measured one by one.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from bench import contest, growth, page, results
from bench.quick import quick
from bench.systems import SYSTEMS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    commands.add_parser("quick").set_defaults(run=lambda asked: quick())
    _add_run(commands.add_parser("run"))
    _add_growth(commands.add_parser("growth"))
    command = commands.add_parser("page")
    command.add_argument("results", type=Path, nargs="?", help="the newest if none is named")
    command.set_defaults(run=lambda asked: page.write(asked.results or results.newest()))
    asked = parser.parse_args()
    asked.run(asked)


def _add_run(command: argparse.ArgumentParser) -> None:
    names = [system.name for system in SYSTEMS]
    command.add_argument("--systems", nargs="+", choices=names, default=names)
    command.add_argument("--parts", nargs="+", choices=contest.PARTS, default=contest.PARTS)
    command.add_argument("--events", type=int, default=contest.FULL.events)
    command.add_argument("--runs", type=int, default=3)
    command.add_argument("--into", type=Path, default=results.today())
    command.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> None:
    """With fewer events there are fewer tutors, so that each has as many."""
    full = contest.FULL
    job = replace(full, events=asked.events, tutors=full.tutors * asked.events // full.events)
    contest.contest(contest.Asked(asked.systems, asked.parts, job, asked.runs, asked.into))
    page.write(asked.into)


def _add_growth(command: argparse.ArgumentParser) -> None:
    command.add_argument("--events", type=int, default=growth.BASE.events)
    command.add_argument("--runs", type=int, default=2)
    command.add_argument("--into", type=Path, default=results.today())
    command.set_defaults(run=_growth)


def _growth(asked: argparse.Namespace) -> None:
    growth.growth(asked.events, asked.runs, asked.into)
    page.write(asked.into)


if __name__ == "__main__":
    main()
