"""The AsyncAPI 3 document: every event type, and the ways in which it may be told."""

from importlib.metadata import version
from typing import Any, Final

from events.envelope import MAX_EVENT_BYTES
from events.vocabulary import BY_TYPE
from services.gateway.binding import STRUCTURED
from services.gateway.schemas import PLACE, components

VERSION: Final = "3.0.0"


def asyncapi(kafka_prefix: str) -> dict[str, Any]:
    """The document. ``kafka_prefix`` is what the names of the topics begin with."""
    messages = {type_: _message(type_) for type_ in BY_TYPE}
    channels = {
        "http": _channel("/events", "POST, one event or a batch.", {}),
        "kafka": _channel(f"{kafka_prefix}.inbox", "One event a record; the key is the tenant.", {"kafka": {}}),
    }
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Salestream",
            "version": version("salestream"),
            "description": (
                "What upstream systems tell: CloudEvents 1.0 in JSON. Tenant, source and id say which event it is: "
                f"told again alike, it counts once. At most {MAX_EVENT_BYTES} bytes each."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": STRUCTURED,
        "channels": channels,
        "operations": {
            "tellOverHttp": _operation("http", {"http": {"method": "POST"}}),
            "tellOverKafka": _operation("kafka", {}),
        },
        "components": {
            "messages": messages,
            "schemas": components(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key with scope ingest."}},
        },
    }


def _message(type_: str) -> dict[str, Any]:
    event = components()[type_]
    return {
        "name": type_,
        "title": event["title"],
        "summary": event["description"],
        "contentType": STRUCTURED,
        "payload": {"$ref": PLACE + type_},
    }


def _channel(address: str, description: str, bindings: dict[str, Any]) -> dict[str, Any]:
    messages = {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in BY_TYPE}
    told = {"address": address, "description": description, "messages": messages}
    return told | ({"bindings": bindings} if bindings else {})


def _operation(channel: str, bindings: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{type_}"} for type_ in BY_TYPE],
    }
    if channel == "http":
        told["security"] = [{"$ref": "#/components/securitySchemes/key"}]
    return told | ({"bindings": bindings} if bindings else {})
