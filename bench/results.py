"""Results as JSON: each measurement with the commit, the machine and the time it is of."""

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.processes import now

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "benchmarks"
Results = dict[str, Any]


def today() -> Path:
    return FOLDER / f"{_date():%Y-%m-%d}.json"


def newest() -> Path:
    return max(FOLDER.glob("*.json"))


def load(path: Path) -> Results:
    """Empty when there is no file yet."""
    results: Results = json.loads(path.read_text()) if path.exists() else {}
    return results


def keep(path: Path, section: str, figures: Mapping[str, Any]) -> None:
    """Merge into the file: what was measured anew replaces what was there, the rest stays."""
    results = load(path)
    made = {name: {**value, "made": made_by()} for name, value in figures.items()}
    results[section] = {**results.get(section, {}), **made}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def made_by() -> dict[str, Any]:
    return {
        "at": f"{_date():%Y-%m-%d %H:%M} UTC",
        "commit": _said(["git", "describe", "--always", "--dirty", "--exclude=*"]),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": [round(load, 1) for load in psutil.getloadavg()],
    }


def _date() -> datetime:
    return datetime.fromtimestamp(now(), UTC)


def _processor() -> str:
    """As Linux names it; elsewhere what Python knows."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _said(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
