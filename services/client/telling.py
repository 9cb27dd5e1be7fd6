"""From an event of the vocabulary to the CloudEvent that is told, judged before it leaves the program."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from events import codec
from events.base import SalesEvent
from events.codec import InvalidEvent
from events.currencies import EXPONENTS
from events.envelope import MAX_EVENT_BYTES
from services.clock import now_ms

_FINEST: Final = max(EXPONENTS, key=lambda code: EXPONENTS[code])
"""Stands for the tenant's currency, which only the gateway knows: no amount has too many decimals for it."""
_encode: Final = msgspec.json.Encoder().encode


class Dated(NamedTuple):
    """Something that happened, and when."""

    event: SalesEvent
    time: datetime
    """Aware, or it is refused."""
    id: str | None = None
    """With the source, what it is known by. None: an id made of its content, so that the same event told twice is one.
    Two calls of one rep at one time to one lead are two events: give them ids."""


def cloud_event(
    told: Dated, *, source: str, tenant: str | None = None, extensions: Mapping[str, str | int | bool] | None = None
) -> tuple[str, bytes]:
    """The id, and the structured CloudEvent as JSON.

    Amounts may be decimal strings or ``Decimal``. Raises InvalidEvent, with the sentence of the gateway.
    """
    type_ = told.event.TYPE
    data = _without_nothing(msgspec.to_builtins(told.event))
    whole: dict[str, Any] = {
        "specversion": "1.0",
        "id": told.id or type_,
        "source": source,
        "type": type_,
        "time": told.time.isoformat(),
        **({"tenant": tenant} if tenant else {}),
        **(extensions or {}),
        "data": data,
    }
    judged = codec.decode(whole, now_ms=now_ms(), currency=_FINEST)
    whole["id"] = told.id or f"{type_}-{judged.digest.hex()}"
    body = _encode(whole)
    if len(body) > MAX_EVENT_BYTES:
        raise InvalidEvent("event", f"is {len(body)} bytes; allowed: at most {MAX_EVENT_BYTES}")
    return whole["id"], body


def _without_nothing(value: Any) -> Any:
    """The same without fields that are not told."""
    if isinstance(value, dict):
        return {name: _without_nothing(each) for name, each in value.items() if each is not None}
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value
