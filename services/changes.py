"""Why a number changed between two moments at which it was known, read from the store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from events.codec import UnknownEvent, read
from events.envelope import Entry, Fact
from projections.answer import cut_json, definition, parts_json, shown, units_of
from projections.ask import Asker, Cell, Run
from projections.changes import Cause, Change, Look, Restated, causes, changed, steps
from projections.definitions import Definitions
from projections.question import BadQuestion, Question
from services.books import Books
from services.journal.port import Cut
from services.receipt import event_json


@dataclass
class Story:
    """A change with the events that tell it."""

    question: Question
    currency: str
    early: Cut
    late: Cut
    cell: Cell = ()
    entries: dict[int, Entry] = field(default_factory=dict)
    by: dict[int, int] = field(default_factory=dict)
    """Event to the position of the one that changed what it counts."""


def changes(books: Books, question: Question, known_from: str, known_to: str | None) -> dict[str, Any]:
    """The number at both moments, the difference, and its causes with their events; the effects add up exactly.

    The moments are recorded times or positions; without ``known_to``, now. Raises BadQuestion, also where the
    question names more or less than one cell.
    """
    return _as_json(*change_of(books, question, known_from, known_to))


def change_of(books: Books, question: Question, known_from: str, known_to: str | None) -> tuple[Change, Story]:
    """The same, exact."""
    early, late = _cut(books, "known_from", known_from), _cut(books, "known_to", known_to)
    if early.position > late.position:
        raise BadQuestion("known_from", f"{known_from!r} lies after known_to; allowed: a moment before it")
    old, new = books.definitions(early.position), books.definitions(late.position)
    story = Story(question, question.currency or new.calendar.currency, early, late)
    run = _once(books.query)

    def ask(later: bool, told: bool, definitions: Definitions) -> Asker:
        cut = Cut((late if told else early).position, (late if later else early).recorded_ms)
        return books.asker(cut, definitions, run)

    def causes_of(events: Iterable[int]) -> dict[int, str]:
        known = list(events)
        lines = _restated(books, known, early, late)
        entries = books.at({*known, *(line.position for line in lines)})
        found = causes(known, lines, _facts(entries), (early.position, early.recorded_ms))
        story.entries = {entry.position: entry for entry in entries}
        story.by = {event: by for event, (_, by) in found.items()}
        return {event: name for event, (name, _) in found.items()}

    change = changed(run, steps(ask, old, new, question.kpi.scoped), question, causes_of)
    story.cell = change.after.cell or change.before.cell or ()
    return change, story


def _once(run: Run) -> Run:
    """Each statement once: most steps of the way change nothing that it is made of."""
    known: dict[str, list[tuple[Any, ...]]] = {}

    def asked(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        key = f"{sql} {sorted(parameters.items())}"
        if key not in known:
            known[key] = run(sql, parameters)
        return known[key]

    return asked


def _cut(books: Books, field: str, known: str | None) -> Cut:
    """The cut of a moment of knowing. Raises BadQuestion that names its own field."""
    try:
        return books.cut(known)
    except BadQuestion as error:
        raise BadQuestion(field, str(error).removeprefix(f"{error.field} ")) from error


def _restated(books: Books, events: list[int], early: Cut, late: Cut) -> list[Restated]:
    """The lines between the cuts that belong to these events, and what those that caused them posted themselves."""
    between = "tenant = {tenant:String} AND position > {early:UInt64} AND position <= {late:UInt64}"
    theirs = f"{between} AND event IN {{events:Array(UInt64)}}"
    rows = books.query(
        f"SELECT DISTINCT event, position, outcome FROM {{postings}} WHERE {theirs} "
        f"OR {between} AND event = position AND event IN (SELECT position FROM {{postings}} WHERE {theirs})",
        {"tenant": books.tenant, "early": early.position, "late": late.position, "events": events},
    )
    return [Restated(*row) for row in rows]


def _facts(entries: Iterable[Entry]) -> dict[int, Fact]:
    """Those that this version can read."""
    found = {}
    for entry in entries:
        try:
            found[entry.position] = read(entry)
        except UnknownEvent:
            continue
    return found


def _as_json(change: Change, story: Story) -> dict[str, Any]:
    kpi = story.question.kpi
    told: dict[str, Any] = {"kpi": kpi.name, "variant": kpi.variant, "unit": kpi.unit}
    if any(part.unit in ("money", "any") for part in kpi.parts):
        told["currency"] = story.currency
    difference = change.difference
    return told | {
        "question": story.question.as_told(),
        "definition": definition(kpi),
        "before": _look(change.before, story.early, story),
        "after": _look(change.after, story.late, story),
        "difference": None if difference is None else shown(difference, kpi.unit, story.currency),
        "causes": [_cause(cause, story) for cause in change.causes],
    }


def _look(look: Look, cut: Cut, story: Story) -> dict[str, Any]:
    kpi = story.question.kpi
    return {
        "cut": cut_json(cut.position, cut.recorded_ms),
        "value": shown(look.value, kpi.unit, story.currency),
        "parts": parts_json(look.parts, story.question, look.cell or (), story.currency),
    }


def _cause(cause: Cause, story: Story) -> dict[str, Any]:
    return {
        "cause": cause.name,
        "effect": shown(cause.effect, story.question.kpi.unit, story.currency),
        "parts": _amounts(cause.parts, story),
        "events": [_event(event, delta, story) for event, delta in cause.events.items()],
    }


def _event(event: int, delta: Mapping[str, Fraction], story: Story) -> dict[str, Any]:
    told = event_json(story.entries[event]) | {"change": _amounts(delta, story)}
    by = story.by[event]
    return told | ({"by": event_json(story.entries[by])} if by not in (0, event) else {})


def _amounts(told: Mapping[str, Fraction], story: Story) -> dict[str, Any]:
    units = units_of(story.question, story.cell)
    return {name: shown(value, units.get(name, "count"), story.currency) for name, value in told.items() if value}
