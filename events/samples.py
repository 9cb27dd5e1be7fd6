"""Events to try things with: in tests, in the documentation, on the command line.

``sample(DealWon, amount="90.00")`` names only the facts that matter; the others come from the examples in the types.
"""

import json
from hashlib import blake2b
from typing import Any, Final, TypeVar

from events.base import SalesEvent
from events.codec import as_dict, decode, schema_urn
from events.envelope import DEFAULT_TENANT
from events.fields import NO_EXAMPLE, EventField, fields_of

Event = TypeVar("Event", bound=SalesEvent)

SOURCE: Final = "/crm/demo"
TIME: Final = "2026-03-02T09:00:00+08:00"
CURRENCY: Final = "CNY"
"""The currency of amounts that name none."""
_YEAR_2100_MS: Final = 4_102_444_800_000


def sample(event: type[Event], **facts: Any) -> Event:
    """A valid event with these facts, as it is read from a journal: amounts with all their decimals and a currency.

    Required fields that are not given have their example. Raises InvalidEvent where a fact is not allowed.
    """
    required = {field.name: _example(event, field) for field in fields_of(event) if field.required}
    return _valid(event, required | facts)


def full_sample(event: type[Event]) -> Event:
    """A valid event that tells every field there is."""
    return _valid(event, {field.name: _example(event, field) for field in fields_of(event)})


def told(
    event: SalesEvent,
    *,
    id: str | None = None,
    source: str = SOURCE,
    time: str = TIME,
    tenant: str = DEFAULT_TENANT,
    **extensions: str | int | bool,
) -> dict[str, Any]:
    """The structured CloudEvent that tells ``event``.

    Without an ``id`` it is made from everything that is told, so the same told again is the same event. Give one to
    tell two events that are alike.
    """
    content = {
        "source": source,
        "type": event.TYPE,
        "time": time,
        "dataschema": schema_urn(type(event)),
        "tenant": tenant,
        **extensions,
        "data": as_dict(event),
    }
    return {"specversion": "1.0", "id": id or f"{event.TYPE}-{_fingerprint(content)}", **content}


def _example(event: type[SalesEvent], field: EventField) -> Any:
    assert field.example is not NO_EXAMPLE, f"{event.TYPE}: give {field.name} an example in Field(examples=[…])"
    return field.example


def _valid(event: type[Event], data: dict[str, Any]) -> Event:
    cloud_event = {"specversion": "1.0", "id": "sample", "source": SOURCE, "type": event.TYPE, "time": TIME}
    valid = decode(cloud_event | {"data": data}, now_ms=_YEAR_2100_MS, currency=CURRENCY).data
    assert isinstance(valid, event)
    return valid


def _fingerprint(content: dict[str, Any]) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=6).hexdigest()
