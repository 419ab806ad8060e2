"""How a stage starts."""

import subprocess
import sys

HEAVY = ("sqlalchemy", "xgboost", "sklearn")


def test_a_stage_imports_nothing_heavy_that_only_another_stage_needs() -> None:
    """Imports are on the way back of every worker that was killed."""
    look = f"import sys, streams.wiring; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
