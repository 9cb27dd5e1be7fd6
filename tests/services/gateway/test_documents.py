"""What can be looked up is true, complete, and needs no other server."""

import gzip
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from events import samples
from events.schema import schema
from events.vocabulary import BY_TYPE, EVENTS
from services.gateway.asyncapi import asyncapi
from services.kafka.topics import Names
from tests.services.gateway.conftest import STRUCTURED, House, event

OFFICIAL = json.loads(gzip.decompress((Path(__file__).parent / "vendor" / "asyncapi-3.0.0.json.gz").read_bytes()))
"""The JSON Schema of AsyncAPI 3.0.0, by those who make it."""


@pytest.fixture
def anybody(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.url, timeout=30, trust_env=False) as http:
        yield http


def references(node: Any) -> Iterator[str]:
    """Everything that a document refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolved(document: Any, reference: str) -> Any:
    """What stands there. Raises KeyError."""
    assert reference.startswith("#/"), reference
    for part in reference[2:].split("/"):
        document = document[part.replace("~1", "/")]
    return document


def test_the_asyncapi_document_is_one_by_its_official_schema(anybody: httpx.Client) -> None:
    document = anybody.get("/asyncapi.json").json()
    official = jsonschema_rs.validator_for(OFFICIAL)

    assert [str(error) for error in official.iter_errors(document)] == []
    broken = document | {"operations": {"tell": {"action": "shout", "channel": {"$ref": "#/channels/http"}}}}
    assert list(official.iter_errors(broken)), "the schema judges something"


def test_the_asyncapi_document_knows_every_event_and_both_ways(anybody: httpx.Client) -> None:
    document = anybody.get("/asyncapi.json").json()

    assert document == asyncapi("salestream")
    assert set(document["components"]["messages"]) == set(BY_TYPE)
    assert {name: channel["address"] for name, channel in document["channels"].items()} == {
        "http": "/events",
        "kafka": Names("salestream").inbox,
    }
    for reference in references(document):
        assert resolved(document, reference) is not None


@pytest.mark.parametrize("name", ["/asyncapi.json", "/openapi.json"])
def test_the_schemas_in_a_document_accept_what_is_valid_and_refuse_what_is_not(
    anybody: httpx.Client, name: str
) -> None:
    document = anybody.get(name).json()
    for kind in EVENTS:
        judge = jsonschema_rs.Draft202012Validator(
            {"$ref": f"#/components/schemas/{kind.TYPE}", "components": document["components"]}
        )
        told = samples.told(samples.sample(kind))
        assert judge.is_valid(told), kind.TYPE
        assert not judge.is_valid(told | {"id": ""})
        assert not judge.is_valid(told | {"data": told["data"] | {"nonsense": 1}})


def test_the_openapi_document_holds_together(anybody: httpx.Client) -> None:
    document = anybody.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    for reference in references(document):
        assert resolved(document, reference) is not None
    for methods in document["paths"].values():
        for told in methods.values():
            assert told["summary"]
            assert told["description"]
            assert all(status.isdecimal() for status in told["responses"])
            assert "422" not in told["responses"] or "index" in told["responses"]["422"]["description"]
    post = document["paths"]["/events"]["post"]
    assert post["security"] == [{"key": []}]
    assert {"202", "400", "401", "403", "408", "409", "413", "415", "422", "429", "503"} <= set(post["responses"])


def test_an_answer_is_as_the_document_says(house: House, anybody: httpx.Client) -> None:
    document = anybody.get("/openapi.json").json()
    answers = document["paths"]["/events"]["post"]["responses"]
    with house.teller() as teller:
        told = [teller.tell(event()), teller.tell(event(amount="1.00")), teller.tell(event("b", amount=1.5))]
        told += [teller.batch(event("c"), 1, event()), teller.tell(b"{"), teller.tell(b"{}", {})]
    assert [answer.status_code for answer in told] == [202, 409, 422, 202, 400, 415]
    for answer in told:
        ((media, content),) = answers[str(answer.status_code)]["content"].items()
        assert answer.headers["content-type"] == media
        judge = jsonschema_rs.Draft202012Validator(content["schema"] | {"components": document["components"]})
        judge.validate(answer.json())


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.TYPE)
def test_every_event_has_its_schema(anybody: httpx.Client, kind: Any) -> None:
    answer = anybody.get(f"/schemas/{kind.TYPE}/{kind.VERSION}.json")

    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == schema(kind.TYPE)
    assert anybody.get(f"/schemas/{kind.TYPE}/{kind.VERSION + 1}.json").status_code == 404


class Links(HTMLParser):
    """The links and tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src") and value]


def test_the_page_needs_nothing_from_elsewhere(anybody: httpx.Client) -> None:
    answer = anybody.get("/docs")
    page = Links()
    page.feed(answer.text)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert page.tags.isdisjoint({"script", "img", "link", "iframe"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"https?://|url\(|@import", answer.text)
    assert page.links
    for link in page.links:
        assert anybody.get(link).status_code == 200, link
    for path in ("/events", "/metrics", "/readyz"):
        assert path in answer.text


def test_figures_say_what_came_of_events_and_name_nobody(house: House) -> None:
    with house.teller() as teller:
        teller.batch(event("a"), event("a"), event("a", amount="1.00"), 1)
        teller.tell(b"{")
        answer = teller.http.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        r'salestream_events_total\{outcome="(accepted|duplicate|conflict|invalid)"\} \d+',
        r'salestream_requests_total\{route="/events",status="400"\} \d+',
        r'salestream_request_seconds_bucket\{le="0.005",route="/events"\} \d+',
        r"salestream_request_events_count \d+",
        r"salestream_commit_seconds_count \d+",
    ):
        assert re.search(f"^{line}", answer.text, re.M), line
    for private in (teller.tenant, teller.token.split("_")[1], "D-1", "/crm"):
        assert private not in answer.text


def test_it_is_alive_and_ready(anybody: httpx.Client) -> None:
    assert anybody.get("/healthz").json() == {"status": "ok"}
    assert anybody.get("/readyz").status_code == 200
    assert anybody.post("/events", json=event(), headers=STRUCTURED).status_code == 401
