"""The CloudEvents HTTP binding, with the official SDK as the other side."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import http as sdk
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from services.gateway.binding import events_of, mode_of
from services.gateway.problems import Problem
from tests.services.gateway.conftest import BATCH, STRUCTURED, Teller, event

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
"""What the attributes of a CloudEvent may be: no control characters."""


def cloudevent(**attributes: Any) -> CloudEvent:
    """A deal that was won, as the SDK builds it."""
    told = {
        "id": "e-1",
        "source": "/crm",
        "type": "deal.won",
        "time": datetime(2026, 9, 21, 9, tzinfo=UTC),
        "datacontenttype": "application/json",
    }
    return CloudEvent(told | attributes, event()["data"])


def binary(*headers: tuple[str, str], body: bytes = b"{}") -> dict[str, Any]:
    """What these headers stand for."""
    made = Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in headers])
    (told,) = events_of(mode_of(made), made, body)
    assert isinstance(told, dict)
    return told


@given(value=TEXT)
def test_an_attribute_comes_out_of_headers_as_the_sdk_put_it_in(value: str) -> None:
    sent = sdk.to_binary_event(cloudevent(subject=value, id=value))
    told = binary(*sent.headers.items(), body=sent.body)
    back = sdk.from_binary_event(sent)

    assert told["id"] == told["subject"] == value == back.get_id() == back.get_subject()
    assert told["data"] == back.get_data() == event()["data"]
    assert told["time"] == "2026-09-21T09:00:00Z"
    assert told["datacontenttype"] == back.get_datacontenttype()


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41", "A"),
        ("100%25", "100%"),
        ("%2541", "%41"),
        ("100%", "100%"),
        ("a+b", "a+b"),
        ('"quoted value"', "quoted value"),
        (r'"with \"quotes\" and \\"', r'with "quotes" and \ '.strip()),
        ('"%E2%82%AC"', "€"),
        ('half"', 'half"'),
    ],
)
def test_header_values_are_freed_of_quotes_and_decoded_once(sent: str, meant: str) -> None:
    assert binary(("ce-id", sent))["id"] == meant


@pytest.mark.parametrize("sent", ["%C0%A0", "%FF", "%ED%A0%80", "\xe9"])
def test_header_values_that_are_no_utf_8_are_refused(sent: str) -> None:
    with pytest.raises(Problem, match="ce-id is not UTF-8"):
        binary(("ce-id", sent))


def test_names_of_headers_are_in_any_case() -> None:
    assert binary(("CE-ID", "1"), ("Content-Type", "Application/JSON; charset=UTF-8"))["id"] == "1"


def test_a_header_that_stands_twice_is_refused() -> None:
    with pytest.raises(Problem, match="sent twice"):
        binary(("ce-id", "1"), ("ce-id", "1"))
    with pytest.raises(Problem, match="Content-Type is sent twice"):
        binary(("ce-id", "1"), ("content-type", "application/json"), ("content-type", "text/plain"))


@pytest.mark.parametrize("name", ["ce-data", "ce-datacontenttype"])
def test_what_is_not_told_in_headers_is_refused_there(name: str) -> None:
    with pytest.raises(Problem, match="is no attribute"):
        binary(("ce-id", "1"), (name, "{}"))


def test_a_body_without_a_media_type_is_json_and_no_body_is_no_data() -> None:
    assert binary(("ce-id", "1"), body=b'{"a":1}') == {"id": "1", "data": {"a": 1}}
    assert binary(("ce-id", "1"), body=b"") == {"id": "1"}


def test_data_of_another_type_is_left_for_the_codec_to_refuse(teller: Teller) -> None:
    sent = sdk.to_binary_event(cloudevent())
    answer = teller.tell(b"amount=5", sent.headers | {"content-type": "text/plain"})

    assert (answer.status_code, answer.json()["field"]) == (422, "data")


@pytest.mark.parametrize("make", [sdk.to_binary_event, sdk.to_structured_event])
def test_what_the_sdk_sends_is_accepted_and_stands_as_it_was_meant(make: Any, teller: Teller) -> None:
    meant = cloudevent(id="订单 1", correlationid="c-1", subject="D-1")
    sent = make(meant)
    answer = teller.tell(sent.body, sent.headers)

    assert answer.json()["results"] == [{"index": 0, "id": "订单 1", "status": "accepted", "position": 1}]
    (entry,) = teller.house.journal.read(teller.tenant, 0, 9)
    stands = sdk.from_structured_event(sdk.HTTPMessage(STRUCTURED, entry.body))
    assert stands.get_data() == meant.get_data()
    for name in ("id", "source", "type", "time", "subject"):
        assert stands.get_attributes()[name] == meant.get_attributes()[name]
    assert stands.get_extension("correlationid") == "c-1"


def test_structured_and_binary_of_one_event_are_duplicates(teller: Teller) -> None:
    for make, status in ((sdk.to_structured_event, "accepted"), (sdk.to_binary_event, "duplicate")):
        sent = make(cloudevent())
        assert teller.tell(sent.body, sent.headers).json()["results"][0]["status"] == status


def test_a_batch_of_what_the_sdk_sends_is_accepted(teller: Teller) -> None:
    bodies = [sdk.to_structured_event(cloudevent(id=str(n))).body for n in range(3)]
    media = {"content-type": f"{BATCH['content-type']}; charset=UTF-8"}

    assert teller.tell(b"[" + b",".join(bodies) + b"]", media).json()["accepted"] == 3
    assert teller.ids() == ["0", "1", "2"]


def test_headers_beside_a_structured_event_say_nothing(teller: Teller) -> None:
    sent = sdk.to_structured_event(cloudevent())

    assert teller.tell(sent.body, sent.headers | {"ce-id": "other", "ce-type": "nonsense"}).status_code == 202
    assert teller.ids() == ["e-1"]


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_a_required_attribute_that_is_missing_is_named(name: str, teller: Teller) -> None:
    sent = sdk.to_binary_event(cloudevent())
    told = {key: value for key, value in sent.headers.items() if key != f"ce-{name}"}
    answer = teller.tell(sent.body, told)

    assert (answer.status_code, answer.json()["field"]) == (422, name)


def test_version_0_3_is_not_understood(teller: Teller) -> None:
    answer = teller.tell(event(specversion="0.3"))

    assert (answer.status_code, answer.json()["field"]) == (422, "specversion")
