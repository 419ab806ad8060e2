"""What the API answers from a real Postgres."""

import asyncio
import csv
import io
import itertools
import json
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from api import responses
from api.times import instant
from tests.support.api import (
    AS_OF,
    NOW,
    Api,
    a_change,
    a_score,
    a_tutor,
    an_alert,
    an_outcome,
    insert,
    progress,
    running_api,
)
from tutor_quality.local.postgres import Postgres
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration
OFFSETS = itertools.count(1)
MONDAY = datetime(2026, 3, 16, tzinfo=UTC)
"""Of the week that NOW is in."""


@pytest.fixture(scope="module")
def url(postgres_server: Postgres) -> str:
    return postgres_server.url("api_reads")


@pytest.fixture(scope="module")
async def running(postgres_server: Postgres, url: str) -> AsyncIterator[Api]:
    postgres_server.create_database("api_reads")
    await asyncio.to_thread(migrate.upgrade, url)
    async with running_api(url) as running:
        running.http.headers.update(await running.key("read"))
        yield running
    postgres_server.drop_database("api_reads")


@pytest.fixture
async def api(running: Api) -> Api:
    """With empty tables."""
    await running.database.execute(
        "TRUNCATE tutors, tutor_scores, sessions, session_events, risk_changes, alerts,"
        " pipeline_progress, sink_positions, dead_letters, session_reschedule_predictions,"
        " session_features, model_status"
    )
    await data_changed(running)
    return running


async def data_changed(api: Api) -> None:
    """The sink never writes without moving on."""
    await api.database.execute(
        "INSERT INTO sink_positions VALUES ('t', 0, $1) ON CONFLICT (topic, partition)"
        " DO UPDATE SET next_offset = excluded.next_offset",
        next(OFFSETS),
    )


async def ada(api: Api) -> UUID:
    tutor_id = await a_tutor(api.database, "Ada", external_id="T-1", email="ada@school.test")
    await a_score(
        api.database,
        tutor_id,
        ((1, 3), (3, 20), (0, 0)),
        is_high_risk=True,
        risk_level="high",
        evidence="raw",
        reasons=["7d"],
        no_shows_30d=5,
        starts_known_30d=0,
        ratings_30d=2,
        rating_sum_30d=9,
    )
    await progress(api.database)
    return tutor_id


async def read(api: Api, path: str, model: type[BaseModel], **query: object) -> dict[str, object]:
    answer = await api.http.get(path, params={k: str(v) for k, v in query.items()})
    assert answer.status_code == 200, answer.text
    model.model_validate_json(answer.content)
    body: dict[str, object] = answer.json()
    return body


async def names(api: Api, **query: object) -> list[str]:
    page = responses.TutorPage.model_validate(
        await read(api, "/api/tutors", responses.TutorPage, **query)
    )
    return [tutor.name for tutor in page.tutors]


async def test_the_list_says_percent_and_tells_null_from_zero(api: Api) -> None:
    tutor_id = await ada(api)
    page = await read(api, "/api/tutors", responses.TutorPage)
    assert page == {
        "tutors": [
            {
                "id": str(tutor_id),
                "name": "Ada",
                "email": "ada@school.test",
                "external_id": "T-1",
                "reschedule_rate_7d": 33.33,
                "reschedule_rate_30d": 15.0,
                "reschedule_rate_90d": None,
                "total_sessions_7d": 3,
                "total_sessions_30d": 20,
                "total_sessions_90d": 0,
                "tutor_reschedules_7d": 1,
                "tutor_reschedules_30d": 3,
                "tutor_reschedules_90d": 0,
                "is_high_risk": True,
                "risk_level": "high",
                "evidence": "raw",
                "last_calculated_at": "2026-03-18T10:59:58Z",
            }
        ],
        "total": 1,
        "limit": 100,
        "offset": 0,
        "next_cursor": None,
        "as_of": "2026-03-18T11:59:58Z",
    }


async def test_nothing_yet_is_an_empty_list_without_as_of(api: Api) -> None:
    page = await read(api, "/api/tutors", responses.TutorPage)
    assert page["tutors"] == []
    assert page["as_of"] is None


async def test_the_list_filters_searches_and_sorts(api: Api) -> None:
    for name, moved, total in (("Ada", 3, 20), ("Bob", 0, 30), ("Cy", 9, 10)):
        tutor_id = await a_tutor(api.database, name, external_id=f"x_{name}")
        counts = ((0, 0), (moved, total), (0, 0))
        await a_score(api.database, tutor_id, counts, is_high_risk=name == "Cy")
    nobody = await a_tutor(api.database, "Dee")
    assert await names(api) == ["Cy", "Ada", "Bob", "Dee"]
    assert await names(api, sort_order="asc") == ["Bob", "Ada", "Cy", "Dee"]
    assert await names(api, sort_by="total_sessions_30d") == ["Bob", "Ada", "Cy", "Dee"]
    assert await names(api, sort_by="name", sort_order="desc") == ["Dee", "Cy", "Bob", "Ada"]
    assert await names(api, risk_status="high_risk") == ["Cy"]
    assert await names(api, risk_status="low_risk", sort_by="name", sort_order="asc") == [
        "Ada",
        "Bob",
        "Dee",
    ]
    assert await names(api, search="X_a") == ["Ada"], "an underscore must not stand for anything"
    assert await names(api, search=str(nobody).upper()) == ["Dee"]
    assert await names(api, limit=2, offset=2) == ["Bob", "Dee"]
    assert await names(api, limit=2, offset=3) == ["Dee"]
    assert await names(api, offset=4) == []


@pytest.mark.parametrize("sort_by", ["reschedule_rate_30d", "total_sessions_30d", "name"])
@pytest.mark.parametrize("sort_order", ["asc", "desc"])
async def test_pages_by_cursor_meet_every_tutor_once_in_order(
    api: Api, sort_by: str, sort_order: str
) -> None:
    for number in range(11):
        tutor_id = await a_tutor(api.database, f"Tutor {number % 3}")
        if number % 4:
            await a_score(api.database, tutor_id, ((0, 0), (number % 2, number % 3), (0, 0)))
    query = {"sort_by": sort_by, "sort_order": sort_order}
    whole = (await api.http.get("/api/tutors", params=query)).json()["tutors"]
    link: str | None = f"/api/tutors?limit=2&sort_by={sort_by}&sort_order={sort_order}"
    met = []
    while link:
        page = await api.http.get(link)
        met += page.json()["tutors"]
        link = page.links.get("next", {}).get("url")
    assert met == whole
    assert len(whole) == 11


async def test_a_cursor_of_another_order_is_refused(api: Api) -> None:
    for name in ("Ada", "Bob"):
        await a_tutor(api.database, name)
    first = await api.http.get("/api/tutors", params={"limit": 1, "sort_by": "name"})
    answer = await api.http.get("/api/tutors", params={"cursor": first.json()["next_cursor"]})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "cursor"


async def test_the_detail_has_the_shape_of_the_contract(api: Api) -> None:
    tutor_id = await ada(api)
    detail = await read(api, f"/api/tutors/{tutor_id}", responses.TutorDetail)
    assert detail["as_of"] == "2026-03-18T11:59:58Z", "its partition is further than its clock"
    assert detail["scores"] == {
        "reschedule_rate_7d": 33.33,
        "reschedule_rate_30d": 15.0,
        "reschedule_rate_90d": None,
        "total_sessions_7d": 3,
        "total_sessions_30d": 20,
        "total_sessions_90d": 0,
        "tutor_reschedules_7d": 1,
        "tutor_reschedules_30d": 3,
        "tutor_reschedules_90d": 0,
        "is_high_risk": True,
        "risk_level": "high",
        "risk_threshold": 15.0,
        "reasons": ["7d"],
        "evidence": "raw",
        "last_calculated_at": "2026-03-18T10:59:58Z",
        "next_change_at": None,
    }
    statistics = detail["statistics"]
    assert isinstance(statistics, dict)
    assert statistics["no_show_rate_30d"] == 25.0
    assert statistics["late_start_rate_30d"] is None
    assert statistics["average_rating_30d"] == 4.5


async def test_a_tutor_without_a_score_has_counts_of_0_and_rates_of_null(api: Api) -> None:
    tutor_id = await a_tutor(api.database)
    detail = await read(api, f"/api/tutors/{tutor_id}", responses.TutorDetail)
    assert detail["scores"] == {
        **{f"reschedule_rate_{days}d": None for days in (7, 30, 90)},
        **{f"total_sessions_{days}d": 0 for days in (7, 30, 90)},
        **{f"tutor_reschedules_{days}d": 0 for days in (7, 30, 90)},
        "is_high_risk": False,
        "risk_level": None,
        "risk_threshold": 15.0,
        "reasons": [],
        "evidence": None,
        "last_calculated_at": None,
        "next_change_at": None,
    }
    statistics = responses.TutorStatistics.model_validate(detail["statistics"])
    assert (statistics.open_slots, statistics.completed_30d) == (0, 0)
    assert (statistics.no_show_rate_30d, statistics.average_rating_30d) == (None, None)
    assert detail["as_of"] is None
    await progress(api.database)
    detail = await read(api, f"/api/tutors/{tutor_id}", responses.TutorDetail)
    assert datetime.fromisoformat(str(detail["as_of"])) == AS_OF


@pytest.mark.parametrize("part", ["", "/history", "/events", "/risk-timeline"])
async def test_an_unknown_tutor_is_404_and_a_malformed_id_400(api: Api, part: str) -> None:
    unknown = await api.http.get(f"/api/tutors/{uuid4()}{part}")
    malformed = await api.http.get(f"/api/tutors/ada{part}")
    assert (unknown.status_code, malformed.status_code) == (404, 400)
    assert malformed.json()["errors"] == [
        {"parameter": "tutor_id", "detail": malformed.json()["errors"][0]["detail"]}
    ]


async def test_the_history_lists_moves_within_the_days_before_as_of(api: Api) -> None:
    tutor_id = await ada(api)
    at = AS_OF - timedelta(days=7)
    moved = {"status": "rescheduled", "initiator": "tutor", "reason": "ill"}
    inside = await an_outcome(
        api.database, tutor_id, at + timedelta(milliseconds=1), new_start=NOW, **moved
    )
    await an_outcome(api.database, tutor_id, at, **moved)
    await an_outcome(api.database, tutor_id, AS_OF)
    history = await read(api, f"/api/tutors/{tutor_id}/history", responses.TutorHistory, days=7)
    (only,) = responses.TutorHistory.model_validate(history).reschedules
    assert only.session_id == inside
    assert only.hours_before_session == 24.0
    assert only.new_time == NOW


async def test_the_trend_has_closed_calendar_weeks_and_null_for_empty_ones(api: Api) -> None:
    tutor_id = await ada(api)
    tutor_moved = {"status": "cancelled", "initiator": "tutor"}
    last_week, before_it = MONDAY - timedelta(days=7), MONDAY - timedelta(days=21)
    await an_outcome(api.database, tutor_id, last_week, **tutor_moved)
    await an_outcome(api.database, tutor_id, MONDAY - timedelta(milliseconds=1))
    await an_outcome(api.database, tutor_id, MONDAY, **tutor_moved)
    await an_outcome(api.database, tutor_id, before_it, status="rescheduled", initiator="student")
    history = await read(api, f"/api/tutors/{tutor_id}/history", responses.TutorHistory, days=21)
    assert history["trend"] == {
        "reschedule_rate_by_week": [
            {"week": "2026-02-23", "rate": 0.0, "total": 1, "tutor_reschedules": 0},
            {"week": "2026-03-02", "rate": None, "total": 0, "tutor_reschedules": 0},
            {"week": "2026-03-09", "rate": 50.0, "total": 2, "tutor_reschedules": 1},
        ]
    }


async def test_session_events_page_newest_first_under_ties(api: Api) -> None:
    tutor_id = await ada(api)
    for number in range(5):
        await insert(
            api.database,
            "session_events",
            event_id=uuid4(),
            session_id=uuid4(),
            tutor_id=tutor_id,
            scheduled_start=NOW,
            occurred_at=NOW - timedelta(hours=number // 3),
            recorded_at=NOW,
            record_offset=number,
            record_partition=0,
            event_type="scheduled",
            student_id="s",
        )
    path = f"/api/tutors/{tutor_id}/events"
    whole = (await read(api, path, responses.SessionEventPage))["events"]
    met: list[object] = []
    link: str | None = f"{path}?limit=1"
    while link:
        page = await api.http.get(link)
        met += page.json()["events"]
        link = page.links.get("next", {}).get("url")
    assert met == whole
    assert len(met) == 5


async def test_the_risk_timeline_shows_counts_and_percent(api: Api) -> None:
    tutor_id = await ada(api)
    event_id = await a_change(api.database, tutor_id, NOW)
    timeline = await read(api, f"/api/tutors/{tutor_id}/risk-timeline", responses.RiskTimeline)
    (change,) = responses.RiskTimeline.model_validate(timeline).changes
    assert change.event_id == event_id
    assert change.reschedule_rate_30d == 20.0
    assert change.risk_threshold == 15.0


async def test_alerts_filter_page_and_are_acknowledged_once(api: Api) -> None:
    tutor_id = await ada(api)
    first = await an_alert(api.database, tutor_id, NOW)
    await an_alert(api.database, tutor_id, NOW - timedelta(hours=1), kind="tutor_left")
    page = await read(api, "/api/alerts", responses.AlertPage, kind="tutor_entered")
    (alert,) = responses.AlertPage.model_validate(page).alerts
    assert (alert.event_id, alert.tutor_name, alert.reschedule_rate_30d) == (first, "Ada", 20.0)
    operator = await api.key("predict")
    done = await api.http.post(f"/api/alerts/{first}/acknowledge", headers=operator)
    assert done.status_code == 200
    responses.Acknowledgement.model_validate_json(done.content)
    api.clock.advance(60_000)
    again = await api.http.post(f"/api/alerts/{first}/acknowledge", headers=operator)
    assert again.json() == done.json()
    open_ones = await read(api, "/api/alerts", responses.AlertPage, acknowledged="false")
    assert [a.kind for a in responses.AlertPage.model_validate(open_ones).alerts] == ["tutor_left"]


async def test_the_overview_sums_counts_instead_of_averaging_rates(api: Api) -> None:
    tutor_id = await ada(api)
    bob = await a_tutor(api.database, "Bob")
    await a_score(api.database, bob, ((0, 0), (0, 80), (0, 0)))
    await a_change(api.database, tutor_id, NOW - timedelta(days=2))
    await a_change(api.database, bob, NOW - timedelta(days=1))
    await an_outcome(api.database, bob, MONDAY - timedelta(days=1))
    overview = await read(api, "/api/overview", responses.Overview)
    seen = responses.Overview.model_validate(overview)
    assert seen.rates.rate_30d == 3.0
    assert seen.rates.rate_90d is None
    assert seen.sessions.total_30d == 100
    assert (seen.tutors.total, seen.tutors.high, seen.tutors.low) == (2, 1, 1)
    assert [newly.name for newly in seen.newly_high_risk] == ["Ada"], "Bob is low by now"
    assert len(seen.weekly) == 13
    assert (seen.weekly[-1].total, seen.weekly[-1].rate) == (1, 0.0)
    assert [band.tutors for band in seen.distribution[:4]] == [1, 0, 0, 1]


async def a_letter(api: Api, offset: int, **columns: object) -> None:
    row: dict[str, object] = {
        "topic": "t",
        "partition": 0,
        "record_offset": offset,
        "reason": "undecodable",
        "message": "no",
        "size": 1,
        "failed_at": NOW,
        "letter_partition": 0,
        "attempt": 1,
        "letter_offset": offset,
    }
    await insert(api.database, "dead_letters", **{**row, **columns})


async def test_the_pipeline_says_lag_in_seconds_only_while_live(api: Api) -> None:
    two_seconds_ago = instant(api.clock.now_ms() - 2_000)
    await progress(api.database, applied_until=two_seconds_ago)
    await progress(api.database, 1, live=False, applied_until=NOW - timedelta(days=900))
    for offset, dealt_with in enumerate(({}, {"retried_at": NOW}, {"dropped_at": NOW})):
        await a_letter(api, offset, **dealt_with)
    pipeline = responses.Pipeline.model_validate(
        await read(api, "/api/pipeline", responses.Pipeline)
    )
    assert [part.lag_seconds for part in pipeline.partitions] == [2.0, None]
    assert pipeline.lag_seconds == 2.0
    assert pipeline.dead_letters.by_reason == {"undecodable": 1}, "retried or dropped is settled"
    assert pipeline.as_of == NOW - timedelta(days=900), "as far as the slowest partition"


@pytest.mark.parametrize(
    "path", ["/api/tutors", "/api/tutors/{id}", "/api/tutors/{id}/history", "/api/overview"]
)
async def test_the_same_data_is_304_and_new_data_is_not(api: Api, path: str) -> None:
    tutor_id = await ada(api)
    path = path.format(id=tutor_id)
    first = await api.http.get(path)
    assert first.headers["cache-control"] == "private, no-cache"
    held = {"if-none-match": first.headers["etag"]}
    stripped = {"if-none-match": first.headers["etag"].removeprefix("W/")}
    for named in (held, stripped):
        again = await api.http.get(path, headers=named)
        assert (again.status_code, again.content) == (304, b"")
    await data_changed(api)
    assert (await api.http.get(path, headers=held)).status_code == 200


async def test_csv_has_all_tutors_and_runs_no_formula(api: Api) -> None:
    await ada(api)
    for name in ("=1+1", "@x", "+49", "-2", "\tx", "plain, with comma"):
        await a_tutor(api.database, name)
    answer = await api.http.get("/api/tutors", headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert sorted(row["name"] for row in rows) == sorted(
        ["Ada", "'=1+1", "'@x", "'+49", "'-2", "'\tx", "plain, with comma"]
    )
    (row,) = [row for row in rows if row["name"] == "Ada"]
    assert (row["reschedule_rate_30d"], row["reschedule_rate_90d"]) == ("15.0", "")


async def test_csv_of_more_than_a_page_is_complete(api: Api) -> None:
    await api.database.execute(
        "INSERT INTO tutors (id, name, created_at)"
        " SELECT gen_random_uuid(), 'Tutor ' || n % 7, now() FROM generate_series(1, 2500) AS n"
    )
    answer = await api.http.get("/api/tutors", params={"format": "csv", "sort_by": "name"})
    ids = [line.split(",")[0] for line in answer.text.splitlines()[1:]]
    assert len(ids) == len(set(ids)) == 2500
    few = await api.http.get("/api/tutors", params={"format": "csv", "limit": 3})
    assert len(few.text.splitlines()) == 4


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/tutors?limit=0", "limit"),
        ("/api/tutors?limit=1001", "limit"),
        ("/api/tutors?sort_by=email", "sort_by"),
        ("/api/tutors?risk=high", "risk"),
        ("/api/tutors?cursor=AAAA", "cursor"),
        ("/api/alerts?kind=bad", "kind"),
        ("/api/alerts?cursor=W10", "cursor"),
        ("/api/overview?x=1", "x"),
        ("/api/health?x=1", "x"),
    ],
)
async def test_a_query_that_does_not_validate_is_400_and_names_the_parameter(
    api: Api, path: str, parameter: str
) -> None:
    answer = await api.http.get(path)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["parameter"] == parameter
    responses.ProblemBody.model_validate_json(answer.content)


async def test_readers_cannot_write(api: Api) -> None:
    async with api.app.state.services.database.reading() as connection:
        assert await connection.fetchval("SHOW default_transaction_read_only") == "on"
        assert await connection.fetchval("SHOW statement_timeout") == "5s"


async def a_booking(api: Api, tutor: UUID, start: datetime, **columns: object) -> UUID:
    session = uuid4()
    row = {
        "session_id": session,
        "scheduled_start": start,
        "tutor_id": tutor,
        "student_id": "student-1",
        "status": "scheduled",
        "booked_minutes": 45,
    }
    await insert(api.database, "sessions", **{**row, **columns})
    return session


async def upcoming(api: Api, **query: object) -> responses.UpcomingPage:
    model = responses.UpcomingPage
    return model.model_validate(await read(api, "/api/upcoming-sessions", model, **query))


async def test_upcoming_sessions_are_open_slots_that_begin_after_as_of(api: Api) -> None:
    ada = await a_tutor(api.database, "Ada")
    await progress(api.database)
    await a_booking(api, ada, AS_OF)
    await a_booking(api, ada, AS_OF + timedelta(days=8))
    await an_outcome(api.database, ada, AS_OF)
    soon = await a_booking(api, ada, AS_OF + timedelta(minutes=1))
    page = await upcoming(api)
    assert page.total == 1
    (session,) = page.sessions
    assert (session.id, session.tutor_name, session.status) == (soon, "Ada", "scheduled")
    assert session.scheduled_time == AS_OF + timedelta(minutes=1)
    assert session.duration_minutes == 45
    assert (session.reschedule_probability, session.risk_level) == (None, None)


async def test_a_session_leaves_the_list_when_its_own_partition_has_passed_its_start(
    api: Api,
) -> None:
    fast, slow = await a_tutor(api.database, "Fast"), await a_tutor(api.database, "Slow")
    await progress(api.database, 0, applied_until=AS_OF + timedelta(hours=2))
    await progress(api.database, 1)
    await a_score(api.database, fast, [(0, 0)] * 3, partition=0)
    await a_score(api.database, slow, [(0, 0)] * 3, partition=1)
    for tutor in (fast, slow):
        await a_booking(api, tutor, AS_OF + timedelta(hours=1))
    page = await upcoming(api)
    assert [session.tutor_name for session in page.sessions] == ["Slow"]
    assert page.total == 1


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "sort", ["scheduled_time", "student_id", "student_name", "tutor_name", "reschedule_probability"]
)
async def test_pages_of_upcoming_sessions_meet_every_slot_once(
    api: Api, sort: str, order: str
) -> None:
    await progress(api.database)
    tutors = [await a_tutor(api.database, name) for name in ("Ada", "Bea")]
    expected = set()
    for number in range(12):
        start = AS_OF + timedelta(hours=1 + number // 3)
        session = await a_booking(api, tutors[number % 2], start, student_id=f"s{number % 4}")
        expected.add(session)
        if number % 3 == 0:
            await insert(
                api.database,
                "session_reschedule_predictions",
                session_id=session,
                scheduled_start=start,
                tutor_id=tutors[number % 2],
                student_id="s",
                reschedule_probability=number / 12,
                risk_level="low",
                reasons="[]",
                source="model",
                model_version="1",
                features_id=uuid4(),
                predicted_at=AS_OF,
                version=1,
            )
    page = await upcoming(api, sort_by=sort, sort_order=order, limit=5)
    found = [session.id for session in page.sessions]
    while page.next_cursor is not None:
        page = await upcoming(api, sort_by=sort, sort_order=order, limit=5, cursor=page.next_cursor)
        found += [session.id for session in page.sessions]
    assert len(found) == 12
    assert set(found) == expected
    assert (await upcoming(api, risk_level="low")).total == 4


async def test_the_list_has_the_warning_band_and_sorts_by_every_rate(api: Api) -> None:
    near, far = await a_tutor(api.database, "Near"), await a_tutor(api.database, "Far")
    await a_tutor(api.database, "Unscored")
    await a_score(api.database, near, [(0, 5), (1, 8), (3, 10)], risk_level="warning")
    await a_score(api.database, far, [(1, 5), (0, 8), (1, 10)])
    assert await names(api, risk_status="warning") == ["Near"]
    assert await names(api, sort_by="reschedule_rate_7d") == ["Far", "Near", "Unscored"]
    assert await names(api, sort_by="reschedule_rate_90d") == ["Near", "Far", "Unscored"]


async def test_json_is_compressed_for_who_takes_it_and_the_same(api: Api) -> None:
    for number in range(20):
        await a_tutor(api.database, f"Tutor {number}")
    key = await api.key()
    plain = await api.http.get("/api/tutors", headers={**key, "accept-encoding": "identity"})
    packed = await api.http.get("/api/tutors", headers={**key, "accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert packed.json() == plain.json()


async def test_a_kept_answer_is_packed_for_who_takes_it_and_for_nobody_else(api: Api) -> None:
    for number in range(20):
        await a_tutor(api.database, f"Tutor {number}")
    for _ in range(2):
        for coding in ("gzip", "identity"):
            answer = await api.http.get("/api/tutors", headers={"accept-encoding": coding})
            assert answer.headers.get("content-encoding", "identity") == coding
            assert len(answer.json()["tutors"]) == 20


async def test_a_kept_answer_is_shared_with_the_origin_that_asks(url: str, api: Api) -> None:
    origins = ("https://a.test", "https://b.test")
    async with running_api(url, cors_origins=",".join(origins)) as shared:
        key = await api.key()
        for origin in (*origins, "https://c.test"):
            answer = await shared.http.get("/api/tutors", headers={**key, "origin": origin})
            assert answer.headers.get("access-control-allow-origin") == (
                origin if origin in origins else None
            )
            exposed = answer.headers.get("access-control-expose-headers", "")
            assert {"etag", "link", "retry-after"} <= {*exposed.split(", ")}


async def test_a_kept_answer_is_counted_under_its_route(api: Api) -> None:
    name = 'tq_api_requests_total{method="GET",route="/api/overview",status="200"}'
    await api.http.get("/api/overview")
    before = (await api.http.get("/metrics")).text
    await api.http.get("/api/overview")
    after = (await api.http.get("/metrics")).text
    counts = [
        float(line.rsplit(" ", 1)[1])
        for text in (before, after)
        for line in text.splitlines()
        if line.startswith(name)
    ]
    assert counts[1] == counts[0] + 1


async def test_a_kept_answer_is_the_same_with_headers_of_its_own(api: Api) -> None:
    await ada(api)
    first, second = [await api.http.get("/api/tutors") for _ in range(2)]
    assert second.content == first.content
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert second.headers["ratelimit"] != first.headers["ratelimit"]
    assert len(second.headers.get_list("ratelimit")) == 1


async def test_an_answer_is_never_older_than_what_was_committed_before_the_question(
    api: Api,
) -> None:
    """Requests share looks at the data version; each must still see the commits before it."""
    tutor = await ada(api)

    async def name_shown() -> str:
        page = await api.http.get("/api/tutors")
        return str(page.json()["tutors"][0]["name"])

    for number in range(40):
        earlier = [asyncio.create_task(name_shown()) for _ in range(3)]
        await asyncio.sleep(0)
        async with api.database.transaction():
            await api.database.execute(
                "UPDATE tutors SET name = $2 WHERE id = $1", tutor, f"Ada {number}"
            )
            await data_changed(api)
        assert await name_shown() == f"Ada {number}"
        await asyncio.gather(*earlier)


async def test_a_kept_answer_is_only_for_who_may_read(api: Api) -> None:
    assert (await api.http.get("/api/tutors")).status_code == 200
    assert (await api.http.get("/api/tutors", headers={"x-api-key": "tq_x_y"})).status_code == 401
    sender = await api.key("ingest")
    assert (await api.http.get("/api/tutors", headers=sender)).status_code == 403


async def test_deep_pages_by_offset_are_the_pages_of_the_whole_list(api: Api) -> None:
    for number in range(12):
        tutor = await a_tutor(api.database, f"Tutor {number:02}")
        if number % 4:
            await a_score(api.database, tutor, [(0, 0), (number % 3, 9 * (number % 2)), (0, 0)])
    for sort in ("name", "reschedule_rate_30d", "total_sessions_30d"):
        whole = await names(api, sort_by=sort)
        assert len(whole) == 12
        # From behind each page is found by walking, from the front by where the last one ended.
        for offsets in ((10, 5, 0), (0, 5, 10)):
            await data_changed(api)
            pages = {
                offset: await names(api, sort_by=sort, limit=5, offset=offset) for offset in offsets
            }
            assert [name for _, page in sorted(pages.items()) for name in page] == whole


async def a_prediction(api: Api, session: UUID, tutor: UUID, start: datetime) -> None:
    features_id = uuid4()
    await insert(
        api.database,
        "session_reschedule_predictions",
        session_id=session,
        scheduled_start=start,
        tutor_id=tutor,
        student_id="student-1",
        reschedule_probability=0.4,
        risk_level="high",
        reasons=json.dumps(
            [{"feature": "lead_hours", "value": 30.0, "category": None, "contribution": 0.5}]
        ),
        source="model",
        model_version="v1",
        features_id=features_id,
        predicted_at=AS_OF,
        version=1,
    )
    await insert(
        api.database,
        "session_features",
        event_id=features_id,
        session_id=session,
        scheduled_start=start,
        tutor_id=tutor,
        as_of=AS_OF,
        reason="mark",
        mark_hours=24.0,
        generation=1,
        log_offset=7,
        fingerprint="f",
        vector=struct.pack("<2f", 30.0, float("nan")),
    )


async def test_a_prediction_shows_its_reasons_and_the_vector_that_it_follows_from(
    api: Api,
) -> None:
    await progress(api.database)
    ada = await a_tutor(api.database, "Ada")
    start = AS_OF + timedelta(hours=24)
    session = await a_booking(api, ada, start)
    path = f"/api/upcoming-sessions/{session}/predict"
    before = await read(api, path, responses.PredictionDetail)
    assert before["reschedule_probability"] is None and before["features"] is None

    await a_prediction(api, session, ada, start)
    await a_model(api, degraded=False)
    found = await read(api, path, responses.PredictionDetail)
    assert found["reschedule_probability"] == 0.4
    assert found["asked_for"] == "mark"
    assert found["features"] == {"lead_hours": 30.0, "student_bad_share": None}
    await data_changed(api)
    (listed,) = (await upcoming(api)).sessions
    assert listed.reasons is not None
    assert [reason.feature for reason in listed.reasons] == ["lead_hours"]
    assert (listed.source, listed.model_version) == ("model", "v1")


async def a_model(api: Api, *, degraded: bool) -> None:
    await insert(
        api.database,
        "model_status",
        model="reschedule",
        partition=0,
        champion=None if degraded else "v1",
        wanted="v1",
        degraded=degraded,
        why="damaged" if degraded else None,
        fingerprint="f",
        features=["lead_hours", "student_bad_share"],
        base_rate=0.15,
        said_at=AS_OF,
        version=1,
    )


async def test_only_upcoming_slots_of_known_sessions_have_predictions(api: Api) -> None:
    await progress(api.database)
    ada = await a_tutor(api.database, "Ada")
    over = await a_booking(api, ada, AS_OF - timedelta(hours=1))
    key = await api.key("read", "predict")
    for method, name in (("GET", "predict"), ("POST", "predict"), ("POST", "refresh")):
        for session, status in ((over, 400), (uuid4(), 404)):
            path = f"/api/upcoming-sessions/{session}/{name}"
            answer = await api.http.request(method, path, headers=key)
            assert answer.status_code == status
            responses.ProblemBody.model_validate_json(answer.content)


async def test_a_refresh_that_kafka_does_not_take_is_503_and_needs_the_scope(api: Api) -> None:
    await progress(api.database)
    ada = await a_tutor(api.database, "Ada")
    session = await a_booking(api, ada, AS_OF + timedelta(hours=1))
    path = f"/api/upcoming-sessions/{session}/refresh"
    assert (await api.http.post(path, headers=await api.key("read"))).status_code == 403
    refused = await api.http.post(path, headers=await api.key("predict"))
    assert refused.status_code == 503
    assert "retry-after" in refused.headers


@pytest.mark.parametrize("degraded", [True, False])
async def test_health_and_metrics_say_that_the_model_is_degraded(api: Api, degraded: bool) -> None:
    await progress(api.database)
    assert (await api.http.get("/api/health")).json()["model_degraded"] is None
    await a_model(api, degraded=degraded)
    assert (await api.http.get("/api/health")).json()["model_degraded"] is degraded
    metrics = (await api.http.get("/metrics")).text
    assert f"tq_model_degraded {float(degraded)}" in metrics
