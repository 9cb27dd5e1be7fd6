"""Our own books as a translation sees them: the ledger's histories, and what the journal has beyond them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from events.corrections import EventVoided
from events.envelope import Entry
from events.vocabulary import BY_TYPE
from projections.ledger import Key
from services.connectors.known import DELETED, Known, Void, noted, revision
from services.connectors.mapping import ENTITIES
from services.journal.port import Journal
from services.store.port import Readable

_PAGE: Final = 5000
_FEW: Final = 1000


class _Body(msgspec.Struct):
    data: dict[str, Any]
    filled: str = ""
    correlationid: Any = ""
    currencyfrom: str = ""
    sequence: Any = ""


_read: Final = msgspec.json.Decoder(_Body).decode
Voids = Mapping[tuple[str, str], Void]
"""By the identity that is voided."""


def as_known(entry: Entry, voids: Voids) -> Known:
    """An entry of the journal."""
    body = _read(entry.body)
    told_ms = str(body.sequence)
    data = body.data
    if body.currencyfrom:
        data.pop("currency", None)  # nobody told it
    return Known(
        position=entry.position,
        source=entry.source,
        id=entry.id,
        type=entry.type,
        at_ms=entry.at_ms,
        data=data,
        filled=body.filled,
        native=str(body.correlationid),
        told_ms=int(told_ms) if told_ms.isdecimal() else entry.at_ms,
        void=voids.get((entry.source, entry.id)),
    )


def voided_by(entry: Entry) -> tuple[tuple[str, str], Void]:
    """The identity that a voiding names, and how it voids it."""
    data = _read(entry.body).data
    deleted_ms = entry.at_ms if data.get("reason") == DELETED else 0
    return (str(data.get("source")), str(data.get("id"))), Void(entry.position, deleted_ms)


class Recent:
    """What a tenant's journal has that its ledger may not have yet, and everything that was voided.

    Not to be used by two threads at once.
    """

    def __init__(self, journal: Journal, store: Readable, tenant: str) -> None:
        self._journal: Final = journal
        self._store: Final = store
        self._tenant: Final = tenant
        self._upto = store.checkpoint(tenant).position
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._count = 0
        self._posted: dict[Key, list[Entry]] = {}
        """What the ledger has of the entities that the delivery at hand is about."""
        self.voids: dict[tuple[str, str], Void] = {}
        for entry in journal.of_type(tenant, [EventVoided.TYPE], self._upto):
            self._void(entry)

    def expect(self, keys: Sequence[Key]) -> None:
        """Reads what the ledger has of these entities, for the delivery that begins."""
        self._read_on()
        if self._count > _FEW:
            self._forget(self._store.checkpoint(self._tenant).position)
        wanted = list(dict.fromkeys(keys))
        found = self._store.histories(self._tenant, wanted) if wanted else {}
        self._posted = {key: found.get(key, []) for key in wanted}

    def history(self, kind: str, entity: str) -> list[Known]:
        """All events of an entity that was expected, by position."""
        key = kind, entity
        self._read_on()
        found = {entry.position: entry for entry in (*self._posted[key], *self._entries.get(key, []))}
        return [as_known(self._journal.opened(found[position]), self.voids) for position in sorted(found)]

    def told(self, source: str, id_: str) -> list[Known]:
        """What a source told under an id and its revisions."""
        self._read_on()
        found: list[Known] = []
        while (entry := self._journal.find(self._tenant, source, revision(id_, len(found) + 1))) is not None:
            found.append(as_known(self._journal.opened(entry), self.voids))
        return found

    def deleted_ms(self, source: str, marker: str) -> int:
        """When a record was deleted last; 0 if it never was."""
        self._read_on()
        void = self.voids.get((source, marker))
        return void.deleted_ms if void is not None else 0

    def _read_on(self) -> None:
        """Takes in what was told since."""
        while entries := self._journal.read(self._tenant, self._upto, _PAGE):
            self._upto = entries[-1].position
            for entry in entries:
                self._take(entry)

    def _take(self, entry: Entry) -> None:
        event = BY_TYPE.get(entry.type)
        if event is EventVoided:
            self._void(entry)
        elif event is not None and event.KIND in ENTITIES:
            self._entries.setdefault((event.KIND, entry.subject), []).append(entry)
            self._count += 1

    def _void(self, entry: Entry) -> None:
        identity, void = voided_by(entry)
        noted(self.voids, identity, void)

    def _forget(self, position: int) -> None:
        """What the ledger has by now is read from there."""
        kept = {key: [each for each in entries if each.position > position] for key, entries in self._entries.items()}
        self._entries = {key: entries for key, entries in kept.items() if entries}
        self._count = sum(map(len, self._entries.values()))


class BookState:
    """The state of one tenant, for the events of one source."""

    def __init__(self, recent: Recent, source: str) -> None:
        self._recent: Final = recent
        self._source: Final = source

    def expect(self, keys: Sequence[Key]) -> None:
        """As in State."""
        self._recent.expect(keys)

    def history(self, kind: str, entity: str) -> Sequence[Known]:
        """As in State."""
        return self._recent.history(kind, entity)

    def told(self, id_: str) -> Sequence[Known]:
        """As in State."""
        return self._recent.told(self._source, id_)

    def deleted_ms(self, marker: str) -> int:
        """As in State."""
        return self._recent.deleted_ms(self._source, marker)
