"""What a person sees while the stack starts: moving on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Step(Protocol):
    """One thing under way; may be told from any thread how far it is."""

    def advance(self, done: int, total: int) -> None: ...

    def say(self, note: str) -> None: ...


class Display(Protocol):
    @contextmanager
    def step(self, about: str) -> Iterator[Step]:
        """Shows that `about` is under way until the block ends."""

    def say(self, line: str) -> None: ...

    def rest(self) -> None:
        """Nothing moves from now on."""


class PlainStep:
    """Only the note is kept, for the line at the end."""

    note = ""

    def advance(self, done: int, total: int) -> None:
        self.note = f"{done:,} of {total:,}"

    def say(self, note: str) -> None:
        self.note = note


class PlainDisplay:
    """One line when a step is done; nothing moves."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, about: str) -> Iterator[Step]:
        since, step = time.monotonic(), PlainStep()
        yield step
        note = f", {step.note}" if step.note else ""
        self.say(f"{about}: {time.monotonic() - since:.1f} s{note}")

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def rest(self) -> None:
        """Nothing ever moved."""


class MovingStep:
    def __init__(self, progress: Progress, task: TaskID, about: str) -> None:
        self._progress, self._task, self._about = progress, task, about

    def advance(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def say(self, note: str) -> None:
        self._progress.update(self._task, description=f"{self._about}  [dim]{note}[/dim]")


class MovingDisplay:
    """A spinner and a bar for each step that is under way."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def step(self, about: str) -> Iterator[Step]:
        task = self._progress.add_task(about, total=None)
        yield MovingStep(self._progress, task, about)
        self._progress.update(task, completed=1, total=1)

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def rest(self) -> None:
        self._progress.stop()


@contextmanager
def display(console: Console) -> Iterator[Display]:
    if not console.is_terminal:
        yield PlainDisplay(console)
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield MovingDisplay(progress)
