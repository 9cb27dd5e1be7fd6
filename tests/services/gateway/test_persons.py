"""Persons over HTTP: who may see and erase what is personal, who asked what, and what is tried finds nothing."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st

from services.clock import now_ms
from services.gateway.app import ROUTES
from services.gateway.wiring import embedded
from services.keys.port import SCOPES, Scope
from services.keys.sqlite import SqliteKeys
from services.keys.tokens import create
from services.settings import Settings
from services.trail import Audit, Change
from services.workspace import Workspace
from tests.services.sealing.conftest import CANARY, data

Call = Callable[..., httpx.Response]
SECRET = "somebody else's"


def lead(id_: str, lead_id: str, name: str) -> dict[str, Any]:
    """A lead with a name."""
    told = {"specversion": "1.0", "id": id_, "source": "/crm", "type": "lead.created", "time": "2026-03-02T09:00:00Z"}
    return told | {"data": data(lead_id, name)}


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    """Ask a server with a key of one scope; the tenant is ``default`` unless told."""
    settings = Settings(data=tmp_path_factory.mktemp("persons"))
    tokens: dict[tuple[str, str], str] = {}
    with Workspace(settings) as workspace, SqliteKeys(settings.keys_path) as keys:
        scopes: tuple[Scope, ...] = SCOPES
        for tenant in ("default", "other"):
            for asked in [*((scope,) for scope in scopes), ("read", "admin")]:
                made = create(keys, tenant=tenant, name="", scopes=asked, now_ms=now_ms())[1]  # type: ignore[arg-type]
                tokens[tenant, "+".join(asked)] = made
        ingest = workspace.ingest()
        ingest.tell([lead(f"e-{n}", f"L-{n}", f"{CANARY}-{n}") for n in range(9)], now_ms=now_ms())
        ingest.tell([lead("e", "L-1", SECRET)], now_ms=now_ms(), tenant="other")
        with embedded(workspace, keys, "127.0.0.1") as (app, follower):
            deadline = time.monotonic() + 30
            while follower.behind() and time.monotonic() < deadline:
                time.sleep(0.05)

            async def ask(method: str, path: str, scope: str, tenant: str, more: dict[str, Any]) -> httpx.Response:
                transport = httpx.ASGITransport(app, raise_app_exceptions=False)
                headers = {"authorization": f"Bearer {tokens[tenant, scope]}"} | more.pop("headers", {})
                async with httpx.AsyncClient(transport=transport, base_url="http://there") as client:
                    return await client.request(method, path, headers=headers, **more)

            def call(method: str, path: str, scope: str = "read", tenant: str = "default", **m: Any) -> httpx.Response:
                return asyncio.run(ask(method, path, scope, tenant, m))

            yield call


def test_what_is_personal_is_shown_to_admins_only(call: Call) -> None:
    (seen,) = call("GET", "/api/history/lead/L-1").json()["events"]
    (opened,) = call("GET", "/api/history/lead/L-1", "read+admin").json()["events"]

    assert ("contact" in seen["data"], seen["personal"]) == (False, "sealed")
    assert (opened["data"]["contact"]["name"], opened["personal"]) == (f"{CANARY}-1", "open")


def test_a_person_is_erased_once_and_for_one_tenant(call: Call) -> None:
    first = call("POST", "/api/erasures", "erase", json={"subject": "lead:L-2", "reason": "asked"}).json()
    again = call("POST", "/api/erasures", "erase", json={"subject": "lead:L-2"}).json()
    theirs = call("POST", "/api/erasures", "erase", "other", json={"subject": "lead:L-3"}).json()

    assert (first["already"], again["already"], again["erased"]) == (False, True, first["erased"])
    assert theirs["tenant"] == "other"
    held = call("GET", "/api/subject?subject=lead:L-2", "admin").json()
    assert [(each["type"], each.get("personal")) for each in held["events"]] == [
        ("lead.created", "erased"),
        ("subject.erased", None),
    ]
    assert CANARY in call("GET", "/api/subject?subject=lead:L-3", "admin").text


def test_another_tenants_person_is_nobody(call: Call) -> None:
    mine = call("GET", "/api/subject?subject=lead:L-1", "admin")
    theirs = call("GET", "/api/subject?subject=lead:L-1", "admin", "other")

    assert SECRET in theirs.text
    assert CANARY not in theirs.text
    assert SECRET not in mine.text
    for path in ("/api/subject?subject=lead:L-1&tenant=other", "/api/trail?tenant=other"):
        assert call("GET", path, "admin").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"subject": 1}',
        b'{"subject": "lead:L-1", "tenant": "other"}',
        b'{"subject": "lead:"}',
        b'{"subject": "lead:L-1\\n"}',
        b'{"subject": "person:L-1"}',
        b'{"subject": "lead:L-1", "reason": 5}',
        b'{"subject": "lead:L-1", "reason": " "}',
        b'{"subject": "lead:L-1", "subject": "lead:L-2"}',
        b"[" * 4000,
    ],
)
def test_what_names_nobody_erases_nobody(call: Call, body: bytes) -> None:
    before = len(call("GET", "/api/trail?type=subject.erased", "admin").json())

    answer = call("POST", "/api/erasures", "erase", content=body)

    assert answer.status_code == 400, answer.text
    assert "allowed" in answer.json()["detail"]
    assert len(call("GET", "/api/trail?type=subject.erased", "admin").json()) == before


def test_an_erasure_cannot_be_told_as_an_event(call: Call) -> None:
    forged = lead("x", "L-4", "x") | {"type": "subject.erased", "data": {"kind": "lead", "id": "L-4"}}
    sealed = lead("y", "L-4", "x") | {"sealed": "v1." + "A" * 60, "data": {"lead_id": "L-4"}}

    for told, field in ((forged, "type"), (sealed, "sealed")):
        headers = {"content-type": "application/cloudevents+json"}
        answer = call("POST", "/events", "ingest", content=json.dumps(told), headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert CANARY in call("GET", "/api/subject?subject=lead:L-4", "admin").text


def test_who_asked_what_is_noted(call: Call) -> None:
    for _ in range(3):
        call("GET", "/api/kpis/revenue?grain=total")
    call("GET", "/api/kpis/nonsense")

    noted = call("GET", "/api/trail?type=question.asked&limit=1000", "admin").json()
    asked = [each["data"] for each in noted if each["data"]["route"] == "/api/kpis/{id}"]

    counts = Counter[tuple[str, int, bool]]()
    for each in asked:
        counts[each["asked"], each["status"], each["cut"] is None] += each["count"]
    assert counts["/api/kpis/revenue?grain=total", 200, False] == 3, counts
    assert counts["/api/kpis/nonsense", 400, True] == 1
    assert all(len(each["who"]) == 12 for each in asked)
    assert call("GET", "/api/trail?type=question.asked", "admin", "other").text.count("nonsense") == 0


SNIPPETS = (
    *("'; DROP TABLE postings; --", "1) UNION SELECT * FROM history --", "{tenant:String}", "%(x)s", "\\'", "`x`"),
    *("=cmd|'/c calc'!A1", "+1+1", "@SUM(A1)", "\t=1", "../../etc/passwd", "%00", "\r\nSet-Cookie: a=b", "\x1b[31m"),
    *("file('/etc/passwd')", "https://example.com", "other", "lead:L-1", "*", "١", "A" * 3000),
)
texts = st.sampled_from(SNIPPETS) | st.text(max_size=30)
names = st.sampled_from(
    ["by", "where", "grain", "from", "to", "as_of", "currency", "limit", "order", "known_from", "known_to", "type"]
)
reads = st.sampled_from([route.path for route in ROUTES if route.method == "GET" and route.scope in ("read", "admin")])


@settings_(max_examples=80, deadline=None)
@given(path=reads, place=texts, told=st.lists(st.tuples(names, texts | texts.map("region={}".format)), max_size=3))
def test_whatever_is_asked_is_answered_or_refused(
    call: Call, path: str, place: str, told: list[tuple[str, str]]
) -> None:
    if "stream" in path or path == "/metrics":
        return
    spelled = path
    for name in ("{id}", "{entity}", "{type}", "{version}", "{board}"):
        spelled = spelled.replace(name, httpx.QueryParams({"": place}).__str__()[1:].replace("+", "%20"))
    scope = next(route.scope for route in ROUTES if route.path == path)

    answer = call("GET", spelled, str(scope), params=told)

    assert answer.status_code in (200, 304, 400, 404, 405), (answer.status_code, answer.text)
    assert SECRET not in answer.text
    assert "root:" not in answer.text
    assert "DB::Exception" not in answer.text
    assert "set-cookie" not in answer.headers


class TestAudit:
    def test_it_is_bounded_and_for_its_owner_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.trail.MOST", 5)
        monkeypatch.setattr("services.trail.WAITING", 3)
        audit = Audit(tmp_path / "trail.sqlite", days=1)
        for number in range(9):
            audit.changed(Change("key.created", "default", "local", {"n": number}))
        assert [each["data"]["n"] for each in audit.entries("default")] == [4, 5, 6, 7, 8]

        for number in range(9):
            audit.asked(tenant="t", who="k", route="/r", asked=f"{number}" * 900, status=200, cut=None)
        asked = [each["data"] for each in audit.entries("t")]
        assert [(each["asked"][:4], each["count"]) for each in asked] == [
            ("0000", 1), ("1111", 1), ("2222", 1), ("more", 6),
        ]  # fmt: skip
        assert max(len(each["asked"]) for each in asked) == 500
        assert (tmp_path / "trail.sqlite").stat().st_mode & 0o777 == 0o600
        audit.close()

    def test_questions_are_written_without_being_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.trail.WITHIN_S", 0.01)
        audit, other = Audit(tmp_path / "trail.sqlite", days=1), Audit(tmp_path / "trail.sqlite", days=1)
        audit.asked(tenant="t", who="k", route="/r", asked="?", status=200, cut=7)
        deadline = time.monotonic() + 10
        while not other.entries("t") and time.monotonic() < deadline:
            time.sleep(0.01)

        assert [each["data"]["cut"] for each in other.entries("t")] == [7]
        audit.close()
        other.close()
