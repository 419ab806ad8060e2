"""Two small memories of a past: instants to count exactly, and sums that fade."""

import math
from bisect import bisect_right, insort

LN2 = math.log(2)


class Instants:
    """Instants in ascending order, some of them several times."""

    __slots__ = ("times",)

    def __init__(self, times: list[int] | None = None) -> None:
        self.times: list[int] = times or []

    def add(self, at: int) -> None:
        if not self.times or at >= self.times[-1]:
            self.times.append(at)
        else:
            insort(self.times, at)

    def remove(self, at: int) -> None:
        """One that was forgotten is gone already."""
        place = bisect_right(self.times, at) - 1
        if place >= 0 and self.times[place] == at:
            del self.times[place]

    def count(self, after: int, until: int) -> int:
        """How many lie in (after, until]."""
        return bisect_right(self.times, until) - bisect_right(self.times, after)

    def last(self, until: int) -> int | None:
        found = bisect_right(self.times, until)
        return self.times[found - 1] if found else None

    def forget(self, until: int) -> None:
        del self.times[: bisect_right(self.times, until)]


class Fading:
    """Trials and hits whose weight halves every `half_life` ms."""

    __slots__ = ("at", "half_life", "hits", "trials")

    def __init__(self, half_life: int, trials: float = 0.0, hits: float = 0.0, at: int = 0) -> None:
        self.half_life = half_life
        self.trials = trials
        self.hits = hits
        self.at = at

    def add(self, at: int, trials: float, hits: float) -> None:
        """An older instant than the newest one counts with what is left of its weight."""
        if at > self.at:
            keep = 2.0 ** ((self.at - at) / self.half_life)
            self.trials = self.trials * keep + trials
            self.hits = self.hits * keep + hits
            self.at = at
        else:
            weight = 2.0 ** ((at - self.at) / self.half_life)
            self.trials += weight * trials
            self.hits += weight * hits

    def flow(self, at: int, rate: float) -> None:
        """Trials that came evenly, `rate` per ms, from the newest instant to `at`."""
        self.trials, self.hits = self.flowed(at, rate)
        self.at = max(self.at, at)

    def flowed(self, at: int, rate: float) -> tuple[float, float]:
        """(trials, hits) at `at` if trials go on coming at `rate` per ms."""
        keep = 2.0 ** (min(0, self.at - at) / self.half_life)
        grown = rate * self.half_life / LN2 * (1 - keep)
        return self.trials * keep + grown, self.hits * keep

    def seen_from(self, at: int) -> tuple[float, float]:
        """(trials, hits) at `at`, which is not before the newest instant."""
        keep = 2.0 ** (min(0, self.at - at) / self.half_life)
        return self.trials * keep, self.hits * keep
