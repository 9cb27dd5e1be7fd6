"""Records of the inbox, as the CloudEvents Kafka binding has them, come through the door."""

import json
from pathlib import Path
from typing import Any

import pytest

from events import samples
from events.deals import DealWon
from services.ingest import Ingest
from services.journal.sqlite import SqliteJournal
from services.kafka.binding import cloudevent
from tests.services.journal.telling import NOW_MS

EVENT = samples.told(samples.sample(DealWon), id="1", source="/crm", tenant="acme")
DATA = json.dumps(EVENT["data"]).encode()


def binary(**changed: str | None) -> list[tuple[str, bytes | None]]:
    """The headers of the event in binary mode, each attribute as ``ce_…``, with some changed or, as None, left out."""
    told = {f"ce_{name}": str(value) for name, value in EVENT.items() if name not in ("data", "datacontenttype")}
    told["content-type"] = "application/json"
    return [(name, value.encode()) for name, value in (told | changed).items() if value is not None]


def take(folder: Path, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> tuple[Any, str]:
    """What the journal holds after a record, and why it was refused."""
    with SqliteJournal(folder / "journal") as journal:
        (outcome,) = Ingest(journal, "CNY").tell([cloudevent(value, headers)], now_ms=NOW_MS)
        entries = journal.read("acme", 0, 10)
        return [entry.body for entry in entries], outcome.reason or ""


def test_both_modes_tell_the_same(tmp_path: Path) -> None:
    structured = json.dumps(EVENT).encode()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    one = take(tmp_path / "a", structured, [("content-type", b"application/cloudevents+json; charset=UTF-8")])
    two = take(tmp_path / "b", DATA, binary())

    assert one == two
    assert one[1] == ""
    assert len(one[0]) == 1


def test_json_without_a_word_about_it_is_structured() -> None:
    assert cloudevent(b'{"id": "1"}', []) == b'{"id": "1"}'
    assert cloudevent(b'{"id": "1"}', [("content-type", b"application/json"), ("trace", b"7")]) == b'{"id": "1"}'


def test_structured_wins_where_both_are_there() -> None:
    assert cloudevent(b"{}", [("content-type", b"Application/CloudEvents+JSON"), ("ce_id", b"2")]) == b"{}"


def test_attributes_are_the_headers_and_the_content_type_is_that_of_the_data() -> None:
    event = cloudevent(DATA, [*binary(), ("ce_inferred", b"true"), ("other", b"x")])

    assert isinstance(event, dict)
    assert event["datacontenttype"] == "application/json"
    assert (event["id"], event["source"], event["tenant"], event["inferred"]) == ("1", "/crm", "acme", "true")
    assert "other" not in event
    assert event["data"] == EVENT["data"]


@pytest.mark.parametrize(
    ("value", "changed", "reason"),
    [
        (b"not json", {}, "data is text"),
        (b'{"deal_id": "1", "deal_id": "2"}', {}, "data is text"),
        (b'{}, "tenant": "other"', {}, "data is text"),
        (b"\xff", {}, "data is text"),
        (None, {}, "data is missing"),
        (b"", {}, "data is missing"),
        (DATA, {"ce_specversion": "0.3"}, "specversion is '0.3'"),
        (DATA, {"ce_id": None}, "id is missing"),
        (DATA, {"content-type": "text/plain"}, "datacontenttype is 'text/plain'"),
        (DATA, {"ce_data": "{}", "ce_type": "deal.eaten"}, "type is 'deal.eaten'"),
    ],
)
def test_what_is_wrong_is_refused_at_the_door(
    tmp_path: Path, value: bytes | None, changed: dict[str, str | None], reason: str
) -> None:
    entries, why = take(tmp_path, value, binary(**changed))

    assert entries == []
    assert why.startswith(reason)


def test_a_tombstone_is_refused_at_the_door(tmp_path: Path) -> None:
    entries, why = take(tmp_path, None, [])

    assert entries == []
    assert why
