"""The feature vectors of upcoming slots.

Slots of one tutor that are looked at together share what is the tutor's: two thirds of the work.
"""

import math
from collections.abc import Iterable

from tutor_quality.features.instants import LN2, Fading
from tutor_quality.features.labels import Label
from tutor_quality.features.spec import FeatureSpec
from tutor_quality.features.state import DAY_MS, HOUR_MS, Slot, TutorState

TUTOR_SPREAD = 1.0
STUDENT_SPREAD = 1.5
"""Prior standard deviations of effects, in logit."""
NEWTON_STEPS = 6
NAN = math.nan


def features(state: TutorState, slot: Slot, as_of: int, spec: FeatureSpec) -> list[float]:
    """In spec order; stored as float32. The state must hold no fact later than `as_of`."""
    return vectors(state, (slot,), as_of, spec)[0]


def vectors(
    state: TutorState, slots: Iterable[Slot], as_of: int, spec: FeatureSpec
) -> list[list[float]]:
    """As by `features`, of several slots of one tutor at one instant."""
    base = math.log(spec.base_rate / (1 - spec.base_rate))
    started = state.starting(as_of)
    of_student: dict[str, list[Slot]] = {}
    for slot in started:
        of_student.setdefault(slot.student_id, []).append(slot)
    tutor, effect = _tutor(state, started, as_of, base)
    return [
        [
            *tutor,
            *_slot(state, slot, as_of),
            *_student(state, of_student.get(slot.student_id, []), slot, as_of, base + effect),
            *slot.context,
        ]
        for slot in slots
    ]


def posterior(trials: float, hits: float, base: float, spread: float) -> float:
    """Most likely logit effect on top of `base`, prior normal(0, spread); in [-12, 12]."""
    effect = 0.0
    precision = 1 / (spread * spread)
    for _ in range(NEWTON_STEPS):
        before = effect
        p = 1 / (1 + math.exp(-base - effect))
        slope = hits - trials * p - effect * precision
        effect += slope / (trials * p * (1 - p) + precision)
        if effect == before:
            # Every further step would give the same number.
            break
        if not -12.0 < effect < 12.0:
            effect = max(-12.0, min(12.0, effect))
    return effect


def _tutor(
    state: TutorState, started: list[Slot], as_of: int, base: float
) -> tuple[list[float], float]:
    """The tutor's features, and the longest-lived effect."""
    totals = [state.ended.count(as_of - days * DAY_MS, as_of) for days in (7, 30, 90)]
    moves = [state.moved.count(as_of - days * DAY_MS, as_of) for days in (7, 30, 90)]
    week, month, quarter = (_share(m, t) for m, t in zip(moves, totals, strict=True))
    faded = [_with_started(effect, started, as_of) for effect in state.effects]
    effects = [posterior(trials, hits, base, TUTOR_SPREAD) for trials, hits in faded]
    trials, hits = _early(state, started, as_of)
    booked = state.booked.count(as_of - 30 * DAY_MS, as_of)
    booked_bad = state.booked_bad.count(as_of - 30 * DAY_MS, as_of)
    return [
        week,
        month,
        quarter,
        *totals,
        _trend(week, month),
        *effects,
        faded[2][0],
        posterior(trials, hits, base, TUTOR_SPREAD),
        state.booked.count(as_of - DAY_MS, as_of),
        booked,
        _share(booked_bad, booked),
        state.open_starts.count(as_of, as_of + 400 * DAY_MS),
        state.overdue + _unresolved(started),
        _hours_since(state.moved.last(as_of), as_of),
    ], effects[2]


def _with_started(effect: Fading, started: list[Slot], as_of: int) -> tuple[float, float]:
    """(trials, hits) with the slots that have started since the last fact."""
    trials, hits = effect.seen_from(as_of)
    for slot in started:
        if slot.ending is not None and slot.ending.label is not Label.CENSORED:
            weight = 2.0 ** (min(0, slot.start - as_of) / effect.half_life)
            trials += weight
            hits += weight * (slot.ending.label is Label.BAD)
    return max(trials, 0.0), max(hits, 0.0)


def _early(state: TutorState, started: list[Slot], as_of: int) -> tuple[float, float]:
    """(trials, hits) now: open slots add trials until they start."""
    early = state.early
    trials, hits = early.flowed(as_of, max(state.running, 0.0))
    for slot in started:
        if slot.ending is None:
            fading = 1 - 2.0 ** (min(0, slot.start - as_of) / early.half_life)
            trials -= early.half_life / LN2 * fading / slot.lead
    return max(trials, 0.0), max(hits, 0.0)


def _unresolved(started: list[Slot]) -> int:
    return sum(slot.ending is None for slot in started)


def _slot(state: TutorState, slot: Slot, as_of: int) -> list[float]:
    day = slot.start // DAY_MS
    weekday = (day + 3) % 7
    monday = (day - weekday) * DAY_MS
    same = state.siblings[slot.start]
    left = max(slot.start - as_of, 0)
    return [
        slot.lead / HOUR_MS,
        left / HOUR_MS,
        min(max(1 - left / slot.lead, 0.0), 1.0),
        weekday,
        weekday >= 5,
        slot.start % DAY_MS / HOUR_MS,
        NAN if slot.minutes is None else slot.minutes,
        slot.earlier,
        same.open,
        same.held,
        same.bad,
        state.open_starts.count(day * DAY_MS - 1, (day + 1) * DAY_MS - 1),
        state.open_starts.count(monday - 1, monday + 7 * DAY_MS - 1),
        state.booked.count(slot.created - 1, slot.created),
    ]


def _student(
    state: TutorState, own: list[Slot], slot: Slot, as_of: int, base: float
) -> list[float]:
    """`own`: slots of the student that have started since the last fact."""
    student = state.students[slot.student_id]
    trials, hits = _with_started(student.effect, own, as_of)
    ended = student.ended
    margin = student.last_margin
    return [
        student.booked,
        posterior(trials, hits, base, STUDENT_SPREAD),
        _share(student.bad, ended),
        student.last_bad if ended else NAN,
        _share(student.moved_by_student, ended),
        student.open,
        student.overdue + _unresolved(own),
        NAN if margin is None else margin / HOUR_MS,
        _hours_since(student.last_at, as_of),
    ]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def _trend(week: float, month: float) -> float:
    """Relative change of the week's rate against the month's, within ±1; NaN without sessions."""
    if not month:
        return 0.0
    return max(-1.0, min(1.0, (week - month) / month)) if week == week else NAN


def _hours_since(then: int | None, as_of: int) -> float:
    """Beyond the longest window it is as good as never."""
    if then is None or as_of - then > 90 * DAY_MS:
        return NAN
    return max(as_of - then, 0) / HOUR_MS
