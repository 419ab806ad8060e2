"""Named points between the effects of the write protocols, where a campaign ends the process."""

import os
import signal
from collections.abc import Callable

Reached = Callable[[str], None]
"""Is told the name of a point when the work comes to it."""

POINTS = {
    "score": ("outputs-sent", "outputs-durable", "rows-durable", "acknowledged"),
    "predict": ("looks-sent", "looks-durable", "rows-durable", "acknowledged"),
    "sink": ("committed", "acknowledged"),
}
"""By stage, in the order of the work."""


def pass_by(point: str) -> None:
    """What happens at a point outside of campaigns."""


def crash_at(setting: str | None) -> Reached:
    """`point:n` ends the process by SIGKILL when it comes to the point for the n-th time."""
    if setting is None:
        return pass_by
    awaited, _, count = setting.partition(":")
    left = int(count)

    def reached(point: str) -> None:
        nonlocal left
        left -= point == awaited
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached
