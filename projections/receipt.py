"""The receipt of a number: the events that make it, what each adds, and those left out with the reason.

Folding the listed events alone gives the number again.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Final

from projections.ask import Answered, Asker, Cell, Run
from projections.formula import Part, Undefined, Value
from projections.listing import Added, Branch, Contributions, Listing
from projections.periods import Period
from projections.plan import RATED, Planner, Select, Span, listed_together, spans
from projections.presence import stint_days
from projections.question import BadQuestion, Question
from projections.targets import worth

_REP_DIMS: Final = frozenset({"team_id", "region", "manager_id"})
_MILLION: Final = 1_000_000
_TOLD: Final = 8
"""Columns of ``Planner.listed`` before those of each part."""


class Receipts:
    """Writes receipts for the answers of one asker."""

    def __init__(self, asker: Asker, question: Question, since: int = 0) -> None:
        """``since``: of parts that add lines, only those after this position are told."""
        self._since = since
        self._asker = asker
        self._question = asker.of_reps(question)
        self._planner: Final[Planner] = asker.planner(self._question)
        self._belonging = self._question is not question
        """Whether it is about reps by where they belong."""

    def contributions(self, run: Run, period: Period, cell: Cell) -> Contributions:
        """What each event adds to one cell, of those that add anything."""
        listing = self.listing(period, cell)
        select = listing.events(keys=False)
        return {each.event: dict(each.adds) for each in listing.found(run(select.sql, select.parameters)).events}

    def listing(self, period: Period, cell: Cell) -> Listing:
        """Everything that one cell rests on, and what might have counted but does not."""
        found, question = Listing(), self._question
        for part in question.kpi.parts:
            if part.special == "rep_days":
                self._rep_days(part, period, cell, found)
            elif part.special == "target":
                self._target(period, cell, found)
            elif part.special in ("actual", "last_year", "last_year_so_far"):
                self._measured(part, period, cell, found)
        for parts in listed_together(part for part in question.kpi.parts if part.source is not None):
            branch = self._branch(parts, self._asker.window(parts[0], period), cell)
            found.branches.append(branch)
            found.measures |= set(branch.source.measures)
            if parts[0].weighted or "{ranks:" in branch.source.sql(()):
                found.definitions.add("pipeline")
        if any(name in _REP_DIMS for name in [*question.by, *(name for name, _ in question.where)]):
            found.definitions.add("rep")
        if self._belonging:
            at = dict(zip(question.by, cell, strict=True))
            reps = (at["rep_id"],) if "rep_id" in at else dict(question.where)["rep_id"]
            found.entities |= {("rep", rep) for rep in reps if rep}
        return found

    def _branch(self, parts: Sequence[Part], window: Span, cell: Cell) -> Branch:
        planner, part, source = self._planner, parts[0], parts[0].source
        assert source is not None
        rows, whose = planner.listed(parts, window, cell, self._since), planner.whose(parts, window, cell)
        weigh, weight, told = self._weights(part, window)
        money = part.unit == "money"
        factor = weight / planner.scale if money else weight
        added = []
        for place, each in enumerate(parts):
            event, key, value = f"its_{_TOLD + 2 * place}", f"its_{_TOLD + 2 * place + 1}", f"value{place}"
            if each.stat == "distinct":
                first = f"row_number() OVER (PARTITION BY {key}, {value} != 0 ORDER BY {event}) = 1"
                value = f"{value} != 0 AND {first}"
            elif money:
                value = f"if(its_4 = {RATED}, {value}, 0)"
            added.append(Added(each.name, event, f"toInt256({value}){weigh}", factor))
        foreign = f"its_3 != '{planner.currency}'" if money else "0"
        left_out = [(planner.left_out(source, which, window, cell), reason) for which, reason in source.excluded]
        rows = Select(rows.sql, {**rows.parameters, **told})
        return Branch(source, rows, whose, added, f"toUInt8({foreign})", planner.base, left_out)

    def _weights(self, part: Part, window: Span) -> tuple[str, Fraction, dict[str, list[str]]]:
        """What a row is multiplied with by the probability in force, the factor of that, and its parameters."""
        if not part.weighted:
            return "", Fraction(1), {}
        defined = self._asker.definitions.pipelines(window.end - 1)
        known = {f"{pipeline}\x1f{stage}": chance for (pipeline, stage), (_, chance) in defined.items() if chance}
        scale = lcm(_MILLION, *(Fraction(chance).denominator for chance in known.values()))
        weights = [str(int(each * scale)) for each in known.values()]
        told = {"weighted": list(known) or [""], "weights": weights or ["0"]}
        key = "transform(concat(its_5, char(31), its_6), {weighted:Array(String)}, {weights:Array(String)}, '0')"
        return f" * if(its_7, toInt256({scale // _MILLION}), toInt256({key}))", Fraction(1, scale), told

    def _target(self, period: Period, cell: Cell, found: Listing) -> None:
        goals = self._asker.goals(self._question)
        for kpi, place, chosen in goals.chosen(period):
            for each in chosen if place == cell else ():
                value = worth([each], kpi, goals.currency, goals.definitions, goals.now_ms)
                found.add(each.event, "target", Fraction(0) if isinstance(value, Undefined) else value)
                found.entities.add(("target", each.entity))
                if kpi.unit == "money" and each.currency != goals.currency:
                    found.definitions.add("rates")

    def _measured(self, part: Part, period: Period, cell: Cell, found: Listing) -> None:
        """The receipt of the KPI that a target is set for: as one part where it adds up, else with its own parts."""
        inner, place, when = self._asker.goals(self._question).measured(part.special, period, cell)
        of_it, parts = Receipts(self._asker, inner).listing(when, place), inner.kpi.parts
        if inner.kpi.adds_up:
            nothing: dict[str, Value] = {each.name: Fraction(0) for each in parts}
            values = {each.name: inner.kpi.formula.value(nothing | {each.name: Fraction(1)}) for each in parts}
            shares = {name: value for name, value in values.items() if isinstance(value, Fraction)}
            found.take(of_it.as_part(part.name, shares))
        else:
            found.take(of_it)
            found.units |= {each.name: each.unit for each in parts}

    def _rep_days(self, part: Part, period: Period, cell: Cell, found: Listing) -> None:
        definitions, now_ms = self._asker.seen(self._question), self._asker.now_ms
        windows = spans(part, [period], now_ms, definitions.calendar)
        for (_, place), stint, days in stint_days(self._question, windows, definitions, now_ms):
            if place == cell:
                found.add(stint.event, part.name, Fraction(days))
                found.entities.add(("rep", stint.rep_id))


def one_cell(answered: Answered) -> tuple[Period, Cell]:
    """The period and cell of an answer with a single row. Raises BadQuestion for any other."""
    rows = answered.rows
    if len(rows) != 1:
        raise BadQuestion(
            "question", f"names {len(rows)} cells; allowed: one, narrowed by --where, --from, --to and --grain"
        )
    return rows[0].period, rows[0].cell
