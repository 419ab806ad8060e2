"""Mistakes planted into the production code, to prove that the simulation would see them.

Each is an edit of the source of one function. The text that it replaces must be there exactly once,
so that a mistake cannot silently stop being one when the code changes.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from schemas import score_bytes
from streams.holdings import Holdings, RowsRead
from streams.outlet import KafkaOutlet
from streams.protocol import PoisonWatch, ScorePartition
from streams.score_worker import ScoreWorker
from tutor_quality.domain import kernels
from tutor_quality.domain.fold import TutorRows
from tutor_quality.jit import made_anew


@dataclass(frozen=True, slots=True)
class Mistake:
    """`owner` is the class, or the module that uses the function."""

    name: str
    owner: Any
    function: str
    right: str
    wrong: str


MISTAKES = (
    Mistake(
        "changelog-before-outputs",
        ScorePartition,
        "flush",
        "    await self._outlet.durable()\n    if len(dirty):",
        "    if len(dirty):",
    ),
    Mistake("no-applied-offset", kernels, "fold", "offset <= t.applied", "False"),
    Mistake(
        "redelivery-counts-the-last-twice",
        kernels,
        "fold",
        "offset <= t.applied",
        "offset < t.applied",
    ),
    Mistake(
        "recovery-takes-the-last-row",
        RowsRead,
        "take",
        "if applied > self._best.get(key, NO_ROW)[0]:",
        "if applied >= 0:",
    ),
    Mistake(
        "acknowledged-before-durable",
        ScorePartition,
        "process",
        "self._unacknowledged.append(batch)",
        "batch.acknowledge()",
    ),
    Mistake(
        "dead-letter-acknowledged-before-durable",
        ScorePartition,
        "process",
        "self._unacknowledged.append(batch)",
        "(batch.acknowledge() if decoded.refused else self._unacknowledged.append(batch))",
    ),
    Mistake(
        "tick-not-logged",
        ScorePartition,
        "tick",
        "await self._outlet.send(topics.LIFECYCLE.name, ticks)",
        "at = [applied + 1 for _, applied in told.values()]\n"
        "    keys, values = [t.key for t in ticks], [t.value for t in ticks]\n"
        "    from schemas.lifecycle import decode_lifecycle\n"
        "    self._rows.fold(decode_lifecycle(keys, values, at, [now] * len(ticks)).columns)\n"
        "    self._rows.arena.tutors['applied'][[*told]] -= 1",
    ),
    Mistake(
        "gap-watch-off",
        KafkaOutlet,
        "gaps",
        "[gap for gap in gaps if gap.topic in self._readers]",
        "[]",
    ),
    Mistake(
        "nobody-looks-behind-the-last-write",
        ScorePartition,
        "watch",
        "await self._outlet.look()",
        "pass",
    ),
    Mistake(
        "stale-last-row-left-at-recovery",
        RowsRead,
        "give",
        "holding.outlived.add(tutor)",
        "pass",
    ),
    Mistake(
        "stale-last-score-left-at-recovery",
        Holdings,
        "_find_ends",
        'holding.ends[scores] = min(last["score_offset"], scored[partition])',
        "holding.ends[scores] = scored[partition]",
    ),
    Mistake(
        "expiry-judged-at-the-time-of-the-tick",
        kernels,
        "advance",
        "_pass(arena, number, t.due,",
        "_pass(arena, number, instant,",
    ),
    Mistake(
        "transitions-judged-per-batch",
        TutorRows,
        "fold",
        "changes.append(self._taken_changes())",
        "taken = self._taken_changes()\n"
        "        last = {change['tutor']: place for place, change in enumerate(taken)}\n"
        "        changes.append(taken[[*last.values()]])",
    ),
    Mistake(
        "rows-kept-after-an-unclean-revocation",
        ScorePartition,
        "clean",
        "not self._unacknowledged",
        "True",
    ),
    Mistake(
        "correction-ignores-the-event-id",
        kernels,
        "_wins",
        "return slot.id_low >= id_low",
        "return True",
    ),
    Mistake(
        "window-closed-at-both-ends",
        kernels,
        "_account",
        "slot.at > t.clock - ",
        "slot.at >= t.clock - ",
    ),
    Mistake(
        "poison-counted-within-a-batch-only",
        PoisonWatch,
        "_longest_run",
        "run, expected = self._run, 0",
        "run, expected = 0, 0",
    ),
    Mistake(
        "the-same-stop-is-said-once",
        ScorePartition,
        "halt",
        "self._progress = None",
        "pass",
    ),
    Mistake(
        "progress-before-durable",
        ScoreWorker,
        "process",
        "await self._core.process(batch)",
        "await self._core.process(batch)\n"
        "    await self._core.report(self._core.newest, live=self._live)",
    ),
    Mistake(
        "time-of-the-logs-tail-claimed-too-early",
        ScorePartition,
        "__init__",
        "self.newest = -1",
        "self.newest = tail",
    ),
    Mistake(
        "version-not-monotonic",
        score_bytes,
        "_put_score",
        "put_long(out, at, t.applied)",
        "put_long(out, at, t.transitions)",
    ),
    Mistake(
        "rows-of-an-older-generation-taken",
        RowsRead,
        "_is_ours",
        "return generation == self._generation",
        "return True",
    ),
    Mistake(
        "re-created-topic-not-noticed",
        Holdings,
        "_look_at_source",
        "applied >= end",
        "False",
    ),
    Mistake(
        "one-tick-must-do",
        ScorePartition,
        "_awaited",
        "return self._rows.awaited(tutors)",
        "return [(due, 0) for due, _ in self._rows.awaited(tutors)]",
    ),
    Mistake(
        "records-on-their-way-forgotten",
        ScoreWorker,
        "_may_be_on_its_way",
        "return position not in (seen, self._core.position)",
        "return False",
    ),
)


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """The production code with this mistake in it."""
    original = inspect.getattr_static(mistake.owner, mistake.function)
    with (
        replaced(mistake.owner, mistake.function, _edited(original, mistake)),
        made_anew(mistake.owner) if inspect.ismodule(mistake.owner) else nullcontext(),
    ):
        yield


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    original = inspect.getattr_static(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _edited(original: Any, mistake: Mistake) -> Any:
    if isinstance(original, property):
        assert original.fget is not None
        return property(_rewritten(original.fget, mistake))
    return _rewritten(getattr(original, "py_func", original), mistake)


def _rewritten(function: Callable[..., Any], mistake: Mistake) -> Callable[..., Any]:
    source = textwrap.dedent(inspect.getsource(function)).removeprefix("@property\n")
    if source.count(mistake.right) != 1:
        raise ValueError(f"{mistake.name}: {mistake.function} does not say {mistake.right!r} once")
    names: dict[str, Any] = {}
    module = sys.modules[function.__module__]
    code = compile(source.replace(mistake.right, mistake.wrong), f"<{mistake.name}>", "exec")
    exec(code, vars(module), names)  # noqa: S102  # our own source with our own edit
    made: Callable[..., Any] = names[function.__name__]
    return made
