"""The books as they would be, had the deliveries of the inbox been translated with the mappings of today.

What other deliveries and other sources told stands as it is, each from the time on when it was recorded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from events.codec import InvalidEvent, decode
from events.corrections import EventVoided
from events.envelope import Entry, Told
from events.vocabulary import BY_TYPE
from services.connectors.known import DELETED, MARK, Known, Void, noted, without_revision
from services.connectors.mapping import ENTITIES
from services.connectors.state import as_known, voided_by
from services.connectors.translate import as_known as as_made

CORRECTED: Final = "retranslate"
"""The ``correlationid`` of what a correction tells to take something back."""
PREFIX: Final = "/hooks/"
"""What the source of everything begins with that a hook told."""
_MADE: Final = 10**14
"""Positions of what is made anew: after all that stand."""

Key = tuple[str, str]


class Standing(msgspec.Struct):
    """What stands in the journal, as far as a correction is about it."""

    chains: dict[Key, list[Entry]] = {}
    """By source and first id: everything that a hook told under it, in order. Of the deliveries at hand, and of
    records that they may tell anew."""
    others: dict[Key, list[Entry]] = {}
    """By kind and entity: what the deliveries at hand did not tell."""
    voids: dict[Key, Entry] = {}
    """By identity: the first voiding."""
    voidings: list[Entry] = []
    """Those of deleted records."""


def standing(entries: Iterable[Entry], natives: set[str], entities: set[Key], firsts: set[str]) -> Standing:
    """Sorts the journal. ``natives`` are the changes at hand, ``entities`` and ``firsts`` what they may be about."""
    found = Standing()
    for entry in entries:
        event = BY_TYPE.get(entry.type)
        if event is EventVoided:
            identity, _ = voided_by(entry)
            found.voids.setdefault(identity, entry)
            if identity[1].endswith(MARK):
                found.voidings.append(entry)
        elif event is None:
            continue
        elif entry.source.startswith(PREFIX) and is_of(entry, natives, firsts):
            found.chains.setdefault((entry.source, without_revision(entry.id)), []).append(entry)
        elif (event.KIND, entry.subject) in entities:
            found.others.setdefault((event.KIND, entry.subject), []).append(entry)
    return found


def is_of(entry: Entry, natives: set[str], firsts: set[str]) -> bool:
    """Whether the changes at hand told this entry, or tell its record anew."""
    return as_known(entry, {}).native in natives or without_revision(entry.id) in firsts


class Rewriting:
    """The state of one source while its deliveries are translated anew, in the order they came."""

    def __init__(self, stands: Standing, natives: set[str], is_ours: Callable[[Entry], bool]) -> None:
        """``is_ours`` says of a voiding whether the deliveries at hand, or a correction, told it."""
        self._stands: Final = stands
        self._natives: Final = natives
        self._is_ours: Final = is_ours
        self._received_ms = 0
        self.source = ""
        self._made: dict[Key, list[Known]] = {}
        """By source and first id."""
        self._by_entity: dict[Key, list[Known]] = {}
        self._voids: dict[Key, Void] = {}
        self.events: dict[Key, Told] = {}
        """By source and id: what is made, in order."""
        self.raw: dict[Key, dict[str, Any]] = {}
        self.voidings: dict[Key, dict[str, Any]] = {}

    def turn_to(self, source: str, received_ms: int) -> None:
        """The next delivery is one of this source that came at this time."""
        self.source, self._received_ms = source, received_ms

    def add(self, event: dict[str, Any], tenant: str, currency: str, now_ms: int) -> None:
        """This is told now. What the journal would refuse is not."""
        if event["type"] == EventVoided.TYPE:
            data = event["data"]
            deleted_ms = as_made(event, 0).at_ms if data["reason"] == DELETED else 0
            void = Void(_MADE + len(self.events) + len(self._voids), deleted_ms)
            noted(self._voids, (data["source"], data["id"]), void)
            self.voidings.setdefault((event["source"], event["id"]), event)
            self._made.setdefault((event["source"], event["id"]), []).append(as_made(event, void.position))
            return
        key = event["source"], event["id"]
        if key in self.events:
            return
        try:
            told_event = decode(event | {"tenant": tenant}, now_ms=now_ms, currency=currency)
        except InvalidEvent:
            return
        self.events[key], self.raw[key] = told_event, event
        known = as_made(event, _MADE + len(self.events) + len(self._voids))
        self._made.setdefault((event["source"], without_revision(event["id"])), []).append(known)
        kind = BY_TYPE[event["type"]].KIND
        if kind in ENTITIES:
            self._by_entity.setdefault((kind, told_event.subject), []).append(known)

    def expect(self, keys: Sequence[Key]) -> None:
        """As in State: all of them were read already."""

    def history(self, kind: str, entity: str) -> Sequence[Known]:
        """As in State."""
        others = [each for each in self._stands.others.get((kind, entity), []) if self._is_past(each)]
        return [*(self._seen(each) for each in others), *map(self._voided, self._by_entity.get((kind, entity), []))]

    def told(self, id_: str) -> Sequence[Known]:
        """As in State."""
        key = self.source, id_
        others = [self._seen(each) for each in self._stands.chains.get(key, []) if self._is_past(each)]
        made = map(self._voided, self._made.get(key, []))
        return [*(each for each in others if each.native not in self._natives), *made]

    def deleted_ms(self, marker: str) -> int:
        """As in State."""
        key = self.source, marker
        stands = [void for void in self._stands.voidings if not self._is_ours(void) and self._is_past(void)]
        known = [how.deleted_ms for identity, how in map(voided_by, stands) if identity == key]
        made = self._voids.get(key)
        return max([*known, made.deleted_ms if made else 0])

    def live(self) -> Iterator[tuple[Key, Told]]:
        """What would stand, by source and first id, in order."""
        for key, told in self.events.items():
            if key not in self._voids:
                yield (key[0], without_revision(key[1])), told

    def also_voided(self) -> Iterator[Key]:
        """What other deliveries told and these take back."""
        return (key for key in self._voids if key not in self.events)

    def _is_past(self, entry: Entry) -> bool:
        return entry.recorded_ms <= self._received_ms

    def _seen(self, entry: Entry) -> Known:
        voids = dict(self._voids)
        void = self._stands.voids.get((entry.source, entry.id))
        if void is not None and not self._is_ours(void) and self._is_past(void):
            identity, how = voided_by(void)
            voids.setdefault(identity, how)
        return as_known(entry, voids)

    def _voided(self, known: Known) -> Known:
        void = self._voids.get((known.source, known.id))
        return known if void is None else msgspec.structs.replace(known, void=void)
