"""The dials of a simulated platform."""

from dataclasses import dataclass

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationConfig:
    """Shares are fractions in [0, 1] of all facts, unless said otherwise."""

    start_ms: int
    """The platform opens: no lesson is booked before."""
    end_ms: int
    """Where history ends and, with `live_days`, the future begins."""
    live_days: int = 0
    """The world goes on for so long after `end_ms`, for a feeder that waits for each instant."""
    tutors: int = 400
    events: int = 400_000
    """About so many records in [start_ms, end_ms)."""
    late_share: float = 0.02
    """Facts that are recorded hours after they happened."""
    duplicate_share: float = 0.01
    """Facts that are recorded twice."""
    out_of_order_share: float = 0.01
    """Bookings that are recorded only after the slot's outcome."""
    correction_share: float = 0.005
    """Slots whose first recorded outcome is wrong and put right hours later."""
    missing_creation_share: float = 0.002
    """Bookings that are never recorded."""
    null: bool = False
    """True: outcomes depend on nothing, so no model can beat an AUC of 0.5."""

    @property
    def until_ms(self) -> int:
        return self.end_ms + self.live_days * DAY_MS

    @property
    def students(self) -> int:
        return 8 * self.tutors
