"""What a change states, on its way to become an event."""

from typing import Any

import msgspec

from services.connectors.known import DELETED


class Untold(Exception):
    """A change that tells no event. The reason, for people; it tells nothing of the content."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """An event to be, without its identity."""

    role: str
    """Tells the events of one change apart; part of their ids."""
    type: str
    data: dict[str, Any]
    time: str | None = None
    """When it happened; None: when the change did."""
    filled: tuple[str, ...] = ()
    """Fields that the change does not tell: they are taken from what is known."""
    id: str | None = None
    """An id of its own, instead of that of the change."""


def deletion(source: str, native: str, marker: str) -> Statement:
    """The record was deleted: what comes later and is older tells nothing."""
    data = {"source": source, "id": marker, "reason": DELETED}
    return Statement(role="void", type="event.voided", data=data, id=f"void:{native}")


def voiding(source: str, id_: str, reason: str) -> Statement:
    """This event never happened. An event is voided once, so this has the same id whoever says it."""
    data = {"source": source, "id": id_, "reason": reason}
    return Statement(role="void", type="event.voided", data=data, id=f"void:{id_}")
