"""The door between bytes and events: what is refused and how, what is one content, what comes back."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import codec
from events.base import SalesEvent
from events.codec import InvalidEvent, UnknownEvent
from events.vocabulary import EVENTS
from events.words import is_name, tidy
from tests.events.telling import NOW_MS, WON, cloud_events, decoded, journalled, json_values, raw, won

SPEND = {**WON, "type": "spend.recorded"}
TARGET = {**WON, "type": "target.set"}
SURVEY = {**WON, "type": "survey.answered"}
TOUCH = {**WON, "type": "touchpoint.logged"}
CALENDAR = {**WON, "type": "calendar.defined"}
FX = {**WON, "type": "fx_rate.set"}
PIPELINE = {**WON, "type": "pipeline.defined"}
MANY = {str(number): "x" for number in range(17)}
HUGE = 10**4000


def but(told: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**told, **changes}


def data(told: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**told, "data": fields}


# What is told, the field that is named, and a part of the problem.
REFUSED: dict[str, tuple[dict[str, Any] | bytes, str, str]] = {
    "nothing": (b"", "event", "is not JSON"),
    "half": (b'{"id": ', "event", "is not JSON"),
    "two": (b"{} {}", "event", "is not JSON"),
    "list": (b"[]", "event", "is a list"),
    "null": (b"null", "event", "is null"),
    "latin-1": ('{"id": "é"}'.encode("latin-1"), "event", "is not text in UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + raw(WON), "event", "is not JSON"),
    "deep": (b'{"data":' * 20_000 + b"1" + b"}" * 20_000, "event", "bytes"),
    "deep enough": (b'{"d":' * 9_000 + b"1" + b"}" * 9_000, "event", "is nested too deeply"),
    "long": (raw(but(WON, other="x" * 70_000)), "event", "bytes"),
    "many digits": (b'{"data": ' + b"1" * 5000 + b"}", "event", "is not JSON"),
    "nan": (b'{"data": {"amount": NaN}}', "event", "NaN is no number"),
    "nan nested": (b'{"data": {"attributes": {"a": [NaN]}}}', "event", "NaN is no number"),
    "infinity": (b'{"data": {"amount": -Infinity}}', "event", "-Infinity is no number"),
    "twice": (b'{"id": "a", "id": "b"}', "event", "names id twice"),
    "twice nested": (b'{"data": {"amount": 1, "amount": 2}}', "event", "names amount twice"),
    "twice unseen": (b'{"a\\u0000\\ud800": 1, "a\\u0000\\ud800": 2}', "event", r"names a\x00\ud800 twice"),
    "no specversion": (but(WON, specversion=None), "specversion", "is missing"),
    "other specversion": (but(WON, specversion="0.3"), "specversion", "is '0.3'"),
    "float specversion": (but(WON, specversion=1.0), "specversion", "is a JSON float"),
    "no id": (but(WON, id=None), "id", "is missing"),
    "empty id": (but(WON, id=""), "id", "is ''"),
    "long id": (but(WON, id="x" * 201), "id", "is 'xxx"),
    "space before id": (but(WON, id=" a"), "id", "is ' a'"),
    "space after id": (but(WON, id="a\u3000"), "id", r"is 'a\\u3000'"),
    "line end after id": (but(WON, id="a\n"), "id", r"is 'a\\n'"),
    "control character in id": (but(WON, id="a\x00b"), "id", r"is 'a\\x00b'"),
    "unseen character in id": (but(WON, id="a\u200bb"), "id", r"is 'a\\u200bb'"),
    "lone surrogate in id": (but(WON, id=json.loads('"\\ud800"')), "id", r"is '\\ud800'"),
    "integer id": (but(WON, id=5), "id", "is an integer"),
    "boolean source": (but(WON, source=True), "source", "is a boolean"),
    "no type": (but(WON, type=None), "type", "is missing"),
    "unknown type": (but(WON, type="deal.pondered"), "type", "is 'deal.pondered'"),
    "list as type": (but(WON, type=["deal.won"]), "type", "is a list"),
    "no time": (but(WON, time=None), "time", "is missing"),
    "time as number": (but(WON, time=1772413200), "time", "is an integer"),
    "no offset": (but(WON, time="2026-03-02T09:00:00"), "time", "is '2026"),
    "date only": (but(WON, time="2026-03-02"), "time", "is '2026"),
    "space for T": (but(WON, time="2026-03-02 09:00:00Z"), "time", "is '2026"),
    "hour 24": (but(WON, time="2026-03-02T24:00:00Z"), "time", "is '2026"),
    "minute 60": (but(WON, time="2026-03-02T23:60:00Z"), "time", "is '2026"),
    "second 60": (but(WON, time="2026-12-31T23:59:60Z"), "time", "is '2026"),
    "offset 24": (but(WON, time="2026-03-02T09:00:00+24:00"), "time", "is '2026"),
    "offset 99": (but(WON, time="2026-03-02T09:00:00+99:99"), "time", "is '2026"),
    "short offset": (but(WON, time="2026-03-02T09:00:00+08"), "time", "is '2026"),
    "other digits": (but(WON, time="٢٠٢٦-03-02T09:00:00Z"), "time", "is '٢"),
    "fraction of ten digits": (but(WON, time="2026-03-02T09:00:00.0123456789Z"), "time", "is '2026"),
    "line end": (but(WON, time="2026-03-02T09:00:00Z\n"), "time", "is '2026"),
    "no such day": (but(WON, time="2026-02-30T09:00:00Z"), "time", "is no moment of the calendar"),
    "year 0": (but(WON, time="0000-01-01T00:00:00Z"), "time", "is no moment of the calendar"),
    "long ago": (but(WON, time="1899-12-31T23:59:59Z"), "time", "lies before 1900"),
    "far ahead": (but(WON, time="2026-11-23T00:00:00.001Z"), "time", "lies more than 24 h in the future"),
    "end of time": (but(WON, time="9999-12-31T23:59:59-23:59"), "time", "lies more than 24 h in the future"),
    "no data": (but(WON, data=None), "data", "is missing"),
    "text as data": (but(WON, data="{}"), "data", "is text"),
    "data in base 64": (but(WON, data_base64="e30="), "data_base64", "is not an attribute of CloudEvents"),
    "xml": (but(WON, datacontenttype="text/xml"), "datacontenttype", "is 'text/xml'"),
    "number as media type": (but(WON, datacontenttype=5), "datacontenttype", "is an integer"),
    "other subject": (but(WON, subject="D-2"), "subject", "is not the event's entity"),
    "number as subject": (data(but(TOUCH, subject=5), rep_id="r", kind="call"), "subject", "is not the event's"),
    "other schema": (but(WON, dataschema="urn:salestream:deal.lost:1"), "dataschema", "is 'urn:"),
    "newer schema": (but(WON, dataschema="urn:salestream:deal.won:2"), "dataschema", "is 'urn:"),
    "schema 0": (but(WON, dataschema="urn:salestream:deal.won:0"), "dataschema", "is 'urn:"),
    "schema 01": (but(WON, dataschema="urn:salestream:deal.won:01"), "dataschema", "is 'urn:"),
    "schema in other digits": (but(WON, dataschema="urn:salestream:deal.won:١"), "dataschema", "is 'urn:"),
    "number as schema": (but(WON, dataschema=1), "dataschema", "is an integer"),
    "tenant in capitals": (but(WON, tenant="Acme"), "tenant", "is 'Acme'"),
    "empty tenant": (but(WON, tenant=""), "tenant", "is ''"),
    "line end after tenant": (but(WON, tenant="acme\n"), "tenant", r"is 'acme\\n'"),
    "long tenant": (but(WON, tenant="a" * 65), "tenant", "is 'aaa"),
    "capital in a name": (but(WON, traceParent="x"), "traceParent", "is not an attribute of CloudEvents"),
    "unseen name": (but(WON, **{"a\n\ud800": "x"}), r"a\n\ud800", "is not an attribute of CloudEvents"),
    "object as extension": (but(WON, other={}), "other", "is not allowed so"),
    "float as extension": (but(WON, other=1.5), "other", "is not allowed so"),
    "huge extension": (but(WON, other=2**31), "other", "is not allowed so"),
    "empty extension": (but(WON, correlationid=""), "correlationid", "is not allowed so"),
    "surrogate extension": (but(WON, causationid="\ud800"), "causationid", "is not allowed so"),
    "inferred in words": (but(WON, inferred="yes"), "inferred", "is 'yes'"),
    "inferred as number": (but(WON, inferred=1), "inferred", "is an integer"),
    "currency from elsewhere": (but(WON, currencyfrom="me"), "currencyfrom", "is 'me'"),
    "no entity": (won(deal_id=None), "data.deal_id", "is missing"),
    "empty entity": (won(deal_id=""), "data.deal_id", "is empty"),
    "long entity": (won(deal_id="x" * 201), "data.deal_id", "is too long"),
    "space after entity": (won(deal_id="D-1 "), "data.deal_id", "has a form or a character"),
    "control character in entity": (won(deal_id="D\x7f1"), "data.deal_id", "has a form or a character"),
    "byte order mark in entity": (won(deal_id="\ufeffD-1"), "data.deal_id", "has a form or a character"),
    "number as entity": (won(deal_id=5), "data.deal_id", "is an integer"),
    "boolean as entity": (won(deal_id=True), "data.deal_id", "is a boolean"),
    "surrogate as entity": (won(deal_id="\ud800"), "data.deal_id", "is not valid Unicode"),
    "unknown field": (won(value=1), "data.value", "is not a field of deal.won; allowed: deal_id, amount, currency"),
    "unseen field": (won(**{"\n": 1}), r"data.\n", "is not a field of deal.won"),
    "surrogate as field": (won(**{"\ud800": 1}), "data", "is not valid Unicode"),
    "unknown field of contact": (
        data(but(WON, type="lead.created"), lead_id="L", contact={"age": 5}),
        "data.contact.age",
        "is not a field of contact; allowed: name, email, phone, company",
    ),
    "no amount": (won(amount=None), "data.amount", "is missing"),
    "float amount": (won(amount=12000.5), "data.amount", "is a JSON float, and digits would be lost"),
    "boolean amount": (won(amount=True), "data.amount", "is a boolean"),
    "list as amount": (won(amount=[1]), "data.amount", "is a list"),
    "negative amount": (won(amount="-0.01"), "data.amount", "is negative"),
    "exponent": (won(amount="1e3"), "data.amount", "is not a plain decimal"),
    "thousands": (won(amount="12,000.50"), "data.amount", "is not a plain decimal"),
    "other digits as amount": (won(amount="١٢"), "data.amount", "is not a plain decimal"),
    "space in amount": (won(amount="12 "), "data.amount", "is not a plain decimal"),
    "line end after amount": (won(amount="12\n"), "data.amount", "is not a plain decimal"),
    "huge amount": (won(amount=HUGE), "data.amount", "is not a plain decimal"),
    "too large": (won(amount="10000000000000.01"), "data.amount", "is too large"),
    "third decimal": (won(amount="12.505"), "data.amount", "has more decimals than CNY has"),
    "decimals of yen": (won(amount="12.5", currency="JPY"), "data.amount", "has more decimals than JPY has"),
    "decimals of cost": (won(cost="0.001"), "data.cost", "has more decimals than CNY has"),
    "unknown currency": (won(currency="RMB"), "data.currency", "is not a known currency"),
    "currency in small letters": (won(currency="cny"), "data.currency", "is not a known currency"),
    "list as currency": (won(currency=["CNY"]), "data.currency", "is not a known currency"),
    "many attributes": (won(attributes=MANY), "data.attributes", "has too many items"),
    "number as attribute": (won(attributes={"a": 1}), "data.attributes.a", "is an integer"),
    "long attribute": (won(attributes={"a": "x" * 201}), "data.attributes.a", "is too long"),
    "space in key": (won(attributes={"a ": "x"}), "data.attributes.a ", "has a form or a character"),
    "surrogate attribute": (won(attributes={"a": "\udfff"}), "data.attributes.a", "is not valid Unicode"),
    "text as attributes": (won(attributes="a"), "data.attributes", "is text"),
    "unknown kind": (data(TOUCH, rep_id="r", kind="fax"), "data.kind", "is none of the known values"),
    "text as boolean": (data(TOUCH, rep_id="r", kind="call", automated="no"), "data.automated", "is text"),
    "float as seconds": (data(TOUCH, rep_id="r", kind="call", duration_s=1.0), "data.duration_s", "is a JSON float"),
    "negative seconds": (data(TOUCH, rep_id="r", kind="call", duration_s=-1), "data.duration_s", "is out of range"),
    "huge seconds": (data(TOUCH, rep_id="r", kind="call", duration_s=HUGE), "data.duration_s", "is out of range"),
    "score above scale": (data(SURVEY, kind="nps", score="10.5"), "data.score", "is above the scale"),
    "score above own scale": (data(SURVEY, kind="nps", score=8, scale_max=7), "data.score", "is above the scale"),
    "score in four decimals": (data(SURVEY, kind="csat", score="1.2345"), "data.score", "has too many decimals"),
    "infinite score": (b'{"specversion":"1.0","id":"a","source":"b","type":"survey.answered",'
                       b'"time":"2026-01-01T00:00:00Z","data":{"kind":"csat","score":1e999}}',
                       "data.score", "is not a plain decimal"),
    "scale of nothing": (data(SURVEY, kind="nps", score=0, scale_max=0), "data.scale_max", "is out of range"),
    "no such date": (data(CALENDAR, holidays=["2026-02-29"]), "data.holidays.0", "is not a day of the calendar"),
    "date in other digits": (data(CALENDAR, workdays=["٢٠٢٦-02-28"]), "data.workdays.0", "is not a date"),
    "date of old": (data(CALENDAR, workdays=["1899-12-31"]), "data.workdays.0", "is out of range"),
    "number as date": (data(CALENDAR, holidays=[20260228]), "data.holidays.0", "is an integer"),
    "month 13": (data(CALENDAR, fiscal_year_start=13), "data.fiscal_year_start", "is out of range"),
    "unknown zone": (data(CALENDAR, timezone="Mars/Olympus"), "data.timezone", "is not a known time zone"),
    "path as zone": (data(CALENDAR, timezone="../etc/passwd"), "data.timezone", "is not a known time zone"),
    "half a period": (data(SPEND, category="tools", amount=1, period_from="2026-01-01"), "data.period_to", "missing"),
    "other half": (data(SPEND, category="tools", amount=1, period_to="2026-01-01"), "data.period_from", "is missing"),
    "period backwards": (
        data(SPEND, category="tools", amount=1, period_from="2026-01-02", period_to="2026-01-01"),
        "data.period_to",
        "is out of range; allowed: from period_from to 3660 days later",
    ),
    "unnamed scope": (data(TARGET, kpi="k", period="2026", value=1, scope="rep"), "data.scope_id", "is missing"),
    "named company": (data(TARGET, kpi="k", period="2026", value=1, scope_id="x"), "data.scope_id", "does not fit"),
    "month 0": (data(TARGET, kpi="k", period="2026-00", value=1), "data.period", "allowed: a year, quarter or month"),
    "period in other digits": (data(TARGET, kpi="k", period="٢٠٢٦", value=1), "data.period", "has a form"),
    "float as target": (data(TARGET, kpi="k", period="2026", value=0.5), "data.value", "is a JSON float"),
    "float as rate": (data(FX, base="USD", quote="CNY", rate=7.1), "data.rate", "is a JSON float"),
    "rate of nothing": (data(FX, base="USD", quote="CNY", rate="0"), "data.rate", "is out of range"),
    "no stages": (data(PIPELINE, pipeline="p", stages=[]), "data.stages", "has too few items"),
    "stage twice": (data(PIPELINE, pipeline="p", stages=[{"stage": "a"}, {"stage": "a"}]), "data.stages", "twice"),
    "bad stage": (data(PIPELINE, pipeline="p", stages=[{"stage": "a"}, {}]), "data.stages.1.stage", "is missing"),
    "certain stage": (
        data(PIPELINE, pipeline="p", stages=[{"stage": "a", "probability": 1.5}]),
        "data.stages.0.probability",
        "is out of range; allowed: a number or decimal string from 0 to 1 with at most 6 decimals",
    ),
}  # fmt: skip


def refusal(told: dict[str, Any] | bytes, *, importer: bool = False) -> InvalidEvent:
    """Why it is refused. A dict does not go by way of bytes: other parsers let through what ours does not."""
    with pytest.raises(InvalidEvent) as refused:
        codec.decode(
            codec.parse(told) if isinstance(told, bytes) else told, now_ms=NOW_MS, currency="CNY", importer=importer
        )
    return refused.value


def told_or_refused(told: dict[str, Any] | bytes) -> None:
    """Raises nothing; what is refused is refused in words, and what is not can be read."""
    try:
        parsed = codec.parse(told) if isinstance(told, bytes) else told
        valid = codec.decode(parsed, now_ms=NOW_MS, currency="CNY", importer=True)
    except InvalidEvent as error:
        refused = str(error)
    else:
        assert codec.read(journalled(valid)).data == valid.data
        return
    assert "; allowed: " in refused
    assert refused.isprintable()


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_the_field_the_problem_and_what_is_allowed(case: str) -> None:
    told, field, problem = REFUSED[case]

    error = refusal(told)

    assert error.field == field
    assert problem in str(error)
    assert str(error) == f"{error.field} {error.problem}"
    assert "; allowed: " in error.problem
    assert str(error).isprintable()
    assert not re.search(r"\\[dsxZA]|\[\^|pydantic", error.problem.partition("; allowed: ")[2])


@pytest.mark.parametrize(
    ("recordedtime", "problem"),
    [
        ("2026-11-22T00:00:00.001Z", "lies in the future"),
        ("2026-11-22", "is '2026-11-22'"),
        (5, "is an integer"),
        ("1899-01-01T00:00:00Z", "lies before 1900"),
    ],
    ids=["future", "date", "number", "old"],
)
def test_a_recorded_time_is_checked_where_it_is_honoured(recordedtime: Any, problem: str) -> None:
    assert problem in str(refusal(but(WON, recordedtime=recordedtime), importer=True))
    assert decoded(but(WON, recordedtime=recordedtime)).recorded_ms is None


def test_what_is_null_is_absent() -> None:
    absent = dict.fromkeys(
        ("subject", "dataschema", "datacontenttype", "tenant", "recordedtime", "inferred", "correlationid", "x")
    )
    plain = decoded(WON)

    told = decoded({**WON, **absent, "data": {**WON["data"], "cost": None, "attributes": None}}, importer=True)

    assert told == plain
    assert told.recorded_ms is None
    assert told.tenant == "default"


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-02T01:00:00Z",
        "2026-03-02t01:00:00z",
        "2026-03-02T01:00:00.000000000-00:00",
        "2026-03-01T20:30:00-04:30",
    ],
)
def test_one_moment_written_otherwise_is_the_same_content(time: str) -> None:
    told = decoded(but(WON, time=time))

    assert told.at_ms == decoded(WON).at_ms
    assert told.digest == decoded(WON).digest
    assert json.loads(told.body)["time"] == time


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return decoded(one).digest == decoded(other).digest


def test_content_is_what_is_told_not_how() -> None:
    assert same(won(amount="12000.5"), WON)
    assert same(won(amount="012000.500"), WON)
    assert same(won(amount="12000"), won(amount=12000))
    assert same(won(amount="0"), won(amount="0.00"))
    assert same(but(WON, id="evt-2", source="elsewhere", tenant="acme", correlationid="c", inferred=True), WON)
    assert same(won(attributes={"a": "1", "b": "2"}), won(attributes={"b": "2", "a": "1"}))
    assert same(data(TOUCH, rep_id="r", kind="call"), data(TOUCH, rep_id="r", kind="call", direction="outbound"))
    assert same(data(SURVEY, kind="nps", score=9), data(SURVEY, kind="nps", score="9.0"))


def test_other_content_has_another_digest() -> None:
    others = [
        WON,
        won(amount="12000.51"),
        won(currency="USD"),
        won(currency=None),
        won(cost="1"),
        won(deal_id="D-2"),
        won(attributes={"a": "1"}),
        but(WON, time="2026-03-02T09:00:01+08:00"),
        data(TOUCH, rep_id="r", kind="call"),
        data(TOUCH, rep_id="r", kind="call", direction="inbound"),
        data(but(WON, type="deal.lost"), deal_id="D-1"),
        data(but(WON, type="deal.reopened"), deal_id="D-1", stage="s"),
    ]

    assert len({decoded(other).digest for other in others}) == len(others)


def test_a_currency_left_out_is_the_tenants_and_stays_left_out_in_its_content() -> None:
    told = decoded(won(currency=None, amount="12000", cost="1"), currency="JPY")

    assert codec.as_dict(told.data) == {"deal_id": "D-1", "amount": "12000", "cost": "1", "currency": "JPY"}
    assert json.loads(told.body)["data"] == codec.as_dict(told.data)
    assert told.digest == decoded(won(currency=None, amount="12000", cost="1"), currency="USD").digest
    elsewhere = decoded(codec.export(journalled(told)), currency="USD")
    assert elsewhere.data == told.data
    assert elsewhere.digest == told.digest


def test_without_an_amount_there_is_no_currency_to_assume() -> None:
    told = decoded(data(but(WON, type="deal.updated"), deal_id="D-1", stage="proposal"))

    assert codec.as_dict(told.data) == {"deal_id": "D-1", "stage": "proposal"}
    assert "currencyfrom" not in json.loads(told.body)


def test_the_body_is_the_event_in_full() -> None:
    told = decoded(but(data(TOUCH, rep_id="r", kind="call"), inferred="true", other=5, correlationid="c"))

    assert json.loads(told.body) == {
        "specversion": "1.0",
        "id": "evt-1",
        "source": "/crm/demo",
        "type": "touchpoint.logged",
        "time": "2026-03-02T09:00:00+08:00",
        "subject": "/crm/demo#evt-1",
        "tenant": "default",
        "datacontenttype": "application/json",
        "dataschema": "urn:salestream:touchpoint.logged:1",
        "correlationid": "c",
        "inferred": True,
        "other": 5,
        "data": {"rep_id": "r", "kind": "call", "direction": "outbound", "automated": False},
    }


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.crm+json"])
def test_json_goes_by_several_names(media: str) -> None:
    assert decoded(but(WON, datacontenttype=media)).body == decoded(WON).body


def test_a_newer_event_in_the_journal_is_unknown() -> None:
    entry = journalled(decoded(WON))
    renamed = type(entry)(
        **{name: getattr(entry, name) for name in entry.__struct_fields__} | {"type": "deal.pondered"}
    )
    newer = type(entry)(
        **{name: getattr(entry, name) for name in entry.__struct_fields__}
        | {"body": entry.body.replace(b"deal.won:1", b"deal.won:2")}
    )

    with pytest.raises(UnknownEvent, match=r"deal\.pondered at position 7"):
        codec.read(renamed)
    with pytest.raises(UnknownEvent, match=r"deal\.won:2 at position 7 is newer"):
        codec.read(newer)


@given(st.sampled_from(EVENTS).flatmap(cloud_events))
def test_a_valid_event_comes_back_from_an_export(told: dict[str, Any]) -> None:
    first = decoded(told, importer=True)
    entry = journalled(first)

    again = decoded(codec.export(entry), currency="USD", importer=True)

    assert again.digest == first.digest
    assert again.body == first.body
    assert again.recorded_ms == entry.recorded_ms
    assert codec.read(entry).data == first.data


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_bytes_are_refused_in_words(message: bytes) -> None:
    told_or_refused(message)


@given(json_values.filter(lambda value: "NaN" not in json.dumps(value) and "Infinity" not in json.dumps(value)))
def test_what_is_parsed_is_what_any_parser_reads(value: Any) -> None:
    for ascii_only in (True, False):
        text = json.dumps({"data": value}, ensure_ascii=ascii_only, indent=ascii_only or None)
        assert codec.parse(text.encode("utf-8", "surrogatepass" if ascii_only else "ignore")) == json.loads(
            text if ascii_only else text.encode("utf-8", "ignore")
        )


@given(json_values, st.text(max_size=3), st.sampled_from(["", ":", "\\u003a", "\\u003A", '\\":', "\\\\"]))
def test_a_name_that_stands_twice_is_always_seen(value: Any, name: str, other: str) -> None:
    twice = f'{{"x": "{other}", {json.dumps(name)}: 1, "y": {json.dumps(value)}, {json.dumps(name)} : 2}}'

    with pytest.raises(InvalidEvent, match=r"^event (names .* twice in one object|is not JSON \(.*\)); allowed: "):
        codec.parse(f'{{"data": [{twice}]}}'.encode())


@given(st.data(), st.sampled_from(EVENTS), json_values)
def test_anything_in_the_place_of_anything_is_told_or_refused(
    draw: st.DataObject, event: type[SalesEvent], value: Any
) -> None:
    told = draw.draw(cloud_events(event))
    target = draw.draw(st.sampled_from([told, told["data"], *(v for v in told["data"].values() if type(v) is dict)]))
    target[draw.draw(st.sampled_from([*target, "wat"]) | st.text(max_size=5))] = value

    told_or_refused(told)


def test_the_subject_is_the_entity_whatever_an_event_of_its_own_says() -> None:
    touch = data(TOUCH, rep_id="r", kind="call")

    assert decoded(but(WON, subject="D-1")) == decoded(WON)
    assert decoded(but(touch, subject="rep r")) == decoded(touch)
    assert decoded(touch).subject == "/crm/demo#evt-1"


@given(st.text())
def test_tidy_makes_a_name_of_any_text(text: str) -> None:
    tidied = tidy(text)

    assert tidied == "" or is_name(tidied)
    assert not is_name(text) or tidied == text


def test_tidy_keeps_what_can_be_seen() -> None:
    assert tidy("\ufeff 华\u200b东\r\n大区\u200b ") == "华东 大区"
    assert tidy("x" * 199 + " yz") == "x" * 199
