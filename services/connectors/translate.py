"""From changes to events: pure. The same change gives the same events, so a redelivery is a duplicate.

What a change leaves out (the stage a deal came from, the amount of a win) is taken from what was known before it was
first told, and the event names it in its extension ``filled``. So nothing that happens between two deliveries of one
change makes them differ. What is not known is left out; an amount that is needed and not known is 0, and corrected
at the time of the win as soon as it is told.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from events.envelope import to_ms, to_text
from services.connectors import deals, facts, people
from services.connectors.known import DELETED, Known, State, Void, latest, noted
from services.connectors.mapping import ENTITIES, HookMapping
from services.connectors.port import Change, Translation, Unknown
from services.connectors.removal import is_gone
from services.connectors.said import Said
from services.connectors.statement import Statement, Untold
from services.importer.moments import read_moment

_LATER: Final = 10**15
"""Positions of what this delivery tells: after all others."""
_TELLERS: Final = {"deal": deals.statements, "lead": people.lead, "customer": people.customer}


class Terms(msgspec.Struct, frozen=True):
    """What holds for a whole hook."""

    source: str
    """The ``source`` of its events: ``/hooks/hubspot/48975575``."""
    currency: str
    """The tenant's."""


def translate(changes: Sequence[Change | Unknown], mapping: HookMapping, state: State, terms: Terms) -> Translation:
    """What changes tell, in the order they happened. Never raises, whatever they hold."""
    known = _Growing(state, terms.source)
    ordered = sorted((each for each in changes if isinstance(each, Change)), key=lambda each: each.at_ms)
    unknown = [each.reason for each in changes if isinstance(each, Unknown)]
    state.expect([key for each in ordered if (key := entity_of(each, mapping, terms.currency)) is not None])
    events: list[dict[str, Any]] = []
    for number, change in enumerate(ordered):
        try:
            for event in _told(change, ordered[number + 1 :], mapping, known, terms):
                events.append(event)
                known.add(event)
                if event["type"] == "deal.won" and event["data"]["amount"] == "0" and "filled" in event:
                    unknown.append(f"{change.record[:60]} was won for an amount that is not known yet; told as 0")
        except Untold as error:
            unknown.append(str(error))
    return Translation(events, unknown)


def entity_of(change: Change, mapping: HookMapping, currency: str) -> tuple[str, str] | None:
    """The entity that a change is about, by kind and id; None where it is about none."""
    rule = mapping.record((change.record, *change.also))
    if rule is None or rule.tells not in ENTITIES:
        return None
    return rule.tells, Said(change, rule, mapping, currency).entity(f"{rule.tells}_id")


def _told(
    change: Change, later: Sequence[Change], mapping: HookMapping, known: "_Growing", terms: Terms
) -> list[dict[str, Any]]:
    """The events of one change. Raises Untold."""
    rule = mapping.record((change.record, *change.also))
    if rule is None:
        name = " ".join(each[:60] for each in (change.record, *change.also[1:]))
        raise Untold(f"{name} is not in the mapping")
    said = Said(change, rule, mapping, terms.currency)
    if rule.tells not in ENTITIES:
        return facts.events(said, known, terms.source)
    then = [Said(each, rule, mapping, terms.currency) for each in later if _is_same(each, change)]
    before = known.before(change.native)
    statements = list(_TELLERS[rule.tells](said, then, before))
    if is_gone(said, before):  # only what was told before it was deleted is told again
        statements = [each for each in statements if before.told(f"{change.native}:{each.role}")]
    if not statements:
        what = ", ".join(sorted(change.changed))[:60] if change.changed else "nothing that is in the mapping"
        raise Untold(f"{change.record[:60]} {change.kind} tells {what}, which is no event")
    return [_event(each, change, before, terms) for each in statements]


def _is_same(other: Change, change: Change) -> bool:
    return (other.record, other.id) == (change.record, change.id)


def _event(statement: Statement, change: Change, before: "_Before", terms: Terms) -> dict[str, Any]:
    """The CloudEvent of a statement; of one that was told before, with what was filled in then."""
    id_ = statement.id or f"{change.native}:{statement.role}"
    data, filled = dict(statement.data), set(statement.filled)
    type_, time = statement.type, statement.time or to_text(change.at_ms)
    if statement.id is None and (stands := before.told(id_)):
        first = stands[-1]
        id_ = first.id
        if first.void is not None:  # whatever it says, it counts no more
            type_, time, data = first.type, to_text(first.at_ms), dict(first.data)
        for name in filled | set(filter(None, first.filled.split(","))):
            filled.add(name)
            data.pop(name, None)
            if name in first.data:
                data[name] = first.data[name]
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": id_,
        "source": terms.source,
        "type": type_,
        "time": time,
        "correlationid": change.native,
        "sequence": str(change.at_ms),
        "data": data,
    }
    return event | ({"filled": ",".join(sorted(filled))} if filled else {})


class _Growing:
    """The state, with what this delivery has told so far."""

    def __init__(self, state: State, source: str) -> None:
        self._state: Final = state
        self.source: Final = source
        self._added: list[Known] = []
        self._voided: dict[tuple[str, str], Void] = {}

    def add(self, event: dict[str, Any]) -> None:
        """This was told."""
        if event["type"] == "event.voided":
            at_ms = to_ms(read_moment(event["time"], (), "UTC"))
            deleted_ms = at_ms if event["data"]["reason"] == DELETED else 0
            void = Void(_LATER + len(self._added), deleted_ms)
            noted(self._voided, (self.source, event["data"]["id"]), void)
        if not any(each.id == event["id"] for each in self.told(event["id"])):
            self._added.append(as_known(event, _LATER + len(self._added)))

    def history(self, kind: str, entity: str) -> list[Known]:
        """As in State, with what was added."""
        name = f"{kind}_id"
        added = [each for each in self._added if each.type.startswith(f"{kind}.") and each.data.get(name) == entity]
        return self._seen([*self._state.history(kind, entity), *added])

    def told(self, id_: str) -> list[Known]:
        """As in State, with what was added."""
        added = [each for each in self._added if each.id == id_ or each.id.startswith(f"{id_}~")]
        return self._seen([*self._state.told(id_), *added])

    def deleted_ms(self, marker: str) -> int:
        """As in State, with what was added."""
        own = self._voided.get((self.source, marker))
        return max(self._state.deleted_ms(marker), own.deleted_ms if own else 0)

    def before(self, native: str) -> "_Before":
        """What was known before a change was first told."""
        return _Before(self, native)

    def _seen(self, known: list[Known]) -> list[Known]:
        own = self._voided
        return [
            msgspec.structs.replace(each, void=own[each.source, each.id])
            if (each.source, each.id) in own and not each.void
            else each
            for each in known
        ]


class _Before:
    """The state as it was when a change was first told; as it is, if it was not told yet."""

    def __init__(self, known: _Growing, native: str) -> None:
        self._known: Final = known
        self.source: Final = known.source
        stand = [each.position for role in deals.ROLES for each in known.told(f"{native}:{role}")]
        self._since: Final = min(stand, default=None)
        self.is_new: Final = self._since is None

    def history(self, kind: str, entity: str) -> list[Known]:
        """As in State."""
        found = self._known.history(kind, entity)
        if self._since is None:
            return found
        return [self._as_it_was(each) for each in latest(found) if each.position < self._since]

    def _as_it_was(self, known: Known) -> Known:
        """What was deleted since was not deleted then."""
        assert self._since is not None, "else it is as it is"
        since_deleted = known.void is not None and known.void.deleted_ms and known.void.position >= self._since
        return msgspec.structs.replace(known, void=None) if since_deleted else known

    def told(self, id_: str) -> list[Known]:
        """As in State, whenever it was."""
        return self._known.told(id_)

    def deleted_ms(self, marker: str) -> int:
        """As in State, whenever it was."""
        return self._known.deleted_ms(marker)


def as_known(event: dict[str, Any], position: int) -> Known:
    """An event as it will stand in the journal."""
    told_ms = str(event.get("sequence", ""))
    return Known(
        position=position,
        source=event["source"],
        id=event["id"],
        type=event["type"],
        at_ms=to_ms(read_moment(event["time"], (), "UTC")),
        data=event["data"],
        filled=str(event.get("filled", "")),
        native=str(event.get("correlationid", "")),
        told_ms=int(told_ms) if told_ms.isdecimal() else 0,
    )


def natives(changes: Sequence[Change | Unknown]) -> Iterator[str]:
    """By what the changes of a delivery are known."""
    yield from (each.native for each in changes if isinstance(each, Change))
