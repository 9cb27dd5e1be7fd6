"""Telling events to the codec: as somebody would send them, and every valid one that there is."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st

from events import codec
from events.base import SalesEvent
from events.currencies import EXPONENTS
from events.envelope import Entry, Told, to_ms
from events.fields import EventField, fields_of
from events.surveys import SCALES
from events.words import is_name, major

NOW_MS: Final = to_ms(datetime(2026, 11, 22, tzinfo=UTC))
WON: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "/crm/demo",
    "type": "deal.won",
    "time": "2026-03-02T09:00:00+08:00",
    "data": {"deal_id": "D-1", "amount": "12000.50", "currency": "CNY"},
}


def raw(told: dict[str, Any]) -> bytes:
    """The event as bytes on the wire."""
    return json.dumps(told).encode()


def decoded(told: dict[str, Any] | bytes, *, currency: str = "CNY", importer: bool = False) -> Told:
    """What the codec makes of it."""
    parsed = codec.parse(told if isinstance(told, bytes) else raw(told))
    return codec.decode(parsed, now_ms=NOW_MS, currency=currency, importer=importer)


def won(**data: Any) -> dict[str, Any]:
    """A deal.won with other data; None takes a field away."""
    changed = {**WON["data"], **data}
    return {**WON, "data": {name: value for name, value in changed.items() if value is not None}}


def journalled(told: Told, *, position: int = 7, recorded_ms: int = NOW_MS) -> Entry:
    """The event in its place."""
    return Entry(
        tenant=told.tenant,
        position=position,
        recorded_ms=recorded_ms if told.recorded_ms is None else told.recorded_ms,
        source=told.source,
        id=told.id,
        type=told.type,
        at_ms=told.at_ms,
        subject=told.subject,
        body=told.body,
    )


texts: Final = st.text(st.characters(codec="utf-8"), max_size=20)
visible: Final = st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" \u3000\u200d")
names: Final = st.text(visible, min_size=1, max_size=20).map(lambda text: text.strip() or "x").filter(is_name)
json_values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("1" * 300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
moments: Final = st.datetimes(
    min_value=datetime(1900, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2026, 11, 21),  # noqa: DTZ001
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
).map(datetime.isoformat)
dates: Final = st.dates(date(1900, 1, 1), date(2299, 12, 31)).map(date.isoformat)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[str]:
    """Decimal texts from ``low`` to ``high``."""
    return st.decimals(low, high, places=places, allow_nan=False).map(lambda number: format(number, "f"))


BY_WORD: Final[dict[str, st.SearchStrategy[Any]]] = {
    "name": names,
    "date": dates,
    "probability": decimals(0, 1, 6),
    "score": decimals(0, 5, 3) | st.integers(0, 5),
    "scale": decimals(5, 1_000_000, 3),
    "rate": decimals(1, 1000, 12),
    "quantity": decimals(-(10**9), 10**12, 6) | st.integers(-(10**9), 10**12),
    "period": st.sampled_from(["2026", "1900-01", "2299-12", "2026-Q4"]),
    "time zone": st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York"]),
    "currency": st.sampled_from(sorted(EXPONENTS)),
    "amount": st.integers(0, 10**12),
}
BY_NAME: Final[dict[str, st.SearchStrategy[Any]]] = {
    "attributes": st.dictionaries(names, names, max_size=16),
    "comment": texts,
    "duration_s": st.integers(0, 31_536_000),
    "fiscal_year_start": st.integers(1, 12),
    "least": st.integers(1, 100),
    "aliases": st.dictionaries(names, names, max_size=3),
    "holidays": st.lists(dates, max_size=3),
    "workdays": st.lists(dates, max_size=3),
}


def value_of(field: EventField) -> st.SearchStrategy[Any]:
    """Any value that a field allows."""
    if field.name in BY_NAME:
        return BY_NAME[field.name]
    if field.word:
        assert field.word in BY_WORD, f"say in tests/events/telling.py what a {field.word} may be"
        return BY_WORD[field.word]
    if field.inner:
        inner = data_of(field.inner)
        return st.lists(inner, min_size=1, max_size=4) if field.name == "stages" else inner
    if field.allowed.startswith("text"):
        return texts
    return st.booleans() if field.allowed == "true or false" else st.sampled_from(field.allowed.split(", "))


def data_of(shape: type) -> st.SearchStrategy[dict[str, Any]]:
    """Any data in which each field is allowed by itself."""
    known = fields_of(shape)
    return st.fixed_dictionaries(
        {field.name: value_of(field) for field in known if field.required},
        optional={field.name: value_of(field) for field in known if not field.required},
    )


@st.composite
def cloud_events(draw: st.DrawFn, event: type[SalesEvent]) -> dict[str, Any]:
    """Any valid event of a type."""
    data = draw(data_of(event))
    currency = data.get("currency", "CNY")
    for name in data.keys() & {"amount", "cost"}:
        data[name] = major(data[name], currency)
    if "scale_max" not in data and data.get("kind") in SCALES:
        data["score"] = "1"
    if "period_to" in data or "period_from" in data:
        data["period_from"] = data["period_to"] = draw(dates)
    if event.TYPE == "target.set":
        data.pop("scope_id", None)
        if data.get("scope", "company") != "company":
            data["scope_id"] = draw(names)
    if event.TYPE == "pipeline.defined":
        data["stages"] = list({stage["stage"]: stage for stage in data["stages"]}.values())
    optional = {"correlationid": names, "inferred": st.booleans(), "other": st.integers(-(2**31), 2**31 - 1)}
    envelope = draw(st.fixed_dictionaries({"id": names, "source": names, "time": moments}, optional=optional))
    return {"specversion": "1.0", "type": event.TYPE, **envelope, "data": data}
