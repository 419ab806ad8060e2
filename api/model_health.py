"""How the models in service do, from the tables as they are and the registry's cards.

Counting joins every recent prediction with its slot, so an answer is kept for half a minute, and
the same answers fill the gauges of `/metrics`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from api.database import Connection, Database
from api.metrics import Metrics
from api.times import instant
from tutor_quality.clock import Clock
from tutor_quality.errors import InvalidInput, NotFound, TransientFailure
from tutor_quality.model_health import live, standing
from tutor_quality.model_health.drift import drift
from tutor_quality.storage import judgements, queries
from tutor_quality.storage.judgements import Judging
from tutor_quality.storage.queries import Row

log = logging.getLogger(__name__)

WINDOW = timedelta(days=28)
KEPT_MS = 30_000
REFRESH_SECONDS = 60.0
CHANGES_SHOWN = 20
MODEL = "model"
RULES = "rules-v1"
"""Version of the fallback ladder: it has no card."""
TUTOR_MOVED = {
    "bad": [["rescheduled", "tutor"], ["cancelled", "tutor"]],
    "censored": [
        [kind, by] for kind in ("rescheduled", "cancelled") for by in ("student", "system", None)
    ],
}
CARD = (
    "source", "seed", "events", "rows", "tutors", "bad_share", "first_start", "last_start",
    "rows_left_out", "strongest_features", "suspicions",
)  # fmt: skip
JUDGED = ("n", "bad", "auc", "pr_auc", "brier", "log_loss", "ece", "slope", "o_e")
Answer = dict[str, Any]


class ModelHealth:
    """Answers of one registry. Raises NotFound and TransientFailure."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics, registry: Path) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._registry = registry
        self._kept: dict[str, tuple[int, Answer]] = {}
        self._counting = asyncio.Lock()

    async def run(self) -> None:
        """Keeps the gauges until it is cancelled."""
        while True:
            try:
                await self.refresh()
            except (TransientFailure, NotFound) as error:
                log.warning("The models' metrics wait: %s", error)
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        overview = await self.overview()
        serving = [overview[role] for role in ("champion", "challenger") if overview[role]]
        details = [await self.of(version) for version in serving]
        self._metrics.show_models(overview, details)

    async def overview(self) -> Answer:
        """All versions, who serves, and which source answered how often."""
        return await self._recent("", self._overview)

    async def of(self, version: str) -> Answer:
        """Card and live metrics of one version; raises NotFound for an unknown one."""
        return await self._recent(version, lambda: self._of(version))

    def card_file(self, version: str) -> Path:
        """The card for people; raises NotFound."""
        path = standing.folder_of(self._registry, version) / "card.md"
        if not path.is_file():
            raise NotFound(f"model {version!r} has no card")
        return path

    async def _recent(self, name: str, make: Callable[[], Awaitable[Answer]]) -> Answer:
        async with self._counting:
            made_at, answer = self._kept.get(name, (-KEPT_MS, {}))
            now = self._clock.now_ms()
            if now - made_at >= KEPT_MS:
                answer = await self._made(make)
                self._kept[name] = now, answer
            return answer

    async def _made(self, make: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await make()
        except InvalidInput as error:
            # Nothing is wrong with the request: an operator must mend the registry.
            raise TransientFailure(str(error)) from error

    async def _overview(self) -> Answer:
        known = await asyncio.to_thread(self._standing)
        async with self._database.reading() as connection:
            version = await queries.data_version(connection)
            since, until = self._window(version.as_of)
            sources = await judgements.shown_sources(connection, since, until)
            workers = await judgements.statuses(connection)
        shown = {row["source"]: row["count"] for row in sources}
        total = sum(shown.values())
        return {
            **known,
            "sources": shown,
            "fallback_share": 1 - shown.get(MODEL, 0) / total if total else None,
            "workers": [dict(row) for row in workers],
            "since": since,
            "as_of": version.as_of,
        }

    def _standing(self) -> Answer:
        found = standing.standing(self._registry)
        return {
            "champion": found.champion,
            "challenger": found.challenger,
            "models": [
                {"version": version, "role": found.role_of(version), **self._summary(version)}
                for version in standing.versions(self._registry)
            ],
            "changes": [
                {**asdict(change), "at": instant(change.at)}
                for change in found.changes[: -CHANGES_SHOWN - 1 : -1]
            ],
        }

    def _summary(self, version: str) -> Answer:
        try:
            about = self._manifest(version).get("about", {})
        except InvalidInput as error:
            about = {"source": str(error)}
        test = about.get("test", {})
        judged = {name: test.get(name) for name in JUDGED}
        return {"source": about.get("source"), "rows": about.get("rows"), "test": judged}

    def _manifest(self, version: str) -> Answer:
        return standing.manifest_of(standing.folder_of(self._registry, version))

    async def _of(self, version: str) -> Answer:
        manifest: Answer = {}
        if version != RULES:
            manifest = await asyncio.to_thread(self._manifest, version)
        about = manifest.get("about", {})
        label = manifest.get("spec", {}).get("label", TUTOR_MOVED)
        async with self._database.reading() as connection:
            as_of = (await queries.data_version(connection)).as_of
            judging = Judging.by_rule(version, *self._window(as_of), label)
            counted = await self._live(connection, judging, about.get("profiles", {}))
        found = await asyncio.to_thread(standing.standing, self._registry)
        return {
            "version": version,
            "role": found.role_of(version),
            "card": _card(about, label) if about else None,
            **counted,
            "since": judging.since,
            "as_of": as_of,
        }

    async def _live(self, connection: Connection, judging: Judging, profiles: Answer) -> Answer:
        fates = await judgements.fates(connection, judging)
        parts = await judgements.parts(connection, judging)
        outcomes = await judgements.outcomes(connection, judging)
        vectors = await judgements.vectors(connection, judging)
        return {
            "live": live.by_source(fates, parts),
            "drift": await asyncio.to_thread(_drift, outcomes),
            "shifts": await asyncio.to_thread(live.shifts, vectors, profiles),
        }

    def _window(self, as_of: datetime | None) -> tuple[datetime, datetime]:
        until = as_of or instant(self._clock.now_ms())
        return until - WINDOW, until


def _drift(outcomes: Sequence[Row]) -> Answer:
    p = np.array([row["probability"] for row in outcomes], dtype=np.float64)
    y = np.array([row["bad"] for row in outcomes], dtype=np.int8)
    tutor = np.array([row["tutor_id"].int >> 65 for row in outcomes], dtype=np.int64)
    found = asdict(drift(p, y, tutor))
    since = found.pop("since")
    return {**found, "since": None if since is None else outcomes[since]["scheduled_start"]}


def _card(about: Answer, label: Answer) -> Answer:
    test = about["test"]
    return {
        **{name: about.get(name) for name in CARD},
        "first_start": instant(about["first_start"]),
        "last_start": instant(about["last_start"]),
        "label": label,
        "test": {
            **{name: test.get(name) for name in JUDGED},
            "base_rate_log_loss": test["base_rate_log_loss"],
            "intervals_90": test["intervals_90"],
            "reliability": test["reliability"],
            "precision_recall": test.get("precision_recall", []),
            "by_lead_band": {
                band: {name: found.get(name) for name in JUDGED}
                for band, found in test["by_lead_band"].items()
            },
        },
    }
