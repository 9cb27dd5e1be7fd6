"""JSON Schema (draft 2020-12) of each event type: the whole structured CloudEvent, for those who send it."""

from inspect import getdoc
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from events.base import SalesEvent
from events.codec import schema_urn
from events.envelope import RFC_3339, TENANT
from events.fields import fields_of, meanings
from events.personal import PERSONAL
from events.vocabulary import BY_TYPE
from events.words import NAME_PATTERN

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat a name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        return {key: value for key, value in super().dataclass_schema(schema).items() if key != "title"}

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> dict[str, Any]:
        return {key: value for key, value in super().generate(schema, mode).items() if key != "title"}


def schema(type_: str) -> dict[str, Any]:
    """The JSON Schema of the newest version of an event type, such as ``deal.won``. Raises KeyError."""
    event = BY_TYPE[type_]
    data = TypeAdapter(event).json_schema(schema_generator=_Untitled)
    shapes = data.pop("$defs", {})
    for field in fields_of(event):
        about = data["properties"][field.name]
        about["description"] = " ".join([meanings(event).get(field.name, ""), f"Allowed: {field.allowed}."]).strip()
        if field.name in PERSONAL.get(type_, ()):
            about["x-personal"] = True
    return {
        "$schema": DRAFT,
        "$id": schema_urn(event),
        "title": f"{type_} · {event.ZH}",
        "description": data.pop("description"),
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": _envelope(event) | {"data": data},
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        **({"$defs": shapes} if shapes else {}),
    }


def _envelope(event: type[SalesEvent]) -> dict[str, Any]:
    name = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NAME_PATTERN}
    # The same patterns as the codec's; ECMAScript writes the end of the text otherwise than Python.
    moment = {"type": "string", "format": "date-time", "pattern": f"^{_ecma(RFC_3339.pattern)}"}
    return {
        "specversion": {"const": "1.0"},
        "id": name | {"description": "With source and tenant: the identity of the event."},
        "source": name | {"description": "Which system tells it."},
        "type": {"const": event.TYPE},
        "time": moment | {"description": "When it occurred, with an offset."},
        "subject": {"type": ["string", "null"], "description": _about(event)},
        "datacontenttype": {"type": ["string", "null"], "examples": ["application/json"]},
        "dataschema": {"enum": [schema_urn(event), None]},
        "tenant": {"type": ["string", "null"], "pattern": f"^{_ecma(TENANT.pattern)}"},
        "recordedtime": moment | {"type": ["string", "null"], "description": "Honoured from an importer only."},
        "correlationid": name | {"type": ["string", "null"]},
        "causationid": name | {"type": ["string", "null"]},
        "inferred": {
            "enum": [True, False, "true", "false", None],
            "description": "Reconstructed by a reconciliation, not told by the source.",
        },
        "currencyfrom": {
            "enum": ["tenant", None],
            "description": "In exports: the currency was not told, it is the tenant's.",
        },
    }


def _about(event: type[SalesEvent]) -> str:
    if event.ENTITY is None:
        return "Filled in: an entity of its own."
    return f"Filled in with the data's {event.ENTITY}; must equal it where it is told."


def _ecma(pattern: str) -> str:
    return pattern.replace(r"\Z", "$").replace(r"\d", "[0-9]")
