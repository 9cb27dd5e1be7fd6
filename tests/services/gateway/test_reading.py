"""Reading over HTTP: answers are those of the books, and what cannot be asked says what is allowed."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pyarrow as pa
import pytest

from projections.question import question
from services.books import Books
from services.clock import now_ms
from services.gateway.wiring import embedded
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import create
from services.settings import Settings
from services.workspace import Workspace
from tests.services.test_receipt import STORY

Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def tokens() -> dict[str, str]:
    """Keys that may read, by tenant; made by ``get``."""
    return {}


@pytest.fixture(scope="module")
def open_books() -> dict[str, Books]:
    """The books behind the server; opened by ``get``."""
    return {}


@pytest.fixture
def books(get: Get, open_books: dict[str, Books]) -> Books:
    """The books of the tenant that is asked without a key."""
    return open_books["default"]


@pytest.fixture(scope="module")
def get(
    tmp_path_factory: pytest.TempPathFactory, tokens: dict[str, str], open_books: dict[str, Books]
) -> Iterator[Get]:
    """Ask a server over a rich little history; from this machine, which needs no key here."""
    folder: Path = tmp_path_factory.mktemp("reading")
    settings = Settings(data=folder, open_on_loopback=True)
    with Workspace(settings) as workspace, SqliteKeys(settings.keys_path) as keys:
        for tenant in ("default", "other"):
            tokens[tenant] = create(keys, tenant=tenant, name="", scopes=["read"], now_ms=now_ms())[1]
        workspace.ingest().tell(STORY, now_ms=now_ms(), importer=True)
        with embedded(workspace, keys, "127.0.0.1") as (app, follower):
            deadline = time.monotonic() + 30
            while follower.behind() and time.monotonic() < deadline:
                time.sleep(0.05)

            open_books["default"] = workspace.books("default")

            async def ask(path: str, **told: Any) -> httpx.Response:
                transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                    return await client.get(path, **told)

            yield lambda path, **told: asyncio.run(ask(path, **told))


def test_the_catalogue(get: Get) -> None:
    kpis = {kpi["id"]: kpi for kpi in get("/api/kpis").json()}
    assert kpis["revenue"]["name"] == {"en": "revenue", "zh": "销售额"}
    assert len(kpis) > 40


def test_a_question_about_the_reps_of_a_team(get: Get) -> None:
    """It may be that nobody has a target; what is not answerable says what is."""
    told = get("/api/kpis/quota_attainment?by=rep&where=team=North&where=manager=m1")
    assert (told.status_code, told.json()["question"]["where"]) == (200, {"team_id": ["North"], "manager_id": ["m1"]})
    refused = get("/api/kpis/quota_attainment?by=team&where=manager=m1")
    assert refused.status_code == 400
    assert "by and where name manager_id, team_id; allowed: one of product" in refused.json()["detail"]


def test_a_question_with_everything(get: Get) -> None:
    told = get("/api/kpis/bookings?by=region&where=region=E&where=region=W&grain=month&from=2026-02&to=2026-04").json()
    assert [(row["period"], row["region"], row["value"]) for row in told["rows"]] == [
        ("2026-02", "E", "170.00"),
        ("2026-02", "W", "-9.99"),
        ("2026-03", "E", "0.00"),
        ("2026-03", "W", "33.33"),
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"by": ["region"], "grain": "month", "org": "now"},
        {"by": ["region"], "grain": "month", "org": "then", "fx": "plan"},
        {"by": ["region"], "fx": "none"},
        {"by": ["region"], "grain": "month", "compare": "previous", "fx": "period"},
        {"by": ["rep"], "grain": "quarter", "compare": "year", "limit": 1, "rest": True},
    ],
    ids=["org-now", "org-then-plan", "unconverted", "compared", "rest-compared"],
)
def test_a_question_is_the_same_over_http_whatever_its_options(get: Get, books: Books, told: dict[str, Any]) -> None:
    stretch = {"from": "2026-02", "to": "2026-04"}
    query = stretch | {name: "true" if value is True else value for name, value in told.items()}
    found = get(f"/api/kpis/bookings?{urlencode(query, doseq=True)}").json()
    assert found.pop("laws")["hold"] is True
    assert found == books.ask(question("bookings", from_="2026-02", to="2026-04", **told))
    assert found["rows"]
    asked = found["question"]
    assert {name: asked[name] for name in ("org", "fx", "compare", "rest") if name in told} == {
        name: value for name, value in told.items() if name in ("org", "fx", "compare", "rest")
    }


def test_a_variant_and_the_past(get: Get) -> None:
    assert get("/api/kpis/win_rate~created").json()["variant"] == "created"
    assert get("/api/kpis/bookings?as_of=15").json()["rows"][0]["value"] == "0.00"


def test_what_stands_is_not_sent_again(get: Get) -> None:
    tag = get("/api/kpis/revenue").headers["etag"]
    again = get("/api/kpis/revenue", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert get("/api/kpis/revenue?as_of=20", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/json;q=0.5, text/*", "text/csv; charset=utf-8"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("application/json;q=0, */*", "text/csv; charset=utf-8"),
    ],
)
def test_an_answer_comes_as_it_is_accepted(get: Get, accept: str | None, media: str) -> None:
    answer = get("/api/kpis/bookings?by=region&from=2026-02&to=2026-03", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.headers["content-type"], answer.headers["vary"]) == (200, media, "Accept")
    if media.startswith("text/csv"):
        assert answer.text.splitlines()[:2] == ["period,region,value,bookings,reason", "total,E,170.00,170.00,"]
    if "arrow" in media:
        rows = pa.ipc.open_stream(answer.content).read_all().to_pylist()
        assert (rows[0]["region"], rows[0]["value"]) == ("E", Decimal("170.00"))


def test_what_is_accepted_and_not_there_is_told(get: Get) -> None:
    answer = get("/api/kpis/bookings", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["accepted"][:2]) == (406, ["application/json", "text/csv"])
    tag = get("/api/kpis/bookings").headers["etag"]
    assert get("/api/kpis/bookings", headers={"If-None-Match": tag, "Accept": "text/csv"}).status_code == 200


def test_pages_join_to_the_whole_at_one_cut(get: Get) -> None:
    path = "/api/kpis/bookings?grain=day&from=2026-02&to=2026-03&page_size=10"
    whole = get("/api/kpis/bookings?grain=day&from=2026-02&to=2026-03").json()
    rows, asked = [], 0
    answer = get(path)
    while True:
        asked += 1
        rows += answer.json()["rows"]
        assert answer.json()["page"] == {"number": asked, "size": 10, "rows": len(whole["rows"])}
        if "next" not in answer.links:
            break
        assert f"as_of={whole['cut']['position']}" in answer.links["next"]["url"]
        answer = get(answer.links["next"]["url"])
    assert (rows, asked) == (whole["rows"], 3)
    assert get(path + "&page=9").json()["rows"] == []
    assert len(get(path + "&page=3", headers={"Accept": "text/csv"}).text.splitlines()) == 9


def test_a_receipt_a_change_and_a_history(get: Get) -> None:
    receipt = get("/api/kpis/bookings/explain?from=2026-02&to=2026-03").json()
    assert {event["id"] for event in receipt["excluded"]} == {"ghost"}
    change = get("/api/kpis/bookings/changes?from=2026-02&to=2026-03&known_from=16").json()
    assert sum(float(cause["effect"]) for cause in change["causes"]) == pytest.approx(float(change["difference"]))
    assert get("/api/history/deal/D-1").json()["id"] == "D-1"


def test_a_receipt_comes_in_pages_at_one_cut(get: Get) -> None:
    path = "/api/kpis/bookings/explain?from=2026-02&to=2026-03"
    whole, answer = get(path).json(), get(path + "&page_size=3")
    assert (whole["next"], "link" in get(path).headers) == (None, False)
    listed, sizes = [], []
    while True:
        page = answer.json()
        listed += page["events"] + page["excluded"]
        sizes.append(len(page["events"] + page["excluded"]))
        assert page["counted"] == whole["counted"] == sum(each["role"] == "counted" for each in whole["events"])
        assert (page["next"] is None) == ("next" not in answer.links)
        if page["next"] is None:
            break
        assert f"as_of={whole['cut']['position']}" in answer.links["next"]["url"]
        answer = get(answer.links["next"]["url"])
    position = itemgetter("position")
    assert sorted(listed, key=position) == sorted(whole["events"] + whole["excluded"], key=position)
    assert set(sizes[:-1]) == {3}


@pytest.mark.parametrize(
    ("more", "field", "allowed"),
    [("page_size=0", "page_size", "1 to 100000"), ("page_size=x", "page_size", "1 to 100000"),
     ("after=soon", "after", "what the page before says in next"), ("page=2", "page", "page_size, after")],
)  # fmt: skip
def test_a_page_of_a_receipt_that_is_none_is_told(get: Get, more: str, field: str, allowed: str) -> None:
    answer = get(f"/api/kpis/bookings/explain?{more}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert allowed in answer.json()["detail"]


def test_a_receipt_says_in_chinese_why_an_event_is_left_out(get: Get) -> None:
    path = "/api/kpis/bookings/explain?from=2026-02&to=2026-03"
    english, chinese = (get(path, headers={"Accept-Language": each}).json() for each in ("en", "zh"))

    assert english["excluded"][0]["reason"].startswith("voided at position ")
    assert chinese["excluded"][0]["reason"].startswith("已于位置 ")
    assert chinese["events"] == english["events"]


def test_a_receipt_comes_as_it_is_accepted(get: Get) -> None:
    path = "/api/kpis/bookings/explain?from=2026-02&to=2026-03"
    answer = get(path, headers={"Accept": "text/csv"})
    assert (answer.headers["content-type"], answer.headers["vary"]) == (
        "text/csv; charset=utf-8",
        "Accept, Accept-Language",
    )
    lines = answer.text.splitlines()
    assert lines[0] == "role,position,type,entity,source,id,occurred,recorded,bookings,reason"
    receipt = get(path).json()
    assert len(lines) == 1 + len(receipt["events"]) + len(receipt["excluded"])
    assert get(path, headers={"Accept": "image/png"}).status_code == 406


def test_every_answer_says_whether_the_laws_hold(get: Get) -> None:
    """Looked at lately; where what was found is another, so is the entity tag."""
    path = "/api/kpis/bookings"
    hold = {"hold": True, "position": 55, "broken": []}
    for each in ("", "/explain", "/changes?known_from=2"):
        assert get(path + each).json()["laws"] == hold
    tag = get(path).headers["etag"]
    assert get(path, headers={"If-None-Match": tag}).status_code == 304


def test_a_tag_among_others_or_any_still_stands(get: Get) -> None:
    path = "/api/kpis/bookings"
    tag = get(path).headers["etag"]
    for known in (f'"x", {tag}', tag.removeprefix("W/"), "*"):
        assert get(path, headers={"If-None-Match": known}).status_code == 304, known
    assert get(path, headers={"If-None-Match": '"x", W/"y"'}).status_code == 200


def test_an_id_may_hold_slashes(get: Get) -> None:
    """As that of each event does that is an entity of its own: its source and id."""
    (calendar,) = [
        each for each in get("/api/kpis/bookings/explain").json()["events"] if each["type"] == "calendar.defined"
    ]
    entity = calendar["entity"]
    assert "/" in entity
    for id_ in (quote(entity), quote(entity, safe="")):
        told = get(f"/api/history/calendar/{id_}").json()
        assert (told["id"], [each["id"] for each in told["events"]]) == (entity, [calendar["id"]])


def test_a_plus_sign_that_was_not_encoded_is_one(get: Get) -> None:
    for moment in ("2026-02-01T00:00:00+01:00", "2026-02-01T00:00:00.5+01:00"):
        told = get(f"/api/kpis/bookings?from={moment}&to=2026-03")
        assert (told.status_code, told.json()["question"]["from"]) == (200, moment)
    assert get("/api/kpis/bookings?from=2026-02-01%2001:00").status_code == 400


def test_the_status_says_how_far_the_books_are_and_whether_they_hold(get: Get, tokens: dict[str, str]) -> None:
    told = get("/api/status").json()
    assert told["ledger"]["position"] == told["journal"]["position"] == told["laws_at"] == told["accepted"] > 20
    assert told["told"] == told["accepted"] + told["duplicates"] + told["refused"]
    assert told["accepted"] == told["applied"] + told["parked"]
    assert (told["identity_holds"], told["laws_hold"], set(told["laws"].values())) == (True, True, {"holds"})
    other = get("/api/status", headers={"Authorization": f"Bearer {tokens['other']}"}).json()
    assert (other["tenant"], other["told"]) == ("other", 0)


@pytest.mark.parametrize(
    ("path", "field", "sentence"),
    [
        ("/api/kpis/turnover", "kpi", "'turnover' is not known; allowed: bookings"),
        ("/api/kpis/revenue?by=colour", "by", "'colour' is no dimension of revenue; allowed: "),
        ("/api/kpis/revenue?grain=minute", "grain", "allowed: hour, day"),
        ("/api/kpis/revenue?from=soon", "from", "'soon' is no moment"),
        ("/api/kpis/revenue?as_of=999", "as_of", "lies after the latest position"),
        ("/api/kpis/revenue?limit=many", "limit", "'many' is no number"),
        ("/api/kpis/revenue?page=2", "page", "is told without page_size"),
        ("/api/kpis/revenue?page_size=0", "page_size", "'0' is out of range; allowed: 1 to 100000"),
        ("/api/kpis/revenue?limit=1&limit=2", "limit", "is told twice"),
        ("/api/kpis/revenue?colour=red", "colour", "is no parameter of this path; allowed: by, where"),
        ("/api/kpis/revenue/changes", "known_from", "is missing"),
        ("/api/kpis/revenue/explain?by=region", "question", "cells; allowed: one"),
        ("/api/history/rocket/1", "entity", "'rocket' is no entity; allowed: "),
        ("/api/frame?board=mine", "board", "'mine' is not known; allowed: health, management, rep, sales"),
        ("/api/kpis?by=region", "by", "is no parameter of this path; allowed: none"),
    ],
)
def test_what_cannot_be_asked_is_told(get: Get, path: str, field: str, sentence: str) -> None:
    answer = get(path)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert problem["field"] == field
    assert sentence in problem["detail"]


def test_a_frame_is_of_one_cut(get: Get) -> None:
    frame = get("/api/frame?board=sales").json()
    numbers = [tile for tile in frame["tiles"] if tile["kind"] == "number"]
    assert len(numbers) > 2
    for tile in numbers:
        asked = {"from": tile["question"]["from"], "to": tile["question"]["to"], "as_of": frame["cut"]["position"]}
        (row,) = get(f"/api/kpis/{tile['kpi']}?{urlencode(asked)}").json()["rows"]
        assert row["value"] == tile["value"]
    assert json.loads(get("/api/boards").content)["sales"]["zh"] == "销售大厅"


def test_nobody_else_reads(get: Get) -> None:
    assert get("/api/kpis/revenue", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401


def test_a_key_reads_its_own_tenant_only(get: Get, tokens: dict[str, str]) -> None:
    for tenant, value in (("default", "0.00"), ("other", "0.00")):
        headers = {"Authorization": f"Bearer {tokens[tenant]}"}
        answer = get("/api/kpis/revenue?from=2030&to=2031", headers=headers).json()
        assert answer["rows"][0]["value"] == value
        told = get("/api/history/deal/D-1", headers=headers).json()
        assert bool(told["events"]) == (tenant == "default")
        assert get("/api/frame?board=sales", headers=headers).json()["cut"]["position"] == (
            len(STORY) if tenant == "default" else 0
        )
