"""The receipt of a number: the events that make it, what each adds, and those left out with the reason.

Folding the listed events alone gives the number again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from projections.ask import Answered, Asker, Cell, Run
from projections.exact import Fraction
from projections.formula import Part, Undefined, Unit, Value
from projections.periods import Period
from projections.plan import Planner, Select, Span, listed_together, spans
from projections.presence import stint_days
from projections.question import BadQuestion, Question
from projections.targets import worth

Key = tuple[str, str]
"""An entity: its book and id."""

_REP_DIMS: Final = frozenset({"team_id", "region", "manager_id"})


@dataclass
class Evidence:
    """What a cell rests on."""

    contributions: dict[int, dict[str, Fraction]] = field(default_factory=dict)
    """Event to what it adds to each part, exact."""
    entities: set[Key] = field(default_factory=set)
    """Whose histories the number was computed from."""
    left_out: dict[int, tuple[Key, str]] = field(default_factory=dict)
    """Event to its entity and the reason it does not count."""
    definitions: set[str] = field(default_factory=lambda: {"calendar"})
    """The kinds of definition that were used."""
    measures: set[str] = field(default_factory=set)
    """Of the lines that were read."""
    units: dict[str, Unit] = field(default_factory=dict)
    """Of parts that are those of another KPI."""

    def add(self, event: int, part: str, value: Value) -> None:
        """One contribution. What has no value, such as an amount without a rate, adds nothing but is listed."""
        told = self.contributions.setdefault(event, {})
        if isinstance(value, Undefined):
            value = Fraction(0)
        told[part] = told[part] + value if part in told else value


class Receipts:
    """Writes receipts for the answers of one asker."""

    def __init__(self, run: Run, asker: Asker, question: Question, since: int = 0) -> None:
        """``since``: of parts that add lines, only those after this position are told."""
        self._run = run
        self._since = since
        self._asker = asker
        self._question = asker.of_reps(question)
        self._planner: Final[Planner] = asker.planner(self._question)
        self._belonging = self._question is not question
        """Whether it is about reps by where they belong."""

    def evidence(self, period: Period, cell: Cell, whole: bool = True) -> Evidence:
        """Everything that one cell rests on, and what might have counted but does not; or contributions alone."""
        found = Evidence()
        for part in self._question.kpi.parts:
            if part.special == "rep_days":
                self._rep_days(part, period, cell, found)
            elif part.special == "target":
                self._target(period, cell, found)
            elif part.special in ("actual", "last_year", "last_year_so_far"):
                self._measured(part, period, cell, found, whole)
        for parts in listed_together(part for part in self._question.kpi.parts if part.source is not None):
            self._parts(parts, self._asker.window(parts[0], period), cell, found, whole)
        if any(name in _REP_DIMS for name in [*self._question.by, *(name for name, _ in self._question.where)]):
            found.definitions.add("rep")
        if self._belonging:
            at = dict(zip(self._question.by, cell, strict=True))
            reps = (at["rep_id"],) if "rep_id" in at else dict(self._question.where)["rep_id"]
            found.entities |= {("rep", rep) for rep in reps if rep}
        return found

    def _parts(self, parts: Sequence[Part], window: Span, cell: Cell, found: Evidence, whole: bool) -> None:
        part, source = parts[0], parts[0].source
        assert source is not None
        rows = self._rows(self._planner.evidence(parts, window, cell, self._since))
        counted: set[str] = set()
        for row in rows:
            event, book, entity, subject, currency, unrated_ms = row[:6]
            for each, contribution in zip(parts, row[-len(parts) :], strict=True):
                value: Value = Fraction(contribution)
                if each.stat == "distinct" and contribution:
                    value = Fraction(subject not in counted)
                    counted.add(subject)
                if each.unit == "money":
                    value = self._asker.converted(contribution, currency, unrated_ms, self._planner)
                if each.weighted:
                    value = self._asker.weighted(value, row[6:9], window.end)
                found.add(event, each.name, value)
            if part.unit == "money" and currency != self._planner.currency:
                found.definitions.add("rates")
            found.entities.add((book, entity))
        if not whole:
            return
        found.measures |= set(source.measures)
        if part.weighted or "{ranks:" in source.sql(()):
            found.definitions.add("pipeline")
        if source.related:
            entities, customers = {row[2] for row in rows}, {row[3] for row in rows if row[3]}
            told = {"entities": sorted(entities), "customers": sorted(customers)}
            related = Select(source.related, self._planner.base | told)
            found.entities |= {(book, entity) for book, entity in self._rows(related)}
        for which, reason in source.excluded:
            for event, book, entity in self._rows(self._planner.left_out(source, which, window, cell)):
                if event not in found.contributions:
                    found.left_out[event] = (book, entity), reason

    def _target(self, period: Period, cell: Cell, found: Evidence) -> None:
        goals = self._asker.goals(self._question)
        for kpi, place, chosen in goals.chosen(period):
            for each in chosen if place == cell else ():
                found.add(each.event, "target", worth([each], kpi, goals.currency, goals.definitions, goals.now_ms))
                found.entities.add(("target", each.entity))
                if kpi.unit == "money" and each.currency != goals.currency:
                    found.definitions.add("rates")

    def _measured(self, part: Part, period: Period, cell: Cell, found: Evidence, whole: bool) -> None:
        """The receipt of the KPI that a target is set for: as one part where it adds up, else with its own parts."""
        inner, place, when = self._asker.goals(self._question).measured(part.special, period, cell)
        of_it = Receipts(self._run, self._asker, inner).evidence(when, place, whole)
        for event, told in of_it.contributions.items():
            if inner.kpi.adds_up:
                nothing: dict[str, Value] = {each.name: Fraction(0) for each in inner.kpi.parts}
                found.add(event, part.name, inner.kpi.formula.value(nothing | told))
                continue
            for each in inner.kpi.parts:
                if each.name in told:
                    found.add(event, each.name, told[each.name])
                    found.units[each.name] = each.unit
        found.entities |= of_it.entities
        found.left_out |= of_it.left_out
        found.definitions |= of_it.definitions
        found.measures |= of_it.measures

    def _rep_days(self, part: Part, period: Period, cell: Cell, found: Evidence) -> None:
        definitions, now_ms = self._asker.seen(self._question), self._asker.now_ms
        windows = spans(part, [period], now_ms, definitions.calendar)
        for (_, place), stint, days in stint_days(self._question, windows, definitions, now_ms):
            if place == cell:
                found.add(stint.event, part.name, Fraction(days))
                found.entities.add(("rep", stint.rep_id))

    def _rows(self, select: Select) -> list[tuple[Any, ...]]:
        return self._run(select.sql, select.parameters)


def one_cell(answered: Answered) -> tuple[Period, Cell]:
    """The period and cell of an answer with a single row. Raises BadQuestion for any other."""
    rows = answered.rows
    if len(rows) != 1:
        raise BadQuestion(
            "question", f"names {len(rows)} cells; allowed: one, narrowed by --where, --from, --to and --grain"
        )
    return rows[0].period, rows[0].cell
