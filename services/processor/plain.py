"""Posting, as columns, the events whose line is made of their own fields and nothing else."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import compress
from operator import itemgetter
from typing import Final

from events.envelope import Place
from events.rows import rows_of
from events.vocabulary import EVENTS
from projections.books.plain import Plain
from projections.books.shelf import ALONE, PLAIN
from projections.ledger import Key, Ledger
from services.store.columns import PlainLines

_READERS: Final = {type_: rows_of(rule.event, rule.fields()) for type_, rule in PLAIN.items()}
_SHARED: Final = {rule.event.KIND for rule in PLAIN.values()} - ALONE
"""Kinds of which only an entity's first event is plain."""
_SHARED_TYPES: Final = {event.TYPE for event in EVENTS if event.KIND in _SHARED}
_source_and_id: Final = itemgetter(2, 3)


def as_columns(
    ledger: Ledger,
    parked: Iterable[Key],
    places: Sequence[Place],
    *,
    known: Callable[[Iterable[Key]], set[Key]] = set,
) -> tuple[list[PlainLines], list[Place]]:
    """The events that can be posted as columns, by their rules, and the others in their order.

    An event that is voided already, waits behind a parked one or is of another version is among the others. So is one
    whose entity has, or may have, others: ``known`` gives, of some entities, those of which something was told before
    these events, or may have been. Events that are voided by a later one count as told, and so they may be posted
    before it.
    """
    others: list[Place] = []
    candidates: dict[str, list[Place]] = {type_: [] for type_ in PLAIN}
    for place in places:
        candidates.get(place[4], others).append(place)
    busy = _busy(places)
    found = []
    for type_, group in candidates.items():
        rule = PLAIN[type_]
        kind = rule.event.KIND
        aside = {entity for book, entity in parked if book == kind}
        if kind in _SHARED:
            aside |= {entity for *_, entity, _ in group if entity in busy}
            aside |= {entity for _, entity in known((kind, entity) for *_, entity, _ in group)}
        lines, rest = _lines(rule, group, aside, ledger.voided)
        others += rest
        if lines.places:
            found.append(lines)
    return found, sorted(others)


def _busy(places: Iterable[Place]) -> set[str]:
    """Entities of the kinds that are shared of which more than one event is told."""
    told = Counter([place[6] for place in places if place[4] in _SHARED_TYPES])
    return {entity for entity, count in told.items() if count > 1}


def _lines(
    rule: Plain, group: list[Place], aside: Container[str], voided: Container[tuple[str, str]]
) -> tuple[PlainLines, list[Place]]:
    """The lines of these events, and the events that are not posted so: those of entities to be left aside, too."""
    told = _READERS[rule.event.TYPE]([place[7] for place in group])
    odd = {place[6] for place, row in zip(group, told, strict=True) if row is None}
    fits = [
        row is not None and place[6] not in aside and place[6] not in odd and _source_and_id(place) not in voided
        for place, row in zip(group, told, strict=True)
    ]
    if all(fits):
        return PlainLines(rule, group, told), []
    lines = PlainLines(rule, list(compress(group, fits)), list(compress(told, fits)))
    return lines, [place for place, fit in zip(group, fits, strict=True) if not fit]
