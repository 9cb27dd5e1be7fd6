"""What targets are held against: the target's KPI in the same stretch and scope, and how far the stretch has gone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from projections.catalogue import BY_ID
from projections.definitions import Definitions
from projections.formula import Undefined, Value
from projections.kpi import Kpi
from projections.periods import FOREVER, Period, add_months
from projections.question import Question
from projections.targets import SCOPES, Target, after_days, days_gone, filling, targets, worth

Cell = tuple[str | None, ...]
Place = tuple[int, Cell]
Values = dict[Place, Value]
Ask = Callable[[Question, Sequence[Period], Iterable[Cell]], Values]
"""The values of a question over given periods, by their number and cell: every cell there is, and those given."""

MEASURED: Final = {id: kpi for id, kpi in BY_ID.items() if not kpi.scoped}
"""What a target can be set for."""


@dataclass(frozen=True)
class Goals:
    """The targets that a question is about."""

    question: Question
    definitions: Definitions
    currency: str
    now_ms: int
    ask: Ask

    def value(self, special: str, periods: Sequence[Period]) -> Values:
        """One of the parts that are not read from postings."""
        match special:
            case "target":
                return self.aims(periods)
            case "actual":
                return self._actual(periods)
            case "days_gone" | "days":
                return self._days(periods, special)
            case "last_year" | "last_year_so_far":
                return self._last_year(periods, special)
        raise AssertionError(f"{special} is no part of a target")

    def scope(self) -> str:
        """The scope that is asked for: that of the one dimension beside ``kpi``, else the company."""
        named = {*self.question.by, *(name for name, _ in self.question.where)}
        return next((scope for scope, name in SCOPES.items() if name in named), "company")

    def known(self) -> Iterator[tuple[str, Cell, list[Target]]]:
        """The targets asked for: KPI, cell, and every period's."""
        wanted = dict(self.question.where)
        scope = self.scope()
        dim = SCOPES.get(scope, "")
        only = (self.question.kpi.aim,) if self.question.kpi.aim else wanted.get("kpi", tuple(MEASURED))
        groups: dict[tuple[str, str], list[Target]] = {}
        for each in targets(self.definitions):
            known = each.scope == scope and each.kpi in only and each.kpi in MEASURED
            if known and (dim not in wanted or each.scope_id in wanted[dim]):
                groups.setdefault((each.kpi, each.scope_id), []).append(each)
        for (kpi, scope_id), found in sorted(groups.items()):
            yield kpi, tuple(kpi if name == "kpi" else scope_id for name in self.question.by), found

    def chosen(self, period: Period) -> Iterator[tuple[Kpi, Cell, list[Target]]]:
        """The targets of one period, by KPI and cell."""
        for kpi, cell, found in self.known():
            chosen = filling(found, period.from_ms, period.to_ms, BY_ID[kpi].adds_up)
            if chosen:
                yield BY_ID[kpi], cell, chosen

    def aims(self, periods: Sequence[Period]) -> Values:
        """What is to be reached. Targets of several in one cell add up, where their KPI does."""
        values: Values = {}
        for number, period in enumerate(periods):
            for kpi, cell, chosen in self.chosen(period):
                value = worth(chosen, kpi, self.currency, self.definitions, self.now_ms)
                before = values.get((number, cell))
                if before is not None:
                    value = _plus(before, value) if kpi.adds_up else Undefined("no_target")
                values[number, cell] = value
        return values

    def inner(self, kpi: str) -> Question:
        """The question about the target's KPI, of the same scope."""
        by = tuple(name for name in self.question.by if name != "kpi")
        where = tuple(each for each in self.question.where if each[0] != "kpi")
        return replace(self.question, kpi=BY_ID[kpi], by=by, where=where, limit=None, order=None, rest=False)

    def measured(self, special: str, period: Period, cell: Cell) -> tuple[Question, Cell, Period]:
        """The question about the target's KPI that is behind one cell, its cell and its period."""
        place = self.question.by.index("kpi")
        kpi = cell[place] or ""
        earlier = special != "actual"
        when = self._a_year_earlier(period, special == "last_year") if earlier else period
        return self.inner(kpi), (*cell[:place], *cell[place + 1 :]), when

    def kpis(self) -> list[str]:
        """The KPIs that the targets asked for are set for, as far as they have the scope's dimension."""
        dim = SCOPES.get(self.scope())
        return [kpi for kpi in dict.fromkeys(kpi for kpi, _, _ in self.known()) if not dim or dim in BY_ID[kpi].dims]

    def _asked(self, kpi: str, periods: Sequence[Period]) -> Values:
        place = self.question.by.index("kpi")
        aimed = [cell[:place] + cell[place + 1 :] for name, cell, _ in self.known() if name == kpi]
        found = self.ask(self.inner(kpi), periods, aimed)
        return {(number, (*cell[:place], kpi, *cell[place:])): value for (number, cell), value in found.items()}

    def _actual(self, periods: Sequence[Period]) -> Values:
        return {place: value for kpi in self.kpis() for place, value in self._asked(kpi, periods).items()}

    def _days(self, periods: Sequence[Period], special: str) -> Values:
        values: Values = {}
        for number, cell in self.aims(periods):
            period = periods[number]
            gone, every = days_gone(period.from_ms, period.to_ms, self.now_ms, self.definitions.calendar)
            values[number, cell] = Fraction(every if special == "days" else gone)
        return values

    def _last_year(self, periods: Sequence[Period], special: str) -> Values:
        earlier = [self._a_year_earlier(period, special == "last_year") for period in periods]
        known = [kpi for kpi in self.kpis() if BY_ID[kpi].adds_up]
        return {place: value for kpi in known for place, value in self._asked(kpi, earlier).items()}

    def _a_year_earlier(self, period: Period, whole: bool) -> Period:
        """The same stretch of the year before; unless whole, as many working days of it as are gone by now."""
        if period.from_ms == FOREVER[0] or period.to_ms == FOREVER[1]:
            return period
        calendar = self.definitions.calendar
        first, end = (add_months(calendar.day(at_ms), -12) for at_ms in (period.from_ms, period.to_ms))
        if not whole:
            gone, every = days_gone(period.from_ms, period.to_ms, self.now_ms, calendar)
            end = end if gone == every else after_days(first, gone, end, calendar)
        return Period(period.label, calendar.midnight(first), calendar.midnight(end))


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, Undefined):
        return left
    return right if isinstance(right, Undefined) else left + right
