"""JSON Schema (draft 2020-12) of each event type: the whole structured CloudEvent, for those who send it."""

from typing import Any, Final

from pydantic import TypeAdapter

from events.base import SalesEvent
from events.codec import schema_urn
from events.envelope import RFC_3339, TENANT
from events.fields import fields_of, meanings
from events.vocabulary import BY_TYPE
from events.words import NAME_PATTERN

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = {"$ref": "#/$defs/Name"}
_MOMENT: Final = {"$ref": "#/$defs/Moment"}


def schema(type_: str) -> dict[str, Any]:
    """The JSON Schema of the newest version of an event type, such as ``deal.won``. Raises KeyError."""
    event = BY_TYPE[type_]
    data = _readable(TypeAdapter(event).json_schema())
    shapes = data.pop("$defs", {})
    meaning, described = meanings(event), {}
    for field in fields_of(event):
        about = [meaning.get(field.name, ""), f"Allowed: {field.allowed}."]
        shape = {"examples": [field.example]} if field.required else {}
        described[field.name] = shape | data["properties"][field.name] | {"description": " ".join(about).strip()}
        if field.personal:
            described[field.name]["x-personal"] = True
    return {
        "$schema": DRAFT,
        "$id": schema_urn(event),
        "title": f"{type_} · {event.ZH}",
        "description": data.pop("description"),
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": _envelope(event) | {"data": data | {"properties": described}},
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "$defs": _words() | shapes,
    }


def _readable(node: Any) -> Any:
    """The same schema with its names by reference, and without what says nothing."""
    if isinstance(node, list):
        return [_readable(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("pattern") == NAME_PATTERN:
        return _NAME | {key: node[key] for key in ("examples",) if key in node}
    return {key: _readable(item) for key, item in node.items() if not _says_nothing(key, item)}


def _says_nothing(key: str, item: Any) -> bool:
    return (key == "default" and item is None) or (key == "title" and isinstance(item, str))


def _words() -> dict[str, Any]:
    return {
        "Name": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NAME_PATTERN},
        "Moment": {"type": "string", "format": "date-time", "pattern": _ecma(RFC_3339.pattern)},
    }


def _envelope(event: type[SalesEvent]) -> dict[str, Any]:
    about = f"the data's {event.ENTITY}" if event.ENTITY else "its own source and id"
    return {
        "specversion": {"const": "1.0"},
        "id": _NAME | {"description": "With tenant and source: which event it is. Told again, it counts once."},
        "source": _NAME | {"description": "Which system tells it."},
        "type": {"const": event.TYPE},
        "time": _MOMENT | {"description": "When it occurred, with an offset."},
        "subject": {"type": ["string", "null"], "description": f"The entity it is about: {about}. Filled in."},
        "datacontenttype": {"type": ["string", "null"], "examples": ["application/json"]},
        "dataschema": {"enum": [schema_urn(event), None]},
        "tenant": {"type": ["string", "null"], "pattern": _ecma(TENANT.pattern)},
        "recordedtime": _or_null(_MOMENT) | {"description": "When it became known; from importers only."},
        "correlationid": _or_null(_NAME),
        "causationid": _or_null(_NAME),
        "inferred": {
            "enum": [True, False, "true", "false", None],
            "description": "Reconstructed by a reconciliation, not told by the source.",
        },
        "currencyfrom": {
            "enum": ["tenant", None],
            "description": "In exports: the currency was not told, it is the tenant's.",
        },
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _ecma(pattern: str) -> str:
    """A pattern of the codec as ECMAScript writes it."""
    return "^" + pattern.replace(r"\Z", "$").replace(r"\d", "[0-9]")
