"""Some fields of journalled events, read without making the events: for who reads many of one type."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Literal, get_type_hints

import msgspec

from events.base import SalesEvent
from events.codec import schema_urn

Row = Any
"""The fields of one event, as attributes."""


def rows_of(event: type[SalesEvent], names: Iterable[str]) -> Callable[[Sequence[bytes]], list[Row | None]]:
    """A reader of the bodies of journalled events of one type, as rows with these fields only; faster than ``read``.

    A field that is not told has its default, and where that is nothing, empty text, as columns have it. A row is None
    where an event is not of the newest version, or not as this version writes it: ``read`` knows what it is.
    """
    stored = msgspec.defstruct(
        "Stored", [("data", _row(event, names)), ("dataschema", Literal[schema_urn(event)])], gc=False
    )
    decoder = msgspec.json.Decoder(stored)
    data = attrgetter("data")

    def read_one(body: bytes) -> Row | None:
        try:
            return data(decoder.decode(body))
        except msgspec.ValidationError:
            return None

    def read_rows(bodies: Sequence[bytes]) -> list[Row | None]:
        try:
            found = list(map(data, decoder.decode_lines(b"\n".join(bodies))))
        except msgspec.DecodeError:
            found = []
        return found if len(found) == len(bodies) else list(map(read_one, bodies))

    return read_rows


def _row(event: type[SalesEvent], names: Iterable[str]) -> type[msgspec.Struct]:
    hints = get_type_hints(event, include_extras=True)
    defaults = {field.name: field.default for field in msgspec.structs.fields(event)}
    shape = [(name, hints[name], "" if defaults[name] is None else defaults[name]) for name in names]
    return msgspec.defstruct("Row", shape, kw_only=True, gc=False)
