"""Facts as the books read them, naming only what matters, and postings short enough to read."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from events.base import SalesEvent
from events.codec import decode, entity_id
from events.envelope import Fact, to_moment, to_ms
from events.samples import SOURCE, sample
from projections.books.shelf import BOOKS, order
from projections.posting import Posting
from tests.oracle.real_path import NOW_MS
from tests.projections.strategies import CloudEvent

Event = TypeVar("Event", bound=SalesEvent)
Told = tuple[str, SalesEvent]
"""A moment, such as ``2026-03-02`` (at midnight) or ``2026-03-02T09:00``, and what happened."""


def ms(moment: str) -> int:
    """Milliseconds of a UTC moment."""
    return to_ms(datetime.fromisoformat(moment).replace(tzinfo=UTC))


def fact(position: int, moment: str, event: SalesEvent, id_: str | None = None) -> Fact:
    """An event in its place."""
    id_ = id_ or f"e{position}"
    entity = entity_id(event, SOURCE, id_)
    return Fact(position, ms("2026-12-31"), ms(moment), SOURCE, id_, event.KIND, entity, event)


def facts(*told: Told) -> list[Fact]:
    """Events at positions 1, 2, … in the order in which they were told."""
    return [fact(position, moment, event) for position, (moment, event) in enumerate(told, 1)]


def postings(kind: str, history: Iterable[Fact]) -> list[Posting]:
    """What an entity's history is worth: the lines of its events, taken in order of (occurred, position)."""
    book = BOOKS[kind]()
    return [line for each in sorted(history, key=order) for line in book.post(each)]


def journalled(events: Iterable[CloudEvent]) -> list[Fact]:
    """The events as a journal would hand them out: each identity once."""
    found: dict[str, Fact] = {}
    for event in events:
        told = decode(event, now_ms=NOW_MS, currency="CNY", importer=True)
        if told.id not in found:
            entity = entity_id(told.data, told.source, told.id)
            place = len(found) + 1
            found[told.id] = Fact(place, NOW_MS, told.at_ms, told.source, told.id, told.data.KIND, entity, told.data)
    return list(found.values())


def posted(*told: Told) -> list[Posting]:
    """What the history of one entity is worth."""
    history = facts(*told)
    assert len({(each.kind, each.entity) for each in history}) == 1, "a history is about one entity"
    return postings(history[0].kind, history)


def of(lines: Iterable[Posting], *measures: str) -> list[Posting]:
    """The lines of these measures."""
    return [line for line in lines if line.measure in measures]


def short(lines: Iterable[Posting], *names: str) -> list[tuple[Any, ...]]:
    """Each line as (day, measure, count, amount) and these fields or dimensions."""
    return [
        (
            f"{to_moment(line.at_ms):%m-%d}",
            line.measure,
            line.count,
            line.amount,
            *(_value(line, name) for name in names),
        )
        for line in lines
    ]


def _value(line: Posting, name: str) -> Any:
    return getattr(line, name) if name in Posting.__struct_fields__ else getattr(line.dims, name)


def totals(lines: Iterable[Posting], *by: str) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """Count, amount and cost by these fields or dimensions; what adds up to nothing is left out."""
    found: dict[tuple[Any, ...], tuple[int, int, int]] = {}
    for line in lines:
        key = tuple(_value(line, name) for name in by)
        count, amount, cost = found.get(key, (0, 0, 0))
        found[key] = count + line.count, amount + line.amount, cost + line.cost
    return {key: total for key, total in found.items() if total != (0, 0, 0)}


def make(event: type[Event], moment: str, **told: Any) -> Told:
    """A moment and a sample."""
    return moment, sample(event, **told)


def positions(lines: Sequence[Posting]) -> list[int]:
    """The events that the lines come from."""
    return [line.event for line in lines]
