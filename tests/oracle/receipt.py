"""The whole receipt of a cell at once, put together here from all rows of each part: what the pages must add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from events.corrections import EventVoided
from projections.answer import as_json, shown, units_of
from projections.ask import Asker, Cell
from projections.formula import Part, Undefined, Unit, Value
from projections.periods import Period
from projections.plan import Select, spans
from projections.presence import stint_days
from projections.question import Question
from projections.receipt import one_cell
from projections.targets import worth
from services.books import Books
from services.receipt import event_json

Key = tuple[str, str]


@dataclass
class Evidence:
    """What a cell rests on."""

    contributions: dict[int, dict[str, Fraction]] = field(default_factory=dict)
    entities: set[Key] = field(default_factory=set)
    left_out: dict[int, tuple[Key, str]] = field(default_factory=dict)
    definitions: set[str] = field(default_factory=lambda: {"calendar"})
    measures: set[str] = field(default_factory=set)
    units: dict[str, Unit] = field(default_factory=dict)

    def add(self, event: int, part: str, value: Value) -> None:
        told = self.contributions.setdefault(event, {})
        told[part] = told.get(part, Fraction(0)) + (Fraction(0) if isinstance(value, Undefined) else value)

    def counts(self, event: int) -> bool:
        return any(self.contributions.get(event, {}).values())


class Whole:
    """Gathers everything that one question rests on, part by part."""

    def __init__(self, books: Books, asker: Asker, question: Question) -> None:
        self.books = books
        self.asker = asker
        self.question = asker.of_reps(question)
        self.planner = asker.planner(self.question)
        self.belonging = self.question is not question

    def evidence(self, period: Period, cell: Cell) -> Evidence:
        found = Evidence()
        for part in self.question.kpi.parts:
            if part.special == "rep_days":
                self.rep_days(part, period, cell, found)
            elif part.special == "target":
                self.target(period, cell, found)
            elif part.special in ("actual", "last_year", "last_year_so_far"):
                self.measured(part, period, cell, found)
        for part in self.question.kpi.parts:
            if part.source is not None:
                self.part(part, period, cell, found)
        if {"team_id", "region", "manager_id"} & {*self.question.by, *(name for name, _ in self.question.where)}:
            found.definitions.add("rep")
        if self.belonging:
            at = dict(zip(self.question.by, cell, strict=True))
            reps = (at["rep_id"],) if "rep_id" in at else dict(self.question.where)["rep_id"]
            found.entities |= {("rep", rep) for rep in reps if rep}
        return found

    def part(self, part: Part, period: Period, cell: Cell, found: Evidence) -> None:
        source, window = part.source, self.asker.window(part, period)
        assert source is not None
        rows = sorted(self.rows(self.planner.listed([part], window, cell)), key=lambda row: int(row[8]))
        counted: set[str] = set()
        for book, entity, _, currency, unrated_ms, pipeline, stage, own, event, subject, contribution in rows:
            value: Value = Fraction(contribution)
            if part.stat == "distinct" and contribution:
                value = Fraction(subject not in counted)
                counted.add(subject)
            if part.unit == "money":
                value = self.asker.converted(contribution, currency, unrated_ms, self.planner)
                if currency != self.planner.currency:
                    found.definitions.add("rates")
            if part.weighted:
                value = self.asker.weighted(value, (pipeline, stage, own), window.end)
            found.add(event, part.name, value)
            found.entities.add((book, entity))
        found.measures |= set(source.measures)
        if part.weighted or "{ranks:" in source.sql(()):
            found.definitions.add("pipeline")
        if source.related:
            told = {
                "entities": sorted({row[1] for row in rows}),
                "customers": sorted({row[2] for row in rows if row[2]}),
            }
            found.entities |= set(self.rows(Select(source.related, self.planner.base | told)))
        for which, reason in source.excluded:
            for event, book, entity in self.rows(self.planner.left_out(source, which, window, cell)):
                if event not in found.contributions:
                    found.left_out[event] = (book, entity), reason

    def target(self, period: Period, cell: Cell, found: Evidence) -> None:
        goals = self.asker.goals(self.question)
        for kpi, place, chosen in goals.chosen(period):
            for each in chosen if place == cell else ():
                found.add(each.event, "target", worth([each], kpi, goals.currency, goals.definitions, goals.now_ms))
                found.entities.add(("target", each.entity))
                if kpi.unit == "money" and each.currency != goals.currency:
                    found.definitions.add("rates")

    def measured(self, part: Part, period: Period, cell: Cell, found: Evidence) -> None:
        inner, place, when = self.asker.goals(self.question).measured(part.special, period, cell)
        of_it = Whole(self.books, self.asker, inner).evidence(when, place)
        for event, told in of_it.contributions.items():
            if inner.kpi.adds_up:
                nothing: dict[str, Value] = {each.name: Fraction(0) for each in inner.kpi.parts}
                found.add(event, part.name, inner.kpi.formula.value(nothing | told))
                continue
            for name, value in told.items():
                found.add(event, name, value)
        if not inner.kpi.adds_up:
            found.units |= {each.name: each.unit for each in inner.kpi.parts}
        found.entities |= of_it.entities
        found.left_out |= of_it.left_out
        found.definitions |= of_it.definitions
        found.measures |= of_it.measures

    def rep_days(self, part: Part, period: Period, cell: Cell, found: Evidence) -> None:
        definitions, now_ms = self.asker.seen(self.question), self.asker.now_ms
        windows = spans(part, [period], now_ms, definitions.calendar)
        for (_, place), stint, days in stint_days(self.question, windows, definitions, now_ms):
            if place == cell:
                found.add(stint.event, part.name, Fraction(days))
                found.entities.add(("rep", stint.rep_id))

    def rows(self, select: Select) -> list[tuple[Any, ...]]:
        return self.books.query(select.sql, select.parameters)


def whole(books: Books, question: Question) -> dict[str, Any]:
    """The receipt with all of its events."""
    cut = books.cut(question.as_of)
    asker = books.asker(cut)
    answered = asker.answer(question)
    period, cell = one_cell(answered)
    evidence = Whole(books, asker, question).evidence(period, cell)
    told = as_json(answered, cut.position, cut.recorded_ms)
    row = told.pop("rows")[0]
    voided = {
        (fact.data.source, fact.data.id): f"voided at position {fact.position}"
        + (f": {fact.data.reason}" if fact.data.reason else "")
        for fact in asker.definitions.facts
        if isinstance(fact.data, EventVoided)
    }
    units = {**units_of(question, cell), **evidence.units}
    events, excluded = [], _later(books, question, evidence, cut.position)
    for entry, parked in _entries(books, evidence, cut.position):
        line, position = event_json(entry), entry.position
        reason = f"parked: {parked}" if parked else ""
        if not reason and entry.type != EventVoided.TYPE:
            reason = voided.get((entry.source, entry.id), "")
        if not reason and not evidence.counts(position) and position in evidence.left_out:
            reason = evidence.left_out[position][1]
        if reason:
            excluded.append(line | {"reason": reason})
            continue
        added = {name: value for name, value in evidence.contributions.get(position, {}).items() if value}
        line["contribution"] = {name: shown(value, units[name], answered.currency) for name, value in added.items()}
        events.append(line | {"role": "counted" if added else "context"})
    excluded.sort(key=lambda line: int(line["position"]))
    return told | {"cell": row, "events": events, "excluded": excluded}


def _entries(books: Books, evidence: Evidence, position: int) -> list[Any]:
    keys = evidence.entities | {key for key, _ in evidence.left_out.values()}
    if "rep" in evidence.definitions:
        rows = books.query(
            "SELECT DISTINCT rep_id FROM {postings} WHERE tenant = {tenant:String} AND position <= {cut:UInt64} "
            "AND measure IN {measures:Array(String)} AND rep_id != '' AND entity IN {entities:Array(String)}",
            {"tenant": books.tenant, "cut": position, "measures": sorted(evidence.measures),
             "entities": sorted({entity for _, entity in keys})},
        )  # fmt: skip
        keys = keys | {("rep", rep) for (rep,) in rows}
    kinds = sorted(evidence.definitions - {"rep"})
    every = books.listed(
        "position <= {cut:UInt64} AND book IN {kinds:Array(String)}", {"cut": position, "kinds": kinds}
    )
    found = {entry.position: (entry, parked) for entry, parked in every}
    for key in keys:
        found |= {entry.position: (entry, parked) for entry, parked in books.entries(key, position)}
    return [found[each] for each in sorted(found)]


def _later(books: Books, question: Question, evidence: Evidence, position: int) -> list[dict[str, Any]]:
    now = books.cut(None)
    if now.position == position:
        return []
    asker = books.asker(now)
    answered = asker.answer(question)
    if len(answered.rows) != 1:
        return []
    later = Whole(books, asker, question).evidence(*one_cell(answered))
    positions = later.contributions.keys() - evidence.contributions.keys()
    return [
        event_json(entry) | {"reason": "recorded after the cut"}
        for key in later.entities
        for entry, _ in books.entries(key, now.position)
        if entry.position in positions and entry.position > position
    ]


def together(pages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The pages as one receipt."""
    told = {name: value for name, value in pages[0].items() if name not in ("counted", "next")}
    for name in ("events", "excluded"):
        told[name] = sorted((each for page in pages for each in page[name]), key=lambda each: int(each["position"]))
    return told
