"""What is told over HTTP is in the journal when the answer comes, and the answer says what became of each event."""

import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.journal.sqlite import SqliteJournal
from tests.services.gateway.conftest import House, Teller, event, serving

BINARY = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/crm",
    "ce-type": "deal.won",
    "ce-time": "2026-09-21T09:00:00Z",
}


def test_a_structured_event_is_in_the_journal_when_the_answer_comes(teller: Teller) -> None:
    answer = teller.tell(event())

    assert answer.status_code == 202
    assert answer.json() == {
        "results": [{"index": 0, "id": "e-1", "status": "accepted", "position": 1}],
        "accepted": 1,
        "duplicates": 0,
        "refused": 0,
        "position": 1,
    }
    assert teller.ids() == ["e-1"]


def test_a_binary_event_is_the_same_event(teller: Teller) -> None:
    teller.tell(event())
    again = teller.tell(event()["data"], BINARY).json()

    assert [each["status"] for each in again["results"]] == ["duplicate"]
    assert again["position"] == 1


def test_a_batch_says_what_became_of_each_and_takes_what_is_valid(teller: Teller) -> None:
    teller.tell(event("old"))
    answer = teller.batch(
        event("new"), event("old"), event("old", amount="1.00"), event("bad", amount=1.5), [1], event("last")
    )

    assert answer.status_code == 202
    told = answer.json()
    assert [(each["index"], each["status"], each["position"]) for each in told["results"]] == [
        (0, "accepted", 2), (1, "duplicate", 1), (2, "conflict", 1), (3, "invalid", None), (4, "invalid", None),
        (5, "accepted", 3),
    ]  # fmt: skip
    assert (told["accepted"], told["duplicates"], told["refused"], told["position"]) == (2, 1, 3, 3)
    assert told["results"][3]["field"] == "data.amount"
    assert "allowed: a decimal string" in told["results"][3]["reason"]
    assert teller.ids() == ["old", "new", "last"]


def test_what_is_refused_is_a_dead_letter_that_knows_its_place(teller: Teller) -> None:
    teller.batch(event("good"), event("bad", amount=1.5))
    teller.tell(event("good", amount="2.00"))

    bad, conflict = teller.letters()
    assert (bad.id, bad.field, json.loads(bad.body)) == ("bad", "data.amount", event("bad", amount=1.5))
    assert re.fullmatch(r"/events [0-9a-f]{12}:2", bad.origin)
    assert (conflict.id, conflict.field) == ("good", "id")


def test_an_empty_batch_tells_nothing(teller: Teller) -> None:
    assert teller.batch().json() == {"results": [], "accepted": 0, "duplicates": 0, "refused": 0, "position": 0}


def test_a_single_event_that_is_not_valid_names_index_field_and_what_is_allowed(teller: Teller) -> None:
    answer = teller.tell(event(amount=1.5))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["type"] == "urn:salestream:problem:invalid-event"
    assert (told["status"], told["index"], told["id"], told["field"]) == (422, 0, "e-1", "data.amount")
    assert told["allowed"].startswith("a decimal string")
    assert told["allowed"] in told["detail"]
    assert teller.ids() == []


def test_a_single_conflict_says_where_the_first_stands(teller: Teller) -> None:
    teller.tell(event())
    answer = teller.tell(event(amount="1.00"))

    assert answer.status_code == 409
    assert (answer.json()["field"], answer.json()["position"]) == ("id", 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "application/cloudevents-batch+json for an array"),
        (b'{"id":"1","id":"2"}', "names id twice"),
        (b'{"id":"\xff"}', "not text in UTF-8"),
        (b'{"x":' + b"[" * 9000 + b"]" * 9000 + b"}", "nested too deeply"),
        (b'{"x":NaN}', "not JSON"),
    ],
)
def test_what_is_no_json_object_is_told_by_nobody(teller: Teller, body: bytes, says: str) -> None:
    answer = teller.tell(body)

    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert teller.letters() == []


@pytest.mark.parametrize("body", [b"{}", b"", b"[1,", b"[" * 9000 + b"]" * 9000, b'"x"', b"[NaN]"])
def test_what_is_no_json_array_is_no_batch(teller: Teller, body: bytes) -> None:
    answer = teller.tell(body, {"content-type": "application/cloudevents-batch+json"})

    assert answer.status_code == 400
    assert "array of CloudEvents" in answer.json()["detail"]


@pytest.mark.parametrize(
    "media",
    [
        *("application/json", "application/x-www-form-urlencoded", "text/plain", ""),
        *("application/cloudevents+xml", "application/cloudevents", "application/cloudevents-batch+avro"),
        "application/cloudevents+json; charset=utf-16",
    ],
)
def test_another_media_type_is_told_which_are_understood(teller: Teller, media: str) -> None:
    answer = teller.tell(event(), {"content-type": media} if media else {})

    assert answer.status_code == 415
    assert "allowed: " in answer.json()["detail"]
    assert answer.headers["accept"].startswith("application/cloudevents+json, ")
    assert teller.ids() == []


def test_an_event_of_another_tenant_is_refused(teller: Teller) -> None:
    answer = teller.tell(event(tenant="somebody-else"))

    assert (answer.status_code, answer.json()["field"]) == (422, "tenant")
    assert teller.house.journal.tally("somebody-else").told == 0
    assert teller.tell(event(tenant=teller.tenant)).status_code == 202


def test_events_that_name_no_currency_are_in_that_of_the_calendar_before_them(teller: Teller) -> None:
    calendar = event("calendar") | {"type": "calendar.defined", "data": {"currency": "EUR"}}
    won = event("won")
    del won["data"]["currency"]
    teller.batch(won | {"id": "before"}, calendar, won)

    before, _, after = (json.loads(each.body) for each in teller.house.journal.read(teller.tenant, 0, 9))
    assert (before["data"]["currency"], after["data"]["currency"]) == ("CNY", "EUR")


def test_many_at_once_share_transactions_and_lose_nothing(house: House) -> None:
    commits = _commits(house)
    with house.teller() as one, house.teller() as other, ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda n: (one, other)[n % 2].tell(event(f"e-{n}")), range(400)))
        grouped = _commits(house) - commits

        assert {answer.status_code for answer in answers} == {202}
        assert sorted(answer.json()["position"] for answer in answers[::2]) == list(range(1, 201))
        assert len(one.ids()) == len(other.ids()) == 200
    assert grouped < 400


def _commits(house: House) -> int:
    with house.teller("admin") as admin:
        text = admin.http.get("/metrics").text
    found = re.search(r"^salestream_commit_events_count ([0-9.]+)$", text, re.M)
    assert found
    return int(float(found[1]))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[House]:
    with serving(tmp_path / "own") as house:
        yield house


def test_a_journal_that_cannot_be_written_takes_nothing_and_says_so(
    own: House, caplog: pytest.LogCaptureFixture
) -> None:
    path = _path(own.journal)
    with own.teller() as teller, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer, ready = teller.tell(event()), teller.http.get("/readyz")
        other.execute("ROLLBACK")

        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert str(path.parent) not in answer.text
        assert (ready.status_code, ready.json()["journal"]) == (503, "failing")
        assert "is being written by another process" in caplog.text
        assert teller.tell(event()).json()["results"][0]["status"] == "accepted"
        assert teller.http.get("/readyz").json() == {
            "ready": True, "journal": "writable", "ledger": {"state": "posted elsewhere", "behind": None},
        }  # fmt: skip


def _path(journal: SqliteJournal) -> Path:
    path: Any = journal._path
    assert isinstance(path, Path)
    return path
