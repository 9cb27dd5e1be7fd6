"""The CloudEvents Kafka binding: an event in a record, structured or binary, as the door of the journal takes it.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from collections.abc import Sequence
from typing import Any, Final

from events import strict_json

_STRUCTURED: Final = "application/cloudevents"
_PREFIX: Final = "ce_"


def cloudevent(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> bytes | dict[str, Any]:
    """What a record tells: the bytes of a structured event, or the object that a binary one stands for.

    Structured is what has a ``content-type`` of ``application/cloudevents…``, and also what has no ``ce_`` headers
    at all, for many producers write JSON without a word about it. Never raises: what is wrong is left for the door
    to refuse, with what was told. The key says nothing about the event; its tenant is its attribute ``tenant``.
    """
    if not headers:
        return value or b""
    texts = {name: (text or b"").decode("utf-8", "backslashreplace") for name, text in headers}
    media = next((text for name, text in texts.items() if name.lower() == "content-type"), None)
    attributes = {name[len(_PREFIX) :]: text for name, text in texts.items() if name.startswith(_PREFIX)}
    if not attributes or (media or "").strip().lower().startswith(_STRUCTURED):
        return value or b""
    event: dict[str, Any] = dict(attributes)
    event.pop("data", None)
    if media is not None:
        event["datacontenttype"] = media
    if value:
        event["data"] = _data(value)
    return event


def _data(value: bytes) -> Any:
    """The payload; what is no JSON as text, which no event allows."""
    try:
        return strict_json.parse(value)
    except strict_json.NotStrict:
        return value.decode("utf-8", "backslashreplace")
