"""The audit: random slices of additive KPIs, asked of the books and counted a second time; a difference is shrunk."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

from events.codec import UnknownEvent, read
from events.corrections import EventVoided
from events.currencies import EXPONENTS
from events.envelope import Entry, Fact
from projections.definitions import Calendar
from projections.ledger import Key, Ledger, Line
from projections.periods import moment
from projections.question import Question, question
from services.audit.recount import DIMS, KPIS, MONEY, STOCKS, Recount, Slice, recounted
from services.books import Books
from services.journal.port import Journal
from services.processor.poster import kind_of

_CHUNK: Final = 5000
_EPOCH: Final = date(1970, 1, 1)
_MEASURES: Final = {
    "bookings": {"won": 1}, "revenue": {"won": 1, "order": 1, "refund": -1}, "spend": {"spend": 1},
    "pipeline_value": {"pipeline": 1}, "open_deals": {"pipeline": 1}, "deals_created": {"created": 1},
    "deals_won": {"won": 1}, "deals_lost": {"lost": 1}, "leads_created": {"lead_created": 1},
    "leads_qualified": {"lead_qualified": 1}, "touchpoints": {"touchpoint": 1},
}  # fmt: skip
"""The lines behind each KPI, with their sign."""


class Difference(NamedTuple):
    """A slice that the books count otherwise than the recount."""

    asked: dict[str, Any]
    books: int
    recount: int
    cause: str
    """``book``: the posting rules give another number for these events. ``ledger``: they do not, but its lines are not
    those that the events post."""
    events: list[dict[str, Any]]
    """The smallest set that shows it."""


def audit(
    books: Books,
    journal: Journal,
    parked: Iterable[int],
    *,
    slices: int,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Counts random slices twice. ``parked`` are the positions of events that are not in the ledger.

    ``{"seed", "position", "slices", "skipped", "differences", "ok"}``; skipped are amounts in several currencies, which
    the recount does not convert. At the first difference of each KPI its events are shrunk to the smallest set.
    """
    cut = books.cut(None)
    calendar = books.definitions(cut.position).calendar
    left_out = set(parked)
    told: dict[str, Any] = {"seed": seed, "position": cut.position, "slices": 0, "skipped": 0, "differences": []}
    with closing(Recount(_entries(journal, books.tenant, cut.position, left_out))) as counted:
        broken: set[str] = set()
        for asked in _slices(counted, calendar, slices, Random(seed)):
            progress(1)
            value = counted.value(asked, calendar.currency)
            if value is None:
                told["skipped"] += 1
                continue
            told["slices"] += 1
            answer = _answered(books, asked, calendar.currency, str(cut.position))
            if answer != value and asked.kpi not in broken:
                broken.add(asked.kpi)
                found = _shrunk(books, journal, counted, asked, cut.position, left_out)
                told["differences"].append(
                    Difference(_question(asked).as_told(), answer, value, *found)._asdict() | {"kpi": asked.kpi}
                )
    return told | {"ok": not told["differences"]}


def _entries(journal: Journal, tenant: str, upto: int, left_out: set[int]) -> Iterator[Entry]:
    after = 0
    while after < upto and (entries := journal.read(tenant, after, min(_CHUNK, upto - after))):
        after = entries[-1].position
        yield from (entry for entry in entries if entry.position not in left_out)


def _slices(counted: Recount, calendar: Calendar, many: int, chance: Random) -> Iterator[Slice]:
    """Random stretches of days, half of them within one value of a dimension."""
    reach = counted.reach()
    if reach is None:
        return
    first, last = (ms // 86_400_000 for ms in reach)
    values = {dim: found for dim in DIMS if (found := counted.values_of(dim))}
    for number in range(many):
        days = sorted(chance.sample(range(first - 1, last + 3), 2))
        lo_ms, hi_ms = (moment(_day(each), calendar) for each in days)
        where = None
        if values and chance.random() < 0.5:
            dim = chance.choice(sorted(values))
            where = dim, chance.choice(values[dim])
        yield Slice(KPIS[number % len(KPIS)], days[0], days[1], lo_ms, hi_ms, where)


def _day(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).isoformat()


def _question(asked: Slice, as_of: str | None = None) -> Question:
    where = ["=".join(asked.where)] if asked.where else []
    return question(asked.kpi, where=where, from_=_day(asked.first_day), to=_day(asked.end_day), as_of=as_of)


def _answered(books: Books, asked: Slice, currency: str, as_of: str) -> int:
    """What the books say, in minor units or as a count."""
    (row,) = books.ask(_question(asked, as_of))["rows"]
    if asked.kpi in MONEY:
        return int(Decimal(row["value"]).scaleb(EXPONENTS[currency]))
    return int(row["value"])


def _shrunk(
    books: Books, journal: Journal, counted: Recount, asked: Slice, upto: int, left_out: set[int]
) -> tuple[str, list[dict[str, Any]]]:
    """The cause of a difference, and the smallest set of events that shows it."""
    right, posted = counted.contributions(asked), _posted(books, asked, upto)
    differing = sorted(event for event in right.keys() | posted.keys() if right.get(event, 0) != posted.get(event, 0))
    if not differing:  # the lines are right; something between them and the answer is not
        return "ledger", []
    first = next(iter(books.at(differing[:1])))
    own = _histories(journal, books.tenant, (kind_of(first.type), first.subject), upto, left_out)

    def differs(entries: Sequence[Entry]) -> bool:
        return recounted(entries, asked) != _folded(entries, asked)

    if differs(own):
        return "book", [_told(entry) for entry in smallest(own, differs)]
    return "ledger", [_told(entry) for entry in own if entry.position in set(differing)]


def smallest(events: Sequence[Entry], fails: Callable[[Sequence[Entry]], bool]) -> list[Entry]:
    """A set of which no event can be left out, by delta debugging (Zeller and Hildebrandt, 2002)."""
    left, parts = list(events), 2
    while len(left) >= 2:
        size = max(len(left) // parts, 1)
        for start in range(0, len(left), size):
            rest = left[:start] + left[start + size :]
            if rest and fails(rest):
                left, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(left))
    return left


def _posted(books: Books, asked: Slice, upto: int) -> dict[int, int]:
    """What the ledger's lines of each event add to a slice."""
    column = "amount" if asked.kpi in MONEY else "count"
    signs = _MEASURES[asked.kpi]
    minus = [name for name, sign in signs.items() if sign < 0]
    when = "at_ms < {hi:Int64}" if asked.kpi in STOCKS else (
        "if(local = 1, at_ms >= {first:Int64} AND at_ms < {end:Int64}, at_ms >= {lo:Int64} AND at_ms < {hi:Int64})"
    )  # fmt: skip
    narrowed = f" AND {asked.where[0]} = {{value:String}}" if asked.where else ""
    rows = books.query(
        f"SELECT event, sum(if(measure IN {{minus:Array(String)}}, -{column}, {column})) AS n FROM {{postings}} "
        "WHERE tenant = {tenant:String} AND position <= {cut:UInt64} AND measure IN {measures:Array(String)} "
        f"AND {when}{narrowed} GROUP BY event HAVING n != 0",
        {
            "tenant": books.tenant, "cut": upto, "measures": list(signs), "minus": minus, "lo": asked.lo_ms,
            "hi": asked.hi_ms, "first": asked.first_day * 86_400_000, "end": asked.end_day * 86_400_000,
            "value": asked.where[1] if asked.where else "",
        },
    )  # fmt: skip
    return {int(event): int(value) for event, value in rows}


def _histories(journal: Journal, tenant: str, key: Key, upto: int, left_out: set[int]) -> list[Entry]:
    """The events of one entity, and those that void one of them."""
    own = [each for each in _entries(journal, tenant, upto, left_out) if (kind_of(each.type), each.subject) == key]
    ids = {(each.source, each.id) for each in own}
    voids = [entry for entry in journal.of_type(tenant, [EventVoided.TYPE], upto) if _voids(entry) in ids]
    return sorted([*own, *voids], key=lambda each: each.position)


def _voids(entry: Entry) -> tuple[str, str]:
    data = read(entry).data
    assert isinstance(data, EventVoided), "only voidings were asked for"
    return data.source, data.id


def _folded(entries: Sequence[Entry], asked: Slice) -> dict[int, int]:
    """What the books post for these events alone adds to a slice, by event."""
    found: dict[int, int] = {}
    for line in _lines(entries):
        posting, sign = line.posting, _MEASURES[asked.kpi].get(line.posting.measure, 0)
        lo, hi = (asked.first_day, asked.end_day) if posting.local else (asked.lo_ms, asked.hi_ms)
        at = posting.at_ms // 86_400_000 if posting.local else posting.at_ms
        inside = at < hi if asked.kpi in STOCKS else lo <= at < hi
        if sign and inside and (asked.where is None or getattr(posting.dims, asked.where[0]) == asked.where[1]):
            added = posting.amount if asked.kpi in MONEY else posting.count
            found[posting.event] = found.get(posting.event, 0) + sign * added
    return {event: value for event, value in found.items() if value}


def _lines(entries: Sequence[Entry]) -> Iterator[Line]:
    known: dict[tuple[str, str], Fact] = {}
    ledger = Ledger(load=lambda keys: {}, locate=lambda identity, position: known.get(identity))
    for entry in entries:
        try:
            fact = read(entry)
        except UnknownEvent:
            continue
        if isinstance(fact.data, EventVoided) and (fact.data.source, fact.data.id) not in known:
            ledger.void_ahead((fact.data.source, fact.data.id))
            continue
        known[fact.source, fact.id] = fact
        yield from ledger.post(fact)


def _told(entry: Entry) -> dict[str, Any]:
    return {
        "position": entry.position,
        "source": entry.source,
        "id": entry.id,
        "type": entry.type,
        "entity": entry.subject,
    }
