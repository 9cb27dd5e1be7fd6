"""Explaining: a number's receipt with its events, read from the store."""

from collections.abc import Iterable
from typing import Any

from events.codec import UnknownEvent, as_dict, read
from events.corrections import EventVoided
from events.envelope import Entry, Fact, to_text
from events.personal import ERASED, token_of
from projections.answer import as_json, shown, units_of
from projections.definitions import Definitions
from projections.question import Question
from projections.receipt import Evidence, Key, Receipts, one_cell
from services.books import Books
from services.journal.port import Cut, Journal


def explain(books: Books, question: Question) -> dict[str, Any]:
    """The receipt of one cell: definition, cut, events counted and in context, events left out and why.

    Raises BadQuestion where the question names more or less than one cell.
    """
    cut = books.cut(question.as_of)
    asker = books.asker(cut)
    answered = asker.answer(question)
    period, cell = one_cell(answered)
    evidence = Receipts(books.query, asker, question).evidence(period, cell)
    told = as_json(answered, cut.position, cut.recorded_ms)
    row = told.pop("rows")[0]
    entries = _entries(books, evidence, cut)
    voided = _voided(asker.definitions)
    units = {**units_of(question, cell), **evidence.units}
    events, excluded = [], _later(books, question, evidence, cut)
    for entry, parked in entries:
        line = event_json(entry)
        reason = _reason(entry, parked, voided, evidence)
        if reason:
            excluded.append(line | {"reason": reason})
            continue
        added = {name: value for name, value in evidence.contributions.get(entry.position, {}).items() if value}
        line["contribution"] = {name: shown(value, units[name], answered.currency) for name, value in added.items()}
        events.append(line | {"role": "counted" if added else "context"})
    excluded.sort(key=lambda line: line["position"])
    return told | {"cell": row, "events": events, "excluded": excluded}


def _entries(books: Books, evidence: Evidence, cut: Cut) -> list[tuple[Entry, str]]:
    """The events of all histories a number rests on, of its definitions, and of what was left out."""
    keys = evidence.entities | {key for key, _ in evidence.left_out.values()}
    if "rep" in evidence.definitions:
        reps = books.reps(sorted(keys), sorted(evidence.measures), cut.position)
        keys = keys | {("rep", rep) for rep in reps}
    return books.entries(keys, cut.position, evidence.definitions - {"rep"}, bodies=False)


def _voided(definitions: Definitions) -> dict[tuple[str, str], Fact]:
    return {(f.data.source, f.data.id): f for f in definitions.facts if isinstance(f.data, EventVoided)}


def _reason(entry: Entry, parked: str, voided: dict[tuple[str, str], Fact], evidence: Evidence) -> str:
    if parked:
        return f"parked: {parked}"
    if entry.type != EventVoided.TYPE and (void := voided.get((entry.source, entry.id))) is not None:
        assert isinstance(void.data, EventVoided)
        return f"voided at position {void.position}" + (f": {void.data.reason}" if void.data.reason else "")
    _, reason = evidence.left_out.get(entry.position, (("", ""), ""))
    return reason


def _later(books: Books, question: Question, evidence: Evidence, cut: Cut) -> list[dict[str, Any]]:
    """Events that are known now and make the same cell, but were recorded after the cut."""
    now = books.cut(None)
    if now.position == cut.position:
        return []
    asker = books.asker(now)
    answered = asker.answer(question)
    if len(answered.rows) != 1:
        return []
    later = Receipts(books.query, asker, question).evidence(*one_cell(answered))
    positions = later.contributions.keys() - evidence.contributions.keys()
    entries: Iterable[tuple[Entry, str]] = books.entries(later.entities, now.position, bodies=False)
    return [
        event_json(entry) | {"reason": "recorded after the cut"}
        for entry, _ in entries
        if entry.position in positions and entry.position > cut.position
    ]


def event_json(entry: Entry) -> dict[str, Any]:
    """An event in its place, on both clocks."""
    told: dict[str, Any] = {"position": entry.position, "id": entry.id, "source": entry.source, "type": entry.type}
    told |= {"time": to_text(entry.at_ms), "recorded": to_text(entry.recorded_ms), "entity": entry.subject}
    return told


def history(books: Books, kind: str, entity: str, journal: Journal | None = None) -> dict[str, Any]:
    """Everything known about one entity, on both clocks: its events and what the books posted for them.

    What is personal in them is shown where ``journal`` is given to open it; for those who may read it only.
    """
    cut = books.cut(None)
    voided = _voided(books.definitions(cut.position))
    events = []
    key: Key = (kind, entity)
    for entry, parked in books.entries([key], cut.position):
        line = event_json(entry) | {"data": _data(entry if journal is None else journal.opened(entry))}
        if state := _personal(entry, journal):
            line["personal"] = state
        line["voided"] = (entry.source, entry.id) in voided
        events.append(line | ({"parked": parked} if parked else {}))
    return {"entity": kind, "id": entity, "events": events, "postings": books.postings(key, cut.position)}


def _personal(entry: Entry, journal: Journal | None) -> str:
    """What became of the personal fields of an event; nothing where it has none."""
    if journal is not None:
        return journal.personal(entry)
    token = token_of(entry)[1]
    return "erased" if token == ERASED else "sealed" if token else ""


def _data(entry: Entry) -> dict[str, Any]:
    """What an event tells; nothing where only a newer version can read it."""
    try:
        return as_dict(read(entry).data)
    except UnknownEvent:
        return {}
