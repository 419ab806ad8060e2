"""One tutor's state in Python, for peers whose state is bytes by key: a header, then the outcomes
of the last 90 days in order, 8 bytes each. Cursors mark where each window begins.

Only what job W asks for: no corrections, no open slots, no evidence.
"""

from array import array
from bisect import bisect_right
from struct import Struct
from typing import Any

DAY = 86_400_000
WINDOWS = (7 * DAY, 30 * DAY, 90 * DAY)
KEEP = WINDOWS[-1]
NEVER = 2**63 - 1
HEADER = Struct("<qqqii3i3i")
"""applied offset, clock, next expiry, high, flips, then per window: begin, moved by the tutor."""
SCORE = Struct("<qq?6i")
"""offset, clock, high, totals, moved by the tutor"""
FLIP = Struct("<iq?")
"""number, instant, high"""


class Row:
    """An outcome is `occurred << 1 | moved by the tutor`."""

    __slots__ = ("applied", "clock", "due", "first", "flips", "high", "moved", "outcomes")

    def __init__(self, packed: bytes | None) -> None:
        self.outcomes = array("q")
        if packed is None:
            self.applied, self.clock, self.due, self.high, self.flips = -1, -1, NEVER, 0, 0
            self.first, self.moved = [0, 0, 0], [0, 0, 0]
            return
        self.applied, self.clock, self.due, self.high, self.flips, *rest = HEADER.unpack_from(
            packed
        )
        self.first, self.moved = rest[:3], rest[3:]
        self.outcomes.frombytes(packed[HEADER.size :])

    def pack(self) -> bytes:
        """Without the outcomes that have left the longest window."""
        gone = self.first[-1]
        header = HEADER.pack(
            self.applied,
            self.clock,
            self.due,
            self.high,
            self.flips,
            *[first - gone for first in self.first],
            *self.moved,
        )
        return header + self.outcomes[gone:].tobytes()

    def score(self) -> bytes:
        totals = [len(self.outcomes) - first for first in self.first]
        return SCORE.pack(self.applied, self.clock, bool(self.high), *totals, *self.moved)

    def advance(self, instant: int, flips: list[bytes]) -> None:
        """Pass every expiry up to `instant`, each at its own time."""
        while self.due <= instant:
            self.clock = self.due
            self._expire()
            self._judge(flips)
        self.clock = max(self.clock, instant)

    def _expire(self) -> None:
        outcomes, due = self.outcomes, NEVER
        for window in (0, 1, 2):
            place, edge = self.first[window], self.clock - WINDOWS[window]
            while place < len(outcomes) and outcomes[place] >> 1 <= edge:
                self.moved[window] -= outcomes[place] & 1
                place += 1
            self.first[window] = place
            if place < len(outcomes):
                due = min(due, (outcomes[place] >> 1) + WINDOWS[window])
        self.due = due

    def add(self, occurred: int, moved: bool, flips: list[bytes]) -> None:
        if occurred <= self.clock - KEEP:
            return
        outcome = occurred << 1 | moved
        outcomes = self.outcomes
        if not outcomes or outcome >= outcomes[-1]:
            outcomes.append(outcome)
        else:
            outcomes.insert(bisect_right(outcomes, outcome), outcome)
        for window in (0, 1, 2):
            leaves = occurred + WINDOWS[window]
            if leaves <= self.clock:
                self.first[window] += 1
            else:
                self.moved[window] += moved
                self.due = min(self.due, leaves)
        self._judge(flips)

    def _judge(self, flips: list[bytes]) -> None:
        size, first, moved = len(self.outcomes), self.first, self.moved
        high = (
            moved[0] * 100 > 15 * (size - first[0])
            or moved[1] * 100 > 15 * (size - first[1])
            or moved[2] * 100 > 15 * (size - first[2])
        )
        if high != self.high:
            self.high = high
            self.flips += 1
            flips.append(FLIP.pack(self.flips, self.clock, high))


def fold(
    packed: bytes | None, event: dict[str, Any], offset: int, timestamp: int
) -> tuple[bytes, bytes, list[bytes]] | None:
    """(row, score, flips) after one record; None if the row has applied it before."""
    row = Row(packed)
    if offset <= row.applied:
        return None
    row.applied = offset
    flips: list[bytes] = []
    row.advance(timestamp, flips)
    if event["event_type"] != "scheduled":
        row.add(event["occurred_at"], event["initiator"] == "tutor", flips)
    return row.pack(), row.score(), flips
