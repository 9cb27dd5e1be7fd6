"""The books of one tenant, open for questions: the ledger store and the definitions behind it, at any cut."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from events.codec import read
from events.envelope import Entry, to_text
from events.vocabulary import BY_TYPE
from events.words import major
from projections.answer import as_json
from projections.ask import Answered, Asker, Run, RunAll
from projections.compute import COLUMNS, Columns
from projections.definitions import KINDS, Definitions
from projections.ledger import Key
from projections.periods import moment
from projections.plan import Select
from projections.question import BadQuestion, Question
from services.clock import now_ms
from services.journal.port import Cut
from services.news import MANY, News, Recent
from services.settings import Settings
from services.store.clickhouse import as_entry
from services.store.port import Readable


def as_it_is(entry: Entry) -> Entry:
    """An entry with what is personal sealed, as the ledger has it."""
    return entry


_NO_BODY: Final = "''"


class Books:
    """Answers questions from the ledger of one tenant."""

    def __init__(
        self, store: Readable, tenant: str, settings: Settings, tables: str = "", past: str | None = None,
        opened: Callable[[Entry], Entry] = as_it_is, recent: Recent | None = None,
    ) -> None:  # fmt: skip
        """``opened`` gives an entry with what is personal in it, for those who show names; see Journal.opened.
        ``recent`` knows what was posted last, where that is done in this process."""
        self._recent: Final = recent
        self._ahead = 0
        """Up to here it has to be written before the engine is asked."""
        self.opened: Final = opened
        self._store: Final = store
        self.tables: Final = tables
        """Which set of tables is read, in a word that is another after a rebuild has put others in place."""
        self.past: Final = past
        """The moment of knowing, a recorded time or a position, after which nothing is known here; None: all is."""
        self.tenant: Final = tenant
        self._settings: Final = settings
        self.definitions: Final = lru_cache(maxsize=8)(self._definitions_at)
        self._latest: Final = lru_cache(maxsize=256)(self._latest_at)
        self._read_news: Final = lru_cache(maxsize=2)(self._news_between)

    def ask(self, question: Question) -> dict[str, Any]:
        """The answer, as JSON. Raises BadQuestion."""
        cut = self.cut(question.as_of)
        return as_json(self.answer(question, cut), cut.position, cut.recorded_ms)

    def answer(self, question: Question, cut: Cut) -> Answered:
        """The answer at a cut, exact."""
        return self.asker(cut).answer(question)

    def asker(
        self, cut: Cut, definitions: Definitions | None = None, run: Run | None = None, run_all: RunAll | None = None
    ) -> Asker:
        """Asks at one cut; with its own definitions, unless others are given, and by ``query`` and ``queries`` unless
        otherwise."""
        years = self._settings.customer_lifespan_years
        if definitions is None:
            definitions = self.definitions(cut.position)
        run_all = run_all or (self.queries if run is None else None)
        return Asker(run or self.query, self.tenant, cut.position, cut.recorded_ms, definitions, years, run_all)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of a SELECT."""
        self._settle()
        return self._store.query(sql, parameters)

    def queries(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[tuple[Any, ...]]]:
        """Rows of each of several SELECTs, at the same time where the store can."""
        if len(asked) < 2:
            return [self.query(*each) for each in asked]
        self._settle()
        return self._store.queries(asked)

    def _settle(self) -> None:
        """What was told to be ahead of the store is written, before the store is asked."""
        if self._recent is not None and self._ahead:
            self._recent.settle(self.tenant, self._ahead)
            self._ahead = 0

    def cut(self, as_of: str | None) -> Cut:
        """The cut a question names: a position, a recorded time, or now. Raises BadQuestion."""
        now = self._written()
        if as_of is not None and as_of.isdecimal() and int(as_of) > now.position and self._recent is not None:
            ahead = self._recent.ahead(self.tenant)
            if ahead is not None and int(as_of) <= ahead.position:
                self._recent.settle(self.tenant, int(as_of))
                now = self._written()
        if self.past is not None:
            now = self._cut_of(self.past, now)
        return now if as_of is None else self._cut_of(as_of, now)

    def latest(self) -> Cut:
        """The cut of all that is posted, also where that is in memory only: what ``news`` tells reaches as far, and
        what is asked next of the engine waits until it is written."""
        ahead = self._recent.ahead(self.tenant) if self._recent is not None else None
        if ahead is None:
            return self._written()
        self._ahead = ahead.position
        return ahead

    def lines(self, where: str, told: Mapping[str, Any], position: int) -> list[Columns]:
        """The lines up to a position of which a condition holds, without waiting: what is not written yet comes from
        memory, all of it."""
        written, news = self._written().position, None
        if written < position and self._recent is not None:
            news = self._recent.since(self.tenant, written, position)
        ask = self._store.query if written >= position or news is not None else self.query
        told = {**told, "tenant": self.tenant, "cut": written if news is not None else position}
        known = "FROM {postings} WHERE tenant = {tenant:String} AND position <= {cut:UInt64}"
        rows = ask(f"SELECT {', '.join(COLUMNS)} {known} AND {where}", told)
        found: list[Columns] = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return [*found, *news.lines] if news is not None else found

    def _written(self) -> Cut:
        head = self._recent.head(self.tenant) if self._recent is not None else None
        return head or self._store.checkpoint(self.tenant)

    def news(self, known: int, upto: int) -> News | None:
        """What became known after one position, up to another; None where that is much."""
        found = self._recent.since(self.tenant, known, upto) if self._recent is not None else None
        return self._read_news(known, upto) if found is None else found

    def _news_between(self, known: int, upto: int) -> News | None:
        told = {"tenant": self.tenant, "known": known, "cut": upto}
        new = "WHERE tenant = {tenant:String} AND position > {known:UInt64} AND position <= {cut:UInt64}"
        rows = self.query(f"SELECT {', '.join(COLUMNS)} FROM {{postings}} {new} LIMIT {MANY + 1}", told)
        if len(rows) > MANY:
            return None
        lines = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        books = self.query(f"SELECT DISTINCT book FROM {{history}} {new}", told)
        return News(lines, frozenset(book for (book,) in books))

    def _cut_of(self, as_of: str, now: Cut) -> Cut:
        if as_of.isdecimal():
            return self._cut_at(int(as_of), now)
        try:
            known_ms = moment(as_of, self.definitions(now.position).calendar)
        except ValueError as error:
            raise BadQuestion("as_of", f"{as_of!r} is no moment and no position; {error}, or a position") from error
        if known_ms > now_ms():
            raise BadQuestion("as_of", f"{as_of!r} lies in the future; allowed: up to {to_text(now_ms())}")
        return self._latest("recorded_ms", known_ms) if known_ms < now.recorded_ms else now

    def _cut_at(self, position: int, now: Cut) -> Cut:
        if position > now.position:
            raise BadQuestion(
                "as_of",
                f"{position} lies after the latest position; allowed: 0 to {now.position}, or a moment such as 2026-11",
            )
        return self._latest("position", position) if position < now.position else now

    def _latest_at(self, clock: str, known: int) -> Cut:
        """The last event up to a position or a recorded time. Both lie in the past, so it stays the last."""
        rows = self.query(
            "SELECT max(position), max(recorded_ms) FROM {history} "
            f"WHERE tenant = {{tenant:String}} AND {clock} <= {{known:Int64}}",
            {"tenant": self.tenant, "known": known},
        )
        return Cut(*rows[0])

    def _definitions_at(self, position: int) -> Definitions:
        """Calendar, rates, pipelines and assignments known at a position."""
        return Definitions(
            self._told(KINDS, position),
            timezone=self._settings.timezone,
            currency=self._settings.currency,
            targets=lambda: self._told(("target",), position),
        )

    def _told(self, kinds: Sequence[str], position: int) -> list[Any]:
        rows = self.query(
            "SELECT position, recorded_ms, source, id, type, at_ms, entity, body FROM {history} "
            "WHERE tenant = {tenant:String} AND book IN {kinds:Array(String)} AND position <= {position:UInt64} "
            "AND parked = '' ORDER BY position",
            {"tenant": self.tenant, "kinds": list(kinds), "position": position},
        )
        return self._facts(rows)

    def entries(self, key: Key, position: int) -> list[tuple[Entry, str]]:
        """The events of an entity up to a position, in order, each with why it is parked or nothing."""
        where = "position <= {position:UInt64} AND book = {book:String} AND entity = {entity:String} ORDER BY position"
        return self.listed(where, {"position": position, "book": key[0], "entity": key[1]}, bodies=True)

    def listed(self, where: str, told: Mapping[str, Any], bodies: bool = False) -> list[tuple[Entry, str]]:
        """The events of which a condition holds, each with why it is parked or nothing; their ``bodies`` for those who
        read what events tell."""
        return self.listed_beside([(where, told)], bodies=bodies)[0][0]

    def listed_beside(
        self, asked: Sequence[tuple[str, Mapping[str, Any]]], others: Sequence[Select] = (), bodies: bool = False
    ) -> tuple[list[list[tuple[Entry, str]]], *tuple[list[tuple[Any, ...]], ...]]:
        """The same for several conditions, and after that the rows of other statements, which run beside them."""
        columns = f"position, recorded_ms, source, id, type, at_ms, entity, {'body' if bodies else _NO_BODY}, parked"
        select = f"SELECT {columns} FROM {{history}} WHERE tenant = {{tenant:String}} AND "
        statements = [(select + where, {**told, "tenant": self.tenant}) for where, told in asked]
        found = self.queries([*statements, *((each.sql, each.parameters) for each in others)])
        listed = [[(as_entry(self.tenant, row[:8]), row[8]) for row in rows] for rows in found[: len(asked)]]
        return listed, *found[len(asked) :]

    def at(self, positions: Iterable[int]) -> list[Entry]:
        """The applied events at these positions, in order."""
        rows = self.query(
            "SELECT position, recorded_ms, source, id, type, at_ms, entity, body FROM {history} "
            "WHERE tenant = {tenant:String} AND position IN {positions:Array(UInt64)} ORDER BY position",
            {"tenant": self.tenant, "positions": list(positions)},
        )
        return [as_entry(self.tenant, row) for row in rows]

    def postings(self, key: Key, position: int) -> list[dict[str, Any]]:
        """The ledger's lines of one entity, in order, without what is empty."""
        names = "position, line, measure, at_ms, event, count, amount, cost, currency, rep_id, stage, outcome, customer"
        rows = self.query(
            f"SELECT {names} FROM {{postings}} WHERE tenant = {{tenant:String}} AND book = {{book:String}} "
            "AND entity = {entity:String} AND position <= {position:UInt64} ORDER BY position, line",
            {"tenant": self.tenant, "book": key[0], "entity": key[1], "position": position},
        )
        lines = [dict(zip(names.split(", "), row, strict=True)) for row in rows]
        return [_line_json(line) for line in lines]

    def _facts(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        entries = [as_entry(self.tenant, row) for row in rows]
        return [read(entry) for entry in entries if entry.type in BY_TYPE]


def _line_json(line: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in line.items() if value not in ("", 0)}
    for name in ("amount", "cost"):
        if name in told and line["currency"]:
            told[name] = major(line[name], line["currency"])
    return told | {"time": to_text(told.pop("at_ms"))}
