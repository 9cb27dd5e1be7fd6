"""Why the data of an event was refused, in words: never a pattern, never a value, for it may be personal."""

from typing import Final

from pydantic_core import ErrorDetails

from events.base import SalesEvent
from events.fields import EventField, fields_of
from events.words import json_kind

_PROBLEMS: Final = {
    "missing": "is missing",
    "literal_error": "is none of the known values",
    "string_pattern_mismatch": "has a form or a character that is not allowed",
    "string_too_short": "is empty",
    "string_too_long": "is too long",
    "string_unicode": "is not valid Unicode",
    "too_short": "has too few items",
    "too_long": "has too many items",
    "greater_than_equal": "is out of range",
    "less_than_equal": "is out of range",
}


def refusal(error: ErrorDetails, event: type[SalesEvent]) -> tuple[str, str]:
    """The field, and its problem with what is allowed, of an error that pydantic found in the data."""
    path = [part for part in error["loc"] if part != "[key]"]
    name = ".".join(["data", *(named(str(part)) for part in path)])
    if error["type"] == "extra_forbidden":
        outer = _field(path[:-1], event)
        known = ", ".join(field.name for field in fields_of((outer and outer.inner) or event))
        return name, f"is not a field of {outer.name if outer else event.TYPE}; allowed: {known}"
    problem = error["msg"] if error["type"] == "word" else _PROBLEMS.get(error["type"])
    field = _field(path, event)
    allowed = field.allowed if field else "the fields of " + event.TYPE
    return name, f"{problem or 'is ' + json_kind(error['input'])}; allowed: {allowed}"


def named(text: str) -> str:
    """A name as it can be printed: as ``shown`` has it, in quotes where there is nothing to see."""
    return shown(text) if text.strip(" ") else f'"{text[:40]}"'


def shown(text: str) -> str:
    """A text as it can be printed: cut, and with unseen characters spelled out."""
    return text[:40] if text[:40].isprintable() else ascii(text[:40])[1:-1]


def _field(path: list[int | str], event: type[SalesEvent]) -> EventField | None:
    """The deepest declared field on ``path``: a key or an item of it says what the field allows."""
    shape: type | None = event
    found: EventField | None = None
    for part in path:
        for field in fields_of(shape) if shape else ():
            if field.name == part:
                found, shape = field, field.inner
    return found
