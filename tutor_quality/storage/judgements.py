"""Predictions joined with what became of their slots, for the API and for recalibration.

Each is one statement over the tables as they are: after any crash, replay or correction the next
answer is right. A prediction is judged once its slot's start has passed, whichever way and
whenever it ended: bad endings are known earlier than good ones.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tutor_quality.model_health.live import OVERALL
from tutor_quality.model_health.metrics import ECE_BINS, LEAD_BANDS
from tutor_quality.storage.queries import Connection, Row

PARTS = 60
"""Of equal mass, fine enough to fit a calibration line to their means."""
MOST_OUTCOMES = 50_000
MOST_VECTORS = 5_000


@dataclass(frozen=True, slots=True)
class Judging:
    """Which predictions, and by which rule. Endings are `kind:initiator`, no one = `kind:`."""

    version: str
    since: datetime
    until: datetime
    """Of slots' starts: (since, until]."""
    bad: list[str]
    censored: list[str]

    @classmethod
    def by_rule(
        cls, version: str, since: datetime, until: datetime, label: dict[str, Any]
    ) -> "Judging":
        """`label` as in a model's manifest."""
        bad, censored = (
            [f"{kind}:{by or ''}" for kind, by in label[name]] for name in ("bad", "censored")
        )
        return cls(version, since, until, bad, censored)

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.version, self.since, self.until, self.bad, self.censored


# Lead bands end with their upper edge, as those of the model card.
_BAND = " + ".join(f"(p.lead_hours > {hours:g})::int" for _, hours in LEAD_BANDS[:-1])
_JUDGED = f"""
WITH judged AS (
    SELECT p.event_id, p.features_id, p.session_id, p.scheduled_start, p.tutor_id, p.as_of,
        p.probability, p.raw_score, p.source, p.shadow,
        {_BAND} AS band,
        CASE
            WHEN s.outcome_at IS NULL THEN 'unresolved'
            WHEN s.status || ':' || coalesce(s.initiator, '') = ANY ($4) THEN 'bad'
            WHEN s.status || ':' || coalesce(s.initiator, '') = ANY ($5)
                THEN 'censored by ' || coalesce(s.initiator, 'somebody')
            ELSE 'good'
        END AS fate
    FROM served_predictions p
    LEFT JOIN sessions s USING (session_id, scheduled_start)
    WHERE p.model_version = $1 AND p.scheduled_start > $2 AND p.scheduled_start <= $3
)
"""


async def fates(connection: Connection, judging: Judging) -> list[Row]:
    """(source, band, fate, count) of all predictions whose slot has begun."""
    rows: list[Row] = await connection.fetch(
        _JUDGED + "SELECT source, band, fate, count(*) AS count FROM judged"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        *judging.arguments,
    )
    return rows


async def parts(connection: Connection, judging: Judging) -> list[Row]:
    """Sums over parts of bins of equal mass, rising in probability, by source and band."""
    rows: list[Row] = await connection.fetch(
        _JUDGED
        + f""", placed AS (
            SELECT source, scope, (fate = 'bad')::int AS y,
                least(greatest(probability, 1e-9), 1 - 1e-9) AS p,
                ntile({ECE_BINS}) OVER rising AS bin, ntile({PARTS}) OVER rising AS part
            FROM judged CROSS JOIN LATERAL (VALUES (band), ({OVERALL})) AS scopes (scope)
            WHERE fate IN ('bad', 'good')
            WINDOW rising AS (PARTITION BY source, scope ORDER BY probability, event_id)
        )
        SELECT source, scope, bin, part, count(*) AS n, sum(y) AS bad, sum(p) AS predicted,
            sum(ln(p / (1 - p))) AS logit, sum((p - y) * (p - y)) AS brier,
            -sum(CASE y WHEN 1 THEN ln(p) ELSE ln(1 - p) END) AS log_loss
        FROM placed GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
        *judging.arguments,
    )
    return rows


async def outcomes(connection: Connection, judging: Judging) -> list[Row]:
    """(probability, raw_score, bad, tutor_id, scheduled_start) of the model's first prediction of
    each slot, in the order of the slots' starts; the latest ones if there are too many."""
    rows: list[Row] = await connection.fetch(
        _JUDGED
        + f""", firsts AS (
            SELECT DISTINCT ON (session_id, scheduled_start) *
            FROM judged WHERE source = 'model'
            ORDER BY session_id, scheduled_start, as_of, event_id
        ), latest AS (
            SELECT probability, raw_score, fate = 'bad' AS bad, tutor_id, scheduled_start, event_id
            FROM firsts WHERE fate IN ('bad', 'good')
            ORDER BY scheduled_start DESC, event_id DESC LIMIT {MOST_OUTCOMES}
        )
        SELECT * FROM latest ORDER BY scheduled_start, event_id""",
        *judging.arguments,
    )
    return rows


async def vectors(connection: Connection, judging: Judging) -> list[Row]:
    """(band, vector) of the newest predictions."""
    rows: list[Row] = await connection.fetch(
        _JUDGED + "SELECT j.band, f.vector FROM judged j"
        " JOIN session_features f ON f.event_id = j.features_id"
        f" ORDER BY j.as_of DESC, j.event_id LIMIT {MOST_VECTORS}",
        *judging.arguments,
    )
    return rows


async def shown_sources(connection: Connection, since: datetime, until: datetime) -> list[Row]:
    """(source, count) of the predictions that were shown, made in (since, until]."""
    rows: list[Row] = await connection.fetch(
        "SELECT source, count(*) AS count FROM served_predictions"
        " WHERE NOT shadow AND as_of > $1 AND as_of <= $2 GROUP BY 1 ORDER BY 1",
        since,
        until,
    )
    return rows


async def statuses(connection: Connection) -> list[Row]:
    """What each worker says of its model."""
    rows: list[Row] = await connection.fetch(
        "SELECT partition, champion, challenger, wanted, degraded, why, said_at"
        " FROM model_status WHERE model = 'reschedule' ORDER BY partition"
    )
    return rows
