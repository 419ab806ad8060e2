"""The best that anyone could have predicted from what could be seen.

Knowing the world's parameters but not its hidden states, the chance that the tutor's clock ends
a slot follows from Bayes' rule: the tutor's persona and level chain are filtered over all that
had happened to the tutor's slots (slots still open say that no clock has rung yet), the student's
class likewise. A model's log loss less that of this prediction is its regret.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tutor_quality.simulation.config import WEEK_MS, SimulationConfig
from tutor_quality.simulation.world import (
    LEVEL_LOGITS,
    NO_SHOW_BY_CLASS,
    PERSONA_SHARES,
    RING_EXPONENT,
    STUDENT_CLASS_LOGITS,
    STUDENT_CLASS_SHARES,
    By,
    Outcome,
    Slots,
    World,
    logistic,
    stationary_levels,
    transition_matrices,
    week_of,
)

Floats = NDArray[np.float64]
SETTLED_WEEKS = 2
"""All slots of a week have ended so long after it began."""


@dataclass(frozen=True, slots=True)
class SlotTruth:
    """Of one slot that became known, as of then."""

    session_id: str
    scheduled_start: int
    as_of: int
    """When the slot became known, ms."""
    probability: float
    """That the tutor moves or cancels it, given that nobody else does so first."""


def truths(world: World) -> Iterator[SlotTruth]:
    """In the order of tutors. Takes about 0.2 ms a slot."""
    evidence = _Evidence.of(world)
    students = _Students(world, evidence)
    by_tutor: dict[int, list[int]] = defaultdict(list)
    for number, tutor in enumerate(world.slots.tutor.tolist()):
        by_tutor[tutor].append(number)
    for numbers in by_tutor.values():
        tutor = _TutorFilter(world, evidence, np.array(numbers))
        for number in numbers:
            now = int(world.slots.created[number])
            p = tutor.chance(number, now)
            moves, stays = students.chances(number, now)
            bad = p * moves
            yield SlotTruth(
                session_id=world.session_ids[world.slots.session[number]],
                scheduled_start=int(world.slots.start[number]),
                as_of=now,
                probability=bad / (bad + (1 - p) * stays),
            )


def rung(share: Floats) -> Floats:
    """Chance that a clock that rings has rung by this share of the lead time."""
    return np.clip(share, 0, 1) ** RING_EXPONENT


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Per slot: chances of both clocks by hidden state."""

    tutor_p: Floats
    """(slots, 8)"""
    student_p: Floats
    """(slots, 3)"""

    @classmethod
    def of(cls, world: World) -> "_Evidence":
        slots, null = world.slots, world.config.null
        levels = np.zeros(8) if null else LEVEL_LOGITS
        classes = np.zeros(3) if null else STUDENT_CLASS_LOGITS
        return cls(
            logistic(slots.tutor_offset[:, None] + levels),
            logistic(slots.student_offset[:, None] + classes),
        )


def _progress(slots: Slots, numbers: NDArray[np.int64], now: int) -> Floats:
    lead = slots.start[numbers] - slots.created[numbers]
    until = np.minimum(slots.at[numbers], now)
    return rung((until - slots.created[numbers]) / lead)


class _TutorFilter:
    """Posterior of persona and level of one tutor, week by week."""

    def __init__(self, world: World, evidence: _Evidence, numbers: NDArray[np.int64]) -> None:
        self._slots = world.slots
        self._p = evidence.tutor_p
        self._numbers = numbers
        self._week = week_of(world.config, world.slots.start[numbers])
        self._start = world.config.start_ms
        self._base = 0
        self._prior = PERSONA_SHARES[:, None] * stationary_levels()
        """(persona, level) at the start of week `_base`."""
        self._step = transition_matrices()
        self._known = 0

    def chance(self, number: int, now: int) -> float:
        """That the tutor's clock rings for the slot, from all seen before `now`."""
        self._settle((now - self._start) // WEEK_MS - SETTLED_WEEKS, now)
        while self._known < len(self._numbers) and self._created(self._known) < now:
            self._known += 1
        seen = self._numbers[: self._known]
        weeks = self._week[: self._known]
        recent = weeks >= self._base
        target = int(self._week[np.searchsorted(self._numbers, number)])
        likelihood = self._likelihoods(seen[recent], weeks[recent], now, target)
        forward = self._prior
        for week in range(target - self._base):
            forward = np.einsum("pl,plm->pm", forward * likelihood[week], self._step)
        backward = np.ones_like(forward)
        for week in range(len(likelihood) - 1, target - self._base, -1):
            backward = np.einsum("plm,pm->pl", self._step, backward * likelihood[week])
        weight = (forward * backward).sum(axis=0) * likelihood[target - self._base]
        return float(weight @ self._p[number] / weight.sum())

    def _created(self, place: int) -> int:
        return int(self._slots.created[self._numbers[place]])

    def _likelihoods(
        self, numbers: NDArray[np.int64], weeks: NDArray[np.int64], now: int, target: int
    ) -> Floats:
        """(weeks from the base on, level)"""
        last = max(target, int(weeks.max(initial=target)))
        logs = np.zeros((last - self._base + 1, 8))
        np.add.at(logs, weeks - self._base, self._log_likelihood(numbers, now))
        return np.exp(logs)

    def _log_likelihood(self, numbers: NDArray[np.int64], now: int) -> Floats:
        p = self._p[numbers]
        slots = self._slots
        ended = slots.at[numbers] < now
        outcome, by = slots.outcome[numbers], slots.by[numbers]
        quiet = np.where(
            ended & (outcome >= Outcome.COMPLETED), 1.0, _progress(slots, numbers, now)
        )
        rang = ended & (by == By.TUTOR)
        logs: Floats = np.where(rang[:, None], np.log(p), np.log1p(-p * quiet[:, None]))
        return logs

    def _settle(self, week: int, now: int) -> None:
        """Moves the base to `week`; what happened before is in the prior."""
        while self._base < week:
            numbers = self._numbers[(self._week == self._base) & (self._starts_known(now))]
            likelihood = np.exp(self._log_likelihood(numbers, now).sum(axis=0))
            moved = np.einsum("pl,plm->pm", self._prior * likelihood, self._step)
            self._prior = moved / moved.sum()
            self._base += 1

    def _starts_known(self, now: int) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = self._slots.created[self._numbers] < now
        return known


class _Students:
    """Posterior of each student's class, which does not change."""

    def __init__(self, world: World, evidence: _Evidence) -> None:
        self._slots = world.slots
        self._config: SimulationConfig = world.config
        self._s = evidence.student_p
        order = np.argsort(world.slots.student, kind="stable")
        edges = np.searchsorted(world.slots.student[order], np.arange(world.config.students + 1))
        self._of = [order[a:b] for a, b in pairwise(edges)]

    def chances(self, number: int, now: int) -> tuple[float, float]:
        """(that the student leaves a ringing tutor the first move, that the student stays)."""
        mine = self._of[int(self._slots.student[number])]
        seen = mine[self._slots.created[mine] < now]
        logs = np.log(STUDENT_CLASS_SHARES) + self._log_likelihood(seen, now).sum(axis=0)
        weight = np.exp(logs - logs.max())
        weight /= weight.sum()
        s = self._s[number]
        return float(weight @ (1 - s / 2)), float(weight @ (1 - s))

    def _log_likelihood(self, numbers: NDArray[np.int64], now: int) -> Floats:
        s = self._s[numbers]
        slots = self._slots
        ended = (slots.at[numbers] < now)[:, None]
        outcome, by = slots.outcome[numbers][:, None], slots.by[numbers][:, None]
        missed = np.full(3, 0.03) if self._config.null else NO_SHOW_BY_CLASS
        held = np.log1p(-s) + np.where(
            outcome == Outcome.NO_SHOW, np.log(missed), np.log1p(-missed)
        )
        quiet = np.log1p(-s * _progress(slots, numbers, now)[:, None])
        logs: Floats = np.where(
            ended & (outcome >= Outcome.COMPLETED),
            held,
            np.where(ended & (by > By.TUTOR), np.log(s), quiet),
        )
        return logs
