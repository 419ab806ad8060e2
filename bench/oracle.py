"""What job W must answer, by counting everything anew at every instant; shares no code with any
system. A system whose answers differ has no speed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.events import DAY, Events, Flags, Longs

WINDOWS = (7 * DAY, 30 * DAY, 90 * DAY)
THRESHOLD_PERCENT = 15
MOST_EVENTS = 5_000
"""Of one tutor, to count at every instant: that takes time and memory by the square."""

Flip = tuple[int, bool]
"""The instant, and whether the tutor is at high risk from then on."""


@dataclass(frozen=True)
class Score:
    """The last that a system said of a tutor."""

    version: int
    as_of: int
    is_high: bool
    counts: tuple[int, ...]
    """Totals of the three windows, then those moved by the tutor."""


class Truth:
    """The answers to one set of events."""

    def __init__(self, events: Events, tutors: int) -> None:
        self._events = events
        self._tutors = tutors
        self._horizon = int(events.arrived[-1])

    @cached_property
    def last_arrivals(self) -> Longs:
        """By tutor; -1 of one without events."""
        last = np.full(self._tutors, -1)
        np.maximum.at(last, self._events.tutor, self._events.arrived)
        return last

    def counts_at(self, as_of: Longs) -> Longs:
        """(tutors, 6), each tutor's at an instant of its own."""
        events = self._events
        age = as_of[events.tutor] - events.occurred
        counts = []
        for wanted in (events.is_outcome, events.is_moved):
            for window in WINDOWS:
                inside = wanted & (age >= 0) & (age < window)
                counts.append(np.bincount(events.tutor[inside], minlength=self._tutors))
        return np.stack(counts, axis=1)

    @cached_property
    def flips(self) -> Mapping[int, Sequence[Flip]]:
        """By tutor, up to the last event of all; without tutors that have too many events."""
        return {tutor: self._flips(rows) for tutor, rows in self._by_tutor()}

    def _by_tutor(self) -> Iterator[tuple[int, Longs]]:
        outcomes = np.flatnonzero(self._events.is_outcome)
        order = outcomes[np.argsort(self._events.tutor[outcomes], kind="stable")]
        borders = np.flatnonzero(np.diff(self._events.tutor[order])) + 1
        for rows in np.split(order, borders):
            if len(rows) <= MOST_EVENTS:
                yield int(self._events.tutor[rows[0]]), rows

    def _flips(self, rows: Longs) -> list[Flip]:
        events = self._events
        occurred, arrived = events.occurred[rows], events.arrived[rows]
        instants, known = _judgements(occurred, arrived, self._horizon)
        high = is_high_at(instants, known, occurred, events.is_moved[rows])
        changed = np.flatnonzero(np.diff(high, prepend=False))
        return [(int(instants[place]), bool(high[place])) for place in changed]


def _judgements(occurred: Longs, arrived: Longs, horizon: int) -> tuple[Longs, Longs]:
    """(instants, how many outcomes had arrived), in order: whenever one arrives or leaves."""
    leaves = np.concatenate([occurred + window for window in WINDOWS])
    leaves = leaves[leaves <= horizon]
    instants = np.concatenate([arrived, leaves])
    arrivals = np.arange(1, len(arrived) + 1)
    # What leaves at the very instant of an arrival has left when it comes.
    known = np.concatenate([arrivals, np.searchsorted(arrived, leaves, side="left")])
    order = np.lexsort((known, instants))
    return instants[order], known[order]


def is_high_at(instants: Longs, known: Longs, occurred: Longs, moved: Flags) -> Flags:
    """Whether any window's rate is above the threshold, of the first `known` outcomes."""
    age = instants[:, None] - occurred
    arrived = np.arange(len(occurred)) < known[:, None]
    high = np.zeros(len(instants), np.bool_)
    for window in WINDOWS:
        inside = arrived & (age >= 0) & (age < window)
        total, by_tutor = inside.sum(axis=1), (inside & moved).sum(axis=1)
        high |= by_tutor * 100 > THRESHOLD_PERCENT * total
    return high


def differences(
    truth: Truth, scores: Mapping[int, Score], flips: Mapping[int, Sequence[Flip]]
) -> list[str]:
    """What is wrong, one sentence each; nothing when all is right.

    A system may have let time pass beyond a tutor's last event: it is held to its own `as_of`.
    """
    seen = np.flatnonzero(truth.last_arrivals >= 0).tolist()
    wrong = [f"tutor {tutor} has no score" for tutor in seen if tutor not in scores]
    as_of = truth.last_arrivals.copy()
    for tutor, score in scores.items():
        if score.as_of < as_of[tutor]:
            wrong.append(f"tutor {tutor} stands at {score.as_of}, before the last event")
        as_of[tutor] = max(as_of[tutor], score.as_of)
    right = truth.counts_at(as_of)
    for tutor, score in scores.items():
        expected = right[tutor].tolist()
        if list(score.counts) != expected:
            wrong.append(f"tutor {tutor} has counts {score.counts}, not {expected}")
        if tutor in truth.flips:
            due = [flip for flip in truth.flips[tutor] if flip[0] <= as_of[tutor]]
            wrong += _wrong_flips(tutor, due, flips.get(tutor, ()), score)
    return wrong


def _wrong_flips(
    tutor: int, expected: Sequence[Flip], found: Sequence[Flip], score: Score
) -> list[str]:
    wrong = []
    if list(found) != list(expected):
        wrong.append(f"tutor {tutor} has flips {found}, not {expected}")
    if score.is_high != (bool(expected) and expected[-1][1]):
        wrong.append(f"tutor {tutor} has is_high {score.is_high}")
    return wrong
