"""Records that tell one event each: an order, a call, an answer. If the record changes, the event is told anew."""

from collections.abc import Sequence
from typing import Any, Protocol

from events.envelope import to_text
from events.fields import fields_of
from events.vocabulary import BY_TYPE
from services.connectors.known import DELETED, Known, revision
from services.connectors.mapping import Record
from services.connectors.payload import fingerprint
from services.connectors.port import Change
from services.connectors.removal import marker_of
from services.connectors.said import Said
from services.connectors.statement import Statement, Untold, deletion, voiding


class Told(Protocol):
    """What was told before."""

    def told(self, id_: str) -> Sequence[Known]: ...
    def deleted_ms(self, marker: str) -> int: ...


def events(said: Said, known: Told, source: str) -> list[dict[str, Any]]:
    """The CloudEvents of a change. Raises Untold.

    The first telling has an id of the record, each later one the next revision; the one before it is voided.
    """
    change, rule = said.change, said.rule
    first = first_id(change, rule)
    stands = known.told(first)
    again = next((each for each in stands if each.native == change.native), None)
    live = stands[-1] if stands and not stands[-1].void else None
    deleted_ms = known.deleted_ms(marker_of(said)) if change.kind in ("created", "changed") else 0
    if again is None and max(deleted_ms, stands[-1].told_ms if stands else 0) > change.at_ms:
        raise Untold(f"{change.record[:60]} {change.kind} is older than what is known of the record")
    if change.kind == "deleted":
        return _deleted(said, live, known, source)
    meant = not rule.when or said.holds(rule.when) or (live is not None and not said.may_have_moved(rule.when))
    if not meant:
        return _taken_back(said, live, again, source)
    event = _event(said, source, live)
    if again is not None:
        return [event | {"id": again.id}]
    if live is not None and live.data.items() >= event["data"].items() and to_text(live.at_ms) == event["time"]:
        raise Untold(f"{change.record[:60]} {change.kind} says nothing new")
    event["id"] = revision(first, len(stands) + 1)
    void = [_void(said, voiding(source, live.id, "the record was changed"))] if live is not None else []
    return [*void, event]


def first_id(change: Change, rule: Record) -> str:
    """The id under which a record is told first."""
    return f"{fingerprint(change.record, change.id, rule.tells)}:fact"


def _taken_back(said: Said, live: Known | None, again: Known | None, source: str) -> list[dict[str, Any]]:
    if live is None or again is not None:
        raise Untold(f"{said.change.record[:60]} {said.change.kind} is left out by when in the mapping")
    return [_void(said, voiding(source, live.id, "the record was changed"))]


def _deleted(said: Said, live: Known | None, known: Told, source: str) -> list[dict[str, Any]]:
    native = said.change.native
    if said.rule.deleted == "keep":
        raise Untold(f"{said.change.record[:60]} was deleted; its events are kept")
    told = [_void(said, deletion(source, native, marker_of(said)))]
    if live is not None and not known.told(f"void:{native}"):
        told.append(_void(said, voiding(source, live.id, DELETED)))
    return told


def _void(said: Said, statement: Statement) -> dict[str, Any]:
    assert statement.id is not None, "a voiding has an id of its own"
    told = _envelope(said, statement.data["source"], statement.id, statement.type, said.change.at_ms)
    return told | {"data": statement.data}


def _event(said: Said, source: str, live: Known | None) -> dict[str, Any]:
    """The event as the record is now: what the change does not tell is as it was."""
    type_ = said.rule.tells
    shape = BY_TYPE[type_]
    names = [name for name in said.rule.fields if name not in ("time", "closed_at")]
    known = {} if live is None or said.is_whole else live.data
    data = {**known, **said.all_values(names)}
    if shape.ENTITY is not None:
        data.setdefault(shape.ENTITY, said.change.id)
    if data.keys() & {"amount", "cost"} and (currency := said.currency):
        data["currency"] = currency
    lacking = [each.name for each in fields_of(shape) if each.required and each.name not in data]
    if lacking:
        raise Untold(f"{said.change.record[:60]} {said.change.kind} lacks {', '.join(lacking)} of {type_}")
    at_ms = said.value("time") or (said.at_ms if live is None else live.at_ms)
    return _envelope(said, source, "", type_, at_ms) | {"data": data}


def _envelope(said: Said, source: str, id_: str, type_: str, at_ms: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": type_,
        "time": to_text(at_ms),
        "correlationid": said.change.native,
        "sequence": str(said.change.at_ms),
    }
