"""Some fields of journalled events, read without making the events: for who reads many of one type."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_type_hints

import msgspec

from events.base import SalesEvent
from events.codec import schema_urn
from events.envelope import Entry

Row = Any
"""The fields of one event, as attributes."""


def rows_of(event: type[SalesEvent], names: Iterable[str]) -> Callable[[Sequence[Entry]], list[Row | None]]:
    """A reader of journalled events of one type, as rows with these fields only; several times as fast as ``read``.

    A row is None where an event is not of the newest version, or not as this version writes it: ``read`` knows what it
    is.
    """
    urn = schema_urn(event)
    stored = msgspec.defstruct("Stored", [("data", _row(event, names)), ("dataschema", str)], gc=False)
    decode = msgspec.json.Decoder(stored).decode

    def read_rows(entries: Sequence[Entry]) -> list[Row | None]:
        found: list[Row | None] = []
        for entry in entries:
            try:
                told: Any = decode(entry.body)
                found.append(told.data if told.dataschema == urn else None)
            except msgspec.ValidationError:
                found.append(None)
        return found

    return read_rows


def _row(event: type[SalesEvent], names: Iterable[str]) -> type[msgspec.Struct]:
    hints = get_type_hints(event, include_extras=True)
    defaults = {field.name: field.default for field in msgspec.structs.fields(event)}
    shape = [(name, hints[name], defaults[name]) for name in names]
    return msgspec.defstruct("Row", shape, kw_only=True, gc=False)
