"""After a mapping was corrected: the deliveries of the inbox once more, and what that changes in the books.

An event that would be told otherwise, or not at all, is voided; what would be told instead is told under the next
revision of its id. What is the same stays. So nothing counts twice, both clocks show what was learned when, and doing
it again changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from events.corrections import EventVoided
from events.envelope import Entry, Told, to_text
from events.personal import PERSONAL, SEALED
from services.connectors.facts import first_id
from services.connectors.known import MARK, revision, without_revision
from services.connectors.library import mapping_for
from services.connectors.mapping import HookMapping
from services.connectors.payload import parse
from services.connectors.port import Change, Unreadable
from services.connectors.receive import ACCOUNT, translated
from services.connectors.registry import CONNECTORS
from services.connectors.rewriting import CORRECTED, PREFIX, Key, Rewriting, Standing, standing
from services.connectors.state import as_known
from services.connectors.translate import Terms, entity_of, natives
from services.journal.port import Delivery, Journal

_PAGE: Final = 500
_READ: Final = 5000
REASON: Final = "the mapping was corrected"

Progress = Callable[[int], None]


class Scope(msgspec.Struct, frozen=True):
    """Which deliveries are translated anew."""

    tenant: str
    system: str | None = None
    since_ms: int = 0


class Plan(msgspec.Struct):
    """What a correction comes to."""

    deliveries: int = 0
    same: int = 0
    """Events that stay as they are."""
    voided: list[str] = []
    """Ids that are taken back."""
    told: list[dict[str, Any]] = []
    """Events that are told, new or instead of voided ones."""
    by_hand: int = 0
    """Events that somebody else has voided: they stay so."""
    unknown: dict[str, int] = {}
    """Why deliveries tell nothing, and how often."""
    events: list[dict[str, Any]] = []
    """What to tell, in order: voidings and events."""


class Library:
    """The mappings of today."""

    def __init__(self, tenant: str, folder: Path | None) -> None:
        self._tenant: Final = tenant
        self._folder: Final = folder
        self._known: dict[str, HookMapping] = {}

    def of(self, system: str) -> HookMapping:
        """Raises MappingError."""
        if system not in self._known:
            self._known[system] = mapping_for(system, self._tenant, self._folder)
        return self._known[system]


def deliveries(journal: Journal, scope: Scope) -> Iterator[Delivery]:
    """Those of the scope, oldest first."""
    after = 0
    while page := journal.inbox(scope.tenant, after, _PAGE):
        after = page[-1].number
        for each in page:
            if each.system in CONNECTORS and scope.system in (None, each.system) and each.received_ms >= scope.since_ms:
                yield each


def source_of(delivery: Delivery) -> str:
    """The ``source`` of the events of a delivery."""
    return f"{PREFIX}{delivery.system}/{delivery.headers.get(ACCOUNT, 'default')}"


def plan(
    journal: Journal, scope: Scope, library: Library, currency: str, now_ms: int, progress: Progress = lambda done: None
) -> Plan:
    """Works out a correction; nothing is told. ``progress`` is given entries and deliveries that were read."""
    at_hand, entities, firsts = _about(journal, scope, library, currency)
    stands = standing(_entries(journal, scope.tenant, progress), at_hand, entities, firsts)
    is_ours = _is_ours(at_hand)
    books = Rewriting(stands, at_hand, is_ours)
    result, unknown = Plan(), Counter[str]()
    for delivery in deliveries(journal, scope):
        source = source_of(delivery)
        books.turn_to(source, delivery.received_ms)
        translation = translated(
            delivery.system, delivery.raw, library.of(delivery.system), books, Terms(source, currency)
        )
        for event in translation.events:
            books.add(event, scope.tenant, currency, now_ms)
        unknown.update(translation.unknown)
        result.deliveries += 1
        progress(1)
    result.unknown = dict(unknown.most_common())
    _compare(result, books, stands, is_ours, now_ms)
    _take_back_the_rest(result, books, stands, at_hand, now_ms)
    noted = {(entry.source, entry.id) for entry in stands.voidings}
    for key, event in books.voidings.items():
        if event["data"]["id"].endswith(MARK) and key not in noted:
            result.events.append(event)
    return result


def _about(journal: Journal, scope: Scope, library: Library, currency: str) -> tuple[set[str], set[Key], set[str]]:
    """What the deliveries are about: the changes, the entities, and the first ids of the facts they may tell."""
    at_hand, entities, firsts = set[str](), set[Key](), set[str]()
    for delivery in deliveries(journal, scope):
        try:
            changes = CONNECTORS[delivery.system].changes(parse(delivery.raw))
        except Unreadable:
            continue
        at_hand.update(natives(changes))
        mapping = library.of(delivery.system)
        for change in changes:
            if not isinstance(change, Change):
                continue
            rule = mapping.record((change.record, *change.also))
            if (key := entity_of(change, mapping, currency)) is not None:
                entities.add(key)
            elif rule is not None:
                firsts.add(first_id(change, rule))
    return at_hand, entities, firsts


def _is_ours(at_hand: set[str]) -> Callable[[Entry], bool]:
    def is_ours(void: Entry) -> bool:
        native = as_known(void, {}).native
        return void.source.startswith(PREFIX) and (native in at_hand or native == CORRECTED)

    return is_ours


def _entries(journal: Journal, tenant: str, progress: Progress) -> Iterator[Entry]:
    after = 0
    while page := journal.read(tenant, after, _READ):
        after = page[-1].position
        yield from map(journal.opened, page)
        progress(len(page))


def _compare(result: Plan, books: Rewriting, stands: Standing, is_ours: Callable[[Entry], bool], now_ms: int) -> None:
    """What stands, against what would stand. Events of one entity at one moment keep the order they are told in."""
    behind: set[tuple[str, str, int]] = set()
    wanted = dict(books.live())
    raw = {(source, without_revision(id_)): books.raw[source, id_] for source, id_ in books.events}
    for key, told in wanted.items():
        chain = stands.chains.get(key, [])
        last = chain[-1] if chain else None
        void = stands.voids.get((last.source, last.id)) if last is not None else None
        if void is not None and not is_ours(void):
            result.by_hand += 1
            continue
        place = told.type.partition(".")[0], told.subject, told.at_ms
        if last is not None and void is None and place not in behind and _is_same(last, told):
            result.same += 1
            continue
        behind.add(place)
        if last is not None and void is None:
            _take_back(result, last, now_ms)
        event = raw[key] | {"id": revision(key[1], len(chain) + 1)}
        result.told.append(event)
        result.events.append(event)


def _take_back_the_rest(result: Plan, books: Rewriting, stands: Standing, at_hand: set[str], now_ms: int) -> None:
    """What the deliveries told and would not tell now; what others told and they would take back now."""
    wanted = {key for key, _ in books.live()}
    also = set(books.also_voided())
    groups = [*stands.chains.items(), *((None, entries) for entries in stands.others.values())]
    for key, entries in groups:
        for entry in entries:
            identity = entry.source, entry.id
            unwanted = key is not None and key not in wanted and as_known(entry, {}).native in at_hand
            if (unwanted or identity in also) and identity not in stands.voids and entry.id not in result.voided:
                _take_back(result, entry, now_ms)


def _is_same(entry: Entry, told: Told) -> bool:
    """Whether an entry says what an event would say; a currency that neither tells aside."""
    stands, made = msgspec.json.decode(entry.body), msgspec.json.decode(told.body)
    for body in (stands, made) if "currencyfrom" in stands and "currencyfrom" in made else ():
        body["data"].pop("currency", None)
    if SEALED in stands:  # nobody knows any more what it told about a person
        made["data"] = {name: value for name, value in made["data"].items() if name not in PERSONAL[entry.type]}
    return (entry.type, entry.at_ms) == (told.type, told.at_ms) and bool(stands["data"] == made["data"])


def _take_back(result: Plan, entry: Entry, now_ms: int) -> None:
    result.voided.append(entry.id)
    result.events.append(
        {
            "specversion": "1.0",
            "id": f"void:{entry.id}",
            "source": entry.source,
            "type": EventVoided.TYPE,
            "time": to_text(now_ms),
            "correlationid": CORRECTED,
            "data": {"source": entry.source, "id": entry.id, "reason": REASON},
        }
    )
