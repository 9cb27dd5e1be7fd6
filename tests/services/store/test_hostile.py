"""Whatever a text holds, it is a value: in every field of every event, and in every parameter of every question."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from events.codec import InvalidEvent, as_dict, decode
from events.samples import full_sample
from events.vocabulary import EVENTS
from projections.catalogue import BY_ID
from projections.question import BadQuestion, question
from services.receipt import explain, history
from services.replay.digest import ledger_digest
from tests.oracle.real_path import NOW_MS, Company

HOSTILE: Final = "'; DROP TABLE postings; -- \\' \" ` {tenant:String} {{postings}} %s"


def replaced(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each field that holds text, or texts, and the same with the hostile one."""
    for name, value in data.items():
        if isinstance(value, str):
            yield name, HOSTILE
        elif isinstance(value, dict):
            yield name, {HOSTILE if name == "attributes" else key: HOSTILE for key in value}


def hostile_events() -> list[dict[str, Any]]:
    """Every event type with the hostile text wherever it is allowed."""
    found = []
    for number, event in enumerate(EVENTS):
        data = as_dict(full_sample(event))
        told = {"specversion": "1.0", "type": event.TYPE, "time": "2026-03-02T09:00:00Z", "source": HOSTILE}
        told |= {"id": f"{HOSTILE}{number}", "correlationid": HOSTILE}
        for name, value in replaced(dict(data)):
            with suppress(InvalidEvent):
                decode(told | {"data": data | {name: value}}, now_ms=NOW_MS, currency="CNY")
                data[name] = value
        found.append(told | {"data": data})
    return found


@pytest.fixture(scope="module")
def hostile(backends: Any) -> Company:
    company: Company = backends.company(hostile_events())
    return company


def test_texts_of_every_kind_are_hostile(hostile: Company) -> None:
    told = [each for event in hostile_events() for each in event["data"].values() if isinstance(each, str)]
    assert told.count(HOSTILE) > 60
    assert hostile.poster.position == len(EVENTS)


@pytest.mark.parametrize("kpi", BY_ID)
def test_every_question_about_them_is_answered_or_refused_in_a_sentence(kpi: str, hostile: Company) -> None:
    dims = sorted(BY_ID[kpi].dims - {"attributes"})
    if BY_ID[kpi].scoped:
        dims = ["region"]
    if "attributes" in BY_ID[kpi].dims:
        dims.append(f"attributes.{HOSTILE}")
    where = [f"{name}={HOSTILE}" for name in dims]

    answer = hostile.books.ask(question(kpi, by=dims, where=where, grain="month", order=f"-{dims[0]}"))
    assert all(row[dims[0]] == HOSTILE for row in answer["rows"])
    if not BY_ID[kpi].needs:
        receipt = explain(hostile.books, question(kpi, where=where))
        assert receipt["cell"]["period"] == "total"


def test_they_are_found_by_their_texts(hostile: Company) -> None:
    where = [f"{name}={HOSTILE}" for name in ("rep", "deal", "customer", "lead", "region", f"attributes.{HOSTILE}")]
    (row,) = hostile.books.ask(question("touchpoints", by=["team"], where=where))["rows"]
    assert row == {"period": "total", "team_id": HOSTILE, "value": 1, "parts": {"touchpoints": 1}}


@pytest.mark.parametrize("field", ["kpi", "by", "where", "grain", "from_", "to", "as_of", "currency", "order"])
def test_a_hostile_parameter_is_refused_in_a_sentence(field: str, hostile: Company) -> None:
    told: dict[str, Any] = {"kpi": "bookings", field: [HOSTILE] if field in ("by", "where") else HOSTILE}
    with pytest.raises(BadQuestion, match=r"^[^\n]+$"):
        hostile.books.ask(question(told.pop("kpi"), **told))


def test_histories_tell_them_as_they_were(hostile: Company) -> None:
    for kind in ("deal", "lead", "customer", "order", HOSTILE):
        told = history(hostile.books, kind, HOSTILE)
        assert [event["data"].get(f"{kind}_id") for event in told["events"]] == [HOSTILE] * len(told["events"])
        assert bool(told["events"]) == (kind != HOSTILE)


def test_after_all_that_the_ledger_is_what_a_clean_one_is(hostile: Company, company: Callable[..., Company]) -> None:
    again = company(hostile_events())
    assert ledger_digest(again.store, again.tenant, 10**6) == ledger_digest(hostile.store, hostile.tenant, 10**6)
