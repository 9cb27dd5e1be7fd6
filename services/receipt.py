"""Explaining: a number's receipt with its events, read from the store page by page."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from events.codec import UnknownEvent, as_dict, read
from events.corrections import EventVoided
from events.envelope import Entry, Fact, to_text
from events.personal import ERASED, token_of
from projections.answer import as_json, shown, units_of
from projections.ask import Answered, Asker, Cell
from projections.definitions import Definitions
from projections.listing import Found, Key, Listed, Listing, Reasons, Text
from projections.periods import Period
from projections.plan import Select
from projections.question import BadQuestion, Question
from projections.receipt import Receipts, one_cell
from services.books import Books
from services.journal.port import Journal

PAGE: Final = 1_000
"""Events of a page, unless asked for otherwise."""
MOST: Final = 100_000
"""Events that a page has at most."""
_OTHERS: Final = "others:"
"""What begins the cursor of a page that lists no more events that count."""
_LATER: Final = "recorded after the cut"

Rows = list[tuple[Any, ...]]
Placed = tuple[Entry, str]
"""An event in its place, and why it is parked or nothing."""


def explain(books: Books, question: Question, size: int = PAGE, after: str | None = None) -> dict[str, Any]:
    """One page of the receipt of one cell: definition, cut, events counted and in context, events left out and why.

    The events that count come first, in the order of the journal, then those of the same histories and those left out,
    in that order too; a page has at most ``size`` of them and follows on what the page before called ``next``.
    ``counted`` says how many count in all. Raises BadQuestion where the question names more or less than one cell.
    """
    if not 1 <= size <= MOST:
        raise BadQuestion("page_size", f"{size} is out of range; allowed: 1 to {MOST}")
    return _Receipt(books, question, size).page(_Cursor.of(after))


def pages(books: Books, question: Question, size: int = PAGE) -> Iterator[dict[str, Any]]:
    """All pages of the receipt of one cell, one after the other, as known at the cut of the first."""
    receipt = _Receipt(books, question, size)
    page = receipt.page(_Cursor())
    yield page
    while page["next"] is not None:
        page = receipt.page(_Cursor.of(page["next"]))
        yield page


@dataclass(frozen=True)
class _Cursor:
    """Where a page begins: after the event at a position, among those that count or among the others."""

    position: int = 0
    others: bool = False

    @staticmethod
    def of(told: str | None) -> "_Cursor":
        if told is None:
            return _Cursor()
        found = re.fullmatch(r"(others:)?([0-9]{1,19})", told)
        if found is None:
            raise BadQuestion("after", f"{told[:40]!r} is no page; allowed: what the page before says in next")
        return _Cursor(int(found[2]), found[1] is not None)


class _Beside:
    """Runs a statement beside the first ones of an answer."""

    def __init__(self, books: Books, select: Select) -> None:
        self._books: Final = books
        self._select: Final = select
        self._rows: Rows | None = None

    def queries(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Rows]:
        if self._rows is not None or not asked:
            return self._books.queries(asked)
        *found, self._rows = self._books.queries([*asked, (self._select.sql, self._select.parameters)])
        return found

    def rows(self) -> Rows:
        if self._rows is None:
            self._rows = self._books.query(self._select.sql, self._select.parameters)
        return self._rows


class _Receipt:
    """The receipt of one cell at one cut, to be read in pages of a size."""

    def __init__(self, books: Books, question: Question, size: int) -> None:
        self._books: Final = books
        self._question: Final = question
        self._size: Final = size
        self._cut: Final = books.cut(question.as_of)
        self._asker: Final = books.asker(self._cut)
        self._answered: Answered | None = None
        self._listing: Listing | None = None
        self._first: Found | None = None
        """What a page knows that begins at the beginning."""
        self._entries: dict[int, Entry] = {}
        """Events that count, where they were read together with others."""

    def page(self, cursor: _Cursor) -> dict[str, Any]:
        """One page, as JSON."""
        after = 0 if cursor.others else cursor.position
        listing, found = self._found(after)
        counting = [] if cursor.others else [each for each in found.events if each.adds]
        if after and not counting:  # nothing counts any more; how many did is known from the beginning
            listing, found = self._found(0)
        if len(counting) > self._size:
            counting = counting[: self._size]
            return self._json(listing, found, counting, [], str(counting[-1].event))
        others, following = self._others(listing, found, cursor, [each.event for each in counting])
        return self._json(listing, found, counting, others, following)

    def _found(self, after: int) -> tuple[Listing, Found]:
        """The events that count after a position."""
        if not after and self._listing is not None and self._first is not None:
            return self._listing, self._first
        if self._listing is None:
            self._listing, rows = self._begun(after)
        else:
            rows = self._run(self._listing.events(after, self._size + 1, keys=not after))
        found = self._listing.found(rows, whole=not after)
        self._first = self._first if after else found
        return self._listing, found

    def _begun(self, after: int) -> tuple[Listing, Rows]:
        """The events, and the answer; side by side where the cell is known without the answer."""
        known = _cell_of(self._asker, self._question)
        if known is None:
            self._answered = self._asker.answer(self._question)
            known = one_cell(self._answered)
        listing = Receipts(self._asker, self._question).listing(*known)
        beside = _Beside(self._books, listing.events(after, self._size + 1, keys=not after))
        if self._answered is None:
            self._answered = self._books.asker(self._cut, run_all=beside.queries).answer(self._question)
        return listing, beside.rows()

    def _others(
        self, listing: Listing, found: Found, cursor: _Cursor, counting: list[int]
    ) -> tuple[list["_Other"], str | None]:
        """The events of this page that do not count, and what the next page follows on."""
        room, after = self._size - len(counting), cursor.position if cursor.others else 0
        others = self._of_histories(listing, found, after, room + 1, counting) if after < self._cut.position else []
        if len(others) <= room:
            others += self._later(max(after, self._cut.position), room + 1 - len(others))
        if len(others) <= room:
            return others, None
        return others[:room], f"{_OTHERS}{others[room - 1].entry.position if room else after}"

    def _of_histories(
        self, listing: Listing, found: Found, after: int, most: int, counting: list[int]
    ) -> list["_Other"]:
        """Events of the histories that a number rests on, of its definitions, and of what was left out; and why."""
        asked = self._histories(listing, found, after, most)
        beside, reasons = None, Reasons()
        if found.complete:  # then those that count are few, and may be among those that are read here
            beside, reasons = listing.left_out(after=after, most=most + len(found.events))
        both = [*asked, *([_at(counting)] if counting else [])]
        found_each, *rows = self._books.listed_beside(both, [beside] if beside is not None else [])
        self._entries = {entry.position: entry for each in found_each[len(asked) :] for entry, _ in each}
        placed = {entry.position: (entry, parked) for each in found_each[: len(asked)] for entry, parked in each}
        told = [placed[position] for position in sorted(placed)[:most]]
        if told and not found.complete:
            select, reasons = listing.left_out([entry.position for entry, _ in told])
            rows = [self._run(select)] if select is not None else []
        why = self._reasons(listing, found, rows[0] if rows else [], reasons)
        voided = _voided(self._books.definitions(self._cut.position))
        return [_Other(entry, _reason(entry, parked, voided, why)) for entry, parked in told]

    def _histories(self, listing: Listing, found: Found, after: int, most: int) -> list[tuple[str, dict[str, Any]]]:
        """Which events that is: of all but reps, and of the reps whose assignment decides where the others belong."""
        text, every = Text(), found.complete
        keys = listing.keys(text, [key for each in found.events for key in each.keys] if every else None)
        counts = [each.event for each in found.events if each.adds]
        if every or found.counted == len(counts):
            (name,) = text.named(counted=[0, *counts])
            known = f"position IN {{{name}:Array(UInt64)}}"
        else:
            known = f"position IN ({listing.counted(text)})"
        kinds = {*listing.definitions, *(["rates"] if found.foreign else [])} - {"rep"}
        told = text.parameters | {"after": after, "most": most, "cut": self._cut.position}
        told |= {"kinds": sorted(kinds), "measures": sorted(listing.measures)}
        of = [f"(book IN {{kinds:Array(String)}} OR (book, entity) IN ({keys}))"]
        of += [f"book = 'rep' AND entity IN ({_reps(keys)})"] if "rep" in listing.definitions else []
        within = f"position <= {{cut:UInt64}} AND position > {{after:UInt64}} AND NOT {known}"
        return [(f"{within} AND {each} ORDER BY position LIMIT {{most:UInt64}}", told) for each in of]

    def _reasons(self, listing: Listing, found: Found, rows: Rows, reasons: Reasons) -> dict[int, str]:
        """Why events are left out that have no line in the cell; ``rows`` as ``Listing.left_out`` gives them."""
        if not rows:
            return {}
        if found.complete:
            reached = {each.event: {key[0] for key in each.keys} for each in found.events}
        else:
            reached = {event: set(numbers) for event, numbers in self._run(listing.reached([row[0] for row in rows]))}
        told = {}
        for event, place in sorted(rows, key=lambda row: int(row[1])):
            number, reason = reasons[place]
            family = listing.branches[number].family
            if not any(listing.branches[each].family == family for each in reached.get(event, ()) if each <= number):
                told[event] = reason
        return told

    def _later(self, after: int, most: int) -> list["_Other"]:
        """Events that are known now and make the same cell, but were recorded after the cut."""
        now = self._books.cut(None)
        if now.position == self._cut.position:
            return []
        asker = self._books.asker(now)
        known = _cell_of(asker, self._question)
        if known is None:
            answered = asker.answer(self._question)
            if len(answered.rows) != 1:
                return []
            known = one_cell(answered)
        listing = Receipts(asker, self._question, self._cut.position).listing(*known)
        rows = self._run(listing.touched(after, most))
        return [_Other(entry, _LATER) for entry, _ in self._placed([row[0] for row in rows])]

    def _placed(self, positions: list[int]) -> list[Placed]:
        """The events at these positions."""
        return self._books.listed(*_at(positions)) if positions else []

    def _run(self, select: Select) -> Rows:
        return self._books.query(select.sql, select.parameters)

    def _json(
        self, listing: Listing, found: Found, counting: Sequence[Listed], others: Sequence["_Other"],
        following: str | None,
    ) -> dict[str, Any]:  # fmt: skip
        answered = self._answered
        assert answered is not None
        told = as_json(answered, self._cut.position, self._cut.recorded_ms)
        row = told.pop("rows")[0]
        units = {**units_of(self._question, one_cell(answered)[1]), **listing.units}
        added = {each.event: each.adds for each in counting}
        events = []
        entries, self._entries = self._entries, {}
        entries = entries or {entry.position: entry for entry, _ in self._placed(list(added))}
        for entry in (entries[event] for event in added):
            adds = added[entry.position].items()
            line = event_json(entry) | {"role": "counted"}
            line["contribution"] = {name: shown(value, units[name], answered.currency) for name, value in adds}
            events.append(line)
        events += [event_json(each.entry) | {"contribution": {}, "role": "context"} for each in others if not each.why]
        events.sort(key=lambda line: int(line["position"]))
        excluded = [event_json(each.entry) | {"reason": each.why} for each in others if each.why]
        told |= {"cell": row, "counted": found.counted, "events": events, "excluded": excluded}
        return told | {"next": following}


@dataclass(frozen=True)
class _Other:
    """An event that does not count, and why it is left out; nothing where it only belongs to a history that counts."""

    entry: Entry
    why: str


def _cell_of(asker: Asker, question: Question) -> tuple[Period, Cell] | None:
    """The period and cell that a question names, where that is clear without an answer."""
    bounded = question.grain == "total" or (question.from_ is not None and question.to is not None)
    if question.by or not bounded:
        return None
    stretch = asker.periods(question)
    return (stretch[0], ()) if len(stretch) == 1 else None


def _at(positions: list[int]) -> tuple[str, dict[str, Any]]:
    """Which events are at these positions."""
    within = "position >= {first:UInt64} AND position <= {last:UInt64} AND position IN {positions:Array(UInt64)}"
    told = {"first": min(positions), "last": max(positions), "positions": positions}
    return f"{within} ORDER BY position", told


def _reps(keys: str) -> str:
    """The reps whose assignment decides where the lines of these histories belong."""
    return (
        "SELECT rep_id FROM {postings} WHERE tenant = {tenant:String} AND position <= {cut:UInt64} "
        "AND measure IN {measures:Array(String)} AND rep_id != '' "
        f"AND entity IN (SELECT entity FROM ({keys}))"
    )


def _voided(definitions: Definitions) -> dict[tuple[str, str], Fact]:
    return {(f.data.source, f.data.id): f for f in definitions.facts if isinstance(f.data, EventVoided)}


def _reason(entry: Entry, parked: str, voided: dict[tuple[str, str], Fact], left_out: Mapping[int, str]) -> str:
    if parked:
        return f"parked: {parked}"
    if entry.type != EventVoided.TYPE and (void := voided.get((entry.source, entry.id))) is not None:
        assert isinstance(void.data, EventVoided)
        return f"voided at position {void.position}" + (f": {void.data.reason}" if void.data.reason else "")
    return left_out.get(entry.position, "")


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
    for entry, parked in books.entries(key, cut.position):
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
