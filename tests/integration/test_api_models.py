"""Live metrics of models from a real Postgres, against a naive count over the same predictions."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from models.evaluation import metrics
from tests.support.api import AS_OF, Api, insert, progress, running_api
from tutor_quality.local.postgres import Postgres
from tutor_quality.model_health.shift import CALENDAR
from tutor_quality.model_health.standing import SHIPPED, STANDING, manifest_of, version_of
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration
SHIPPED_VERSION = version_of(SHIPPED)
TUTORS = [uuid4() for _ in range(20)]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def running(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    postgres_server.create_database("api_models")
    url = postgres_server.url("api_models")
    await asyncio.to_thread(migrate.upgrade, url)
    registry = tmp_path_factory.mktemp("registry")
    async with running_api(url, model_dir=registry) as running:
        running.http.headers.update(await running.key("read"))
        yield running
    postgres_server.drop_database("api_models")


@pytest.fixture
async def api(running: Api) -> Api:
    """With empty tables."""
    await running.database.execute(
        "TRUNCATE served_predictions, session_features, sessions, pipeline_progress, model_status"
    )
    await progress(running.database, applied_until=AS_OF)
    return running


@dataclass(frozen=True)
class Said:
    """One prediction and what became of its slot; `outcome` None = nothing yet."""

    probability: float
    outcome: str | None
    initiator: str | None = None
    lead_hours: float = 24.0
    source: str = "model"
    start: datetime = AS_OF - DAY
    shadow: bool = False
    tutor: UUID = TUTORS[0]


async def store(api: Api, said: Sequence[Said], version: str = SHIPPED_VERSION) -> None:
    for one in said:
        session, features = uuid4(), uuid4()
        slot = {"session_id": session, "scheduled_start": one.start, "tutor_id": one.tutor}
        look = {**slot, "as_of": one.start - one.lead_hours * timedelta(hours=1), "reason": "mark"}
        ended = (
            {} if one.outcome is None else {"outcome_at": one.start, "outcome_event_id": uuid4()}
        )
        await insert(
            api.database,
            "sessions",
            **{
                **slot,
                "student_id": "s",
                "status": one.outcome or "scheduled",
                "initiator": one.initiator,
                **ended,
            },
        )
        vector = np.full(41, 0.5, "<f4").tobytes()
        await insert(
            api.database,
            "session_features",
            **{
                **look,
                "event_id": features,
                "generation": 1,
                "log_offset": 1,
                "fingerprint": "f",
                "vector": vector,
            },
        )
        await insert(
            api.database,
            "served_predictions",
            **{
                **look,
                "event_id": uuid4(),
                "features_id": features,
                "lead_hours": one.lead_hours,
                "probability": one.probability,
                "raw_score": float(np.log(one.probability / (1 - one.probability))),
                "risk_level": "low",
                "source": one.source,
                "model_version": version,
                "shadow": one.shadow,
            },
        )


def drawn(n: int, seed: int = 1, shift: float = 0.0) -> list[Said]:
    rng = np.random.default_rng(seed)
    z = rng.normal(-1.5, 1.0, n)
    bad = rng.random(n) < 1 / (1 + np.exp(-z - shift))
    return [
        Said(
            float(1 / (1 + np.exp(-z[i]))),
            "cancelled" if bad[i] else "completed",
            "tutor" if bad[i] else None,
            lead_hours=float(rng.choice([2.0, 6.0, 72.0, 800.0])),
            start=AS_OF - DAY * 20 * (1 - i / n),
            tutor=TUTORS[i % len(TUTORS)],
        )
        for i in range(n)
    ]


async def detail(api: Api, version: str = SHIPPED_VERSION) -> Any:
    """Counted anew: what was kept while rows came is too old."""
    api.clock.advance(31_000)
    found = await api.http.get(f"/api/models/{version}")
    assert found.status_code == 200, found.text
    return found.json()


def as_arrays(said: Sequence[Said]) -> tuple[np.ndarray, np.ndarray]:
    y = np.array([one.outcome == "cancelled" for one in said], dtype=np.int8)
    return y, np.array([one.probability for one in said])


async def test_live_metrics_equal_a_naive_count_over_all_and_by_lead_band(api: Api) -> None:
    said = drawn(900)
    await store(api, said)
    found = (await detail(api))["live"]["model"]
    bands = {2.0: "up to 6 h", 6.0: "up to 6 h", 72.0: "1 to 3 days", 800.0: "over 30 days"}
    assert set(found["bands"]) == set(bands.values())
    by_band = {
        name: [one for one in said if bands[one.lead_hours] == name] for name in bands.values()
    }
    pairs = [(found["overall"], said), *((found["bands"][n], of) for n, of in by_band.items())]
    for figures, predictions in pairs:
        naive = metrics(*as_arrays(predictions))
        for name in ("n", "bad", "brier", "log_loss", "ece", "o_e"):
            assert figures[name] == pytest.approx(naive[name], rel=1e-9)
        # Equal bins of equal bins may cut at another place by a few predictions.
        assert figures["slope"] == pytest.approx(naive["slope"], abs=0.05)
        assert figures["o_e_low"] < figures["o_e"] < figures["o_e_high"]


async def test_only_what_has_begun_is_judged_and_the_rest_is_counted_by_fate(api: Api) -> None:
    await store(
        api,
        [
            Said(0.2, "completed"),
            Said(0.2, "rescheduled", "tutor"),
            Said(0.2, "rescheduled", "student"),
            Said(0.2, "cancelled", "system"),
            Said(0.2, "no_show"),
            Said(0.2, None),
            Said(0.9, "cancelled", "tutor", start=AS_OF + DAY),
            Said(0.9, "completed", start=AS_OF - 40 * DAY),
        ],
    )
    found = (await detail(api))["live"]["model"]
    assert found["fates"] == {
        "good": 2,
        "bad": 1,
        "censored by student": 1,
        "censored by system": 1,
        "unresolved": 1,
    }
    assert (found["overall"]["n"], found["overall"]["bad"]) == (3, 1)
    assert found["overall"]["slope"] is None


async def test_a_correction_changes_the_judgement(api: Api) -> None:
    await store(api, [Said(0.2, "completed")])
    assert (await detail(api))["live"]["model"]["overall"]["bad"] == 0
    await api.database.execute("UPDATE sessions SET status = 'cancelled', initiator = 'tutor'")
    assert (await detail(api))["live"]["model"]["overall"]["bad"] == 1


async def test_drift_raises_an_alarm_that_says_in_which_direction(api: Api) -> None:
    await store(api, drawn(1_500, shift=0.8))
    found = (await detail(api))["drift"]
    assert (found["state"], found["direction"]) == ("drifting", "too low")
    assert found["since"] < (AS_OF - 10 * DAY).isoformat()


async def test_a_model_that_is_right_is_stable(api: Api) -> None:
    await store(api, drawn(600))
    found = await detail(api)
    assert found["drift"]["state"] == "stable"


async def test_vectors_unlike_the_training_set_show_as_shifts(api: Api) -> None:
    await store(api, [Said(0.2, "completed", lead_hours=30.0) for _ in range(250)])
    shifts = (await detail(api))["shifts"]
    assert shifts["elapsed_share_of_lead"] > 0.25
    assert set(shifts) == set(manifest_of(SHIPPED)["about"]["profiles"]["1 to 3 days"]) - CALENDAR


async def test_without_predictions_there_is_a_card_and_nothing_live(api: Api) -> None:
    found = await detail(api)
    assert found["role"] == "champion"
    assert found["live"] == {} and found["shifts"] == {}
    assert found["drift"]["state"] == "too few"
    assert found["card"]["test"]["auc"] == manifest_of(SHIPPED)["about"]["test"]["auc"]


async def test_the_fallbacks_are_judged_too(api: Api) -> None:
    said = [
        Said(0.2, "completed", source="posterior"),
        Said(0.3, "completed", source="global_rate"),
    ]
    await store(api, said, version="rules-v1")
    found = await detail(api, "rules-v1")
    assert found["card"] is None
    assert set(found["live"]) == {"posterior", "global_rate"}


async def test_the_list_says_who_serves_and_how_often_a_fallback_answered(api: Api) -> None:
    await store(api, [Said(0.2, "completed")] * 3)
    await store(api, [Said(0.2, "completed", source="posterior")], version="rules-v1")
    await store(api, [Said(0.2, "completed", shadow=True)] * 5, version="challenger")
    api.clock.advance(31_000)
    found = (await api.http.get("/api/models")).json()
    assert (found["champion"], found["challenger"]) == (SHIPPED_VERSION, None)
    assert found["sources"] == {"model": 3, "posterior": 1}
    assert found["fallback_share"] == 0.25
    assert [item["version"] for item in found["models"]] == [SHIPPED_VERSION]


async def test_the_gauges_show_what_the_pages_show(api: Api) -> None:
    await store(api, drawn(200))
    brier = (await detail(api))["live"]["model"]["overall"]["brier"]
    await api.app.state.services.model_health.refresh()
    text = (await api.http.get("/metrics")).text
    labels = f'lead_band="all",source="model",version="{SHIPPED_VERSION}"'
    assert f"tq_model_brier{{{labels}}} {brier}" in text
    assert f'tq_model_drifting{{version="{SHIPPED_VERSION}"}} 0.0' in text


async def test_a_card_for_people_is_markdown(api: Api) -> None:
    found = await api.http.get(f"/api/models/{SHIPPED_VERSION}/card")
    assert found.headers["content-type"].startswith("text/markdown")
    assert SHIPPED_VERSION in found.text


@pytest.mark.parametrize("path", ["/api/models/0123456789ab", "/api/models/0123456789ab/card"])
async def test_an_unknown_version_is_not_found(api: Api, path: str) -> None:
    assert (await api.http.get(path)).status_code == 404


async def test_a_damaged_registry_is_no_fault_of_the_caller(api: Api) -> None:
    registry = Path(api.app.state.services.model_health._registry)
    (registry / STANDING).write_text(json.dumps([{"champion": 1}]))
    api.clock.advance(31_000)
    try:
        found = await api.http.get("/api/models")
        assert found.status_code == 503
        assert "delete it to serve the shipped model" in found.json()["detail"]
    finally:
        (registry / STANDING).unlink()
