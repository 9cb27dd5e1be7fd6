"""What targets are held against: the target's KPI in the same stretch and scope, and how far the stretch has gone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Final

from projections.catalogue import BY_ID
from projections.definitions import Definitions
from projections.formula import Undefined, Value
from projections.kpi import Kpi
from projections.periods import FOREVER, Period, add_months
from projections.plan import REST
from projections.question import Question
from projections.targets import SCOPES, Aims, Target, after_days, days_gone, targets, worth

Cell = tuple[str | None, ...]
Place = tuple[int, Cell]
Values = dict[Place, Value]
Ask = Callable[[Question, Mapping[str, Iterable[Cell]], Sequence[Period], Sequence[Cell] | None], dict[str, Values]]
"""The values of some KPIs, grouped and filtered as a question is, over given periods: for each KPI by the number of the
period and the cell, of every cell there is and of those given; all but the top ones, if such are given, in one."""

MEASURED: Final = {id: kpi for id, kpi in BY_ID.items() if not kpi.scoped}
"""What a target can be set for."""
OF_TARGETS: Final = ("target", "actual", "days_gone", "days", "last_year", "last_year_so_far")
"""The parts that are not read from postings but have to do with targets."""
_ASKED: Final = ("actual", "last_year", "last_year_so_far")
"""Those of them that are the target's KPI in some stretch."""


@dataclass(frozen=True)
class Goals:
    """The targets that a question is about."""

    question: Question
    definitions: Definitions
    currency: str
    now_ms: int
    ask: Ask
    top: Sequence[Cell] | None = None
    """The cells that are told apart, where all others of a KPI are one."""

    def values(self, specials: Iterable[str], periods: Sequence[Period]) -> dict[str, Values]:
        """Some of the parts ``OF_TARGETS``."""
        told = list(specials)
        found = self._measured([special for special in told if special in _ASKED], periods)
        aims = self._aims(periods) if len(found) < len(told) else {}
        for special in told:
            if special == "target":
                found[special] = aims
            elif special not in _ASKED:
                found[special] = self._days(aims, periods, special)
        return found

    def scope(self) -> str:
        """The scope that is asked for: reps', or that of the one dimension beside ``kpi``, else the company."""
        named = {*self.question.by, *(name for name, _ in self.question.where)}
        return next((scope for scope, name in SCOPES.items() if name in named), "company")

    @cached_property
    def known(self) -> list[tuple[str, Cell, Aims]]:
        """The targets asked for: KPI, cell, and every period's; of the cells that are not told apart several."""
        wanted = dict(self.question.where)
        dim = SCOPES.get(self.scope(), "")
        only = (self.question.kpi.aim,) if self.question.kpi.aim else wanted.get("kpi", tuple(MEASURED))
        found = []
        for (kpi, whose), aims in targets(self.definitions).get(self.scope(), {}).items():
            if kpi in only and kpi in MEASURED and (dim not in wanted or whose in wanted[dim]):
                cell = tuple(kpi if name == "kpi" else whose for name in self.question.by)
                found.append((kpi, self._told_apart(cell), aims))
        return found

    def _told_apart(self, cell: Cell) -> Cell:
        if self.top is None or cell in self.top:
            return cell
        return tuple(value if name == "kpi" else REST for name, value in zip(self.question.by, cell, strict=True))

    def chosen(self, period: Period) -> Iterator[tuple[Kpi, Cell, list[Target]]]:
        """The targets of one period, by KPI and cell."""
        for kpi, cell, aims in self.known:
            chosen = aims.filling(period.from_ms, period.to_ms, BY_ID[kpi].adds_up)
            if chosen:
                yield BY_ID[kpi], cell, chosen

    def _aims(self, periods: Sequence[Period]) -> Values:
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
        kpi = cell[self.question.by.index("kpi")] or ""
        return self.inner(kpi), self._without_kpi(cell), self._when(special, period)

    def _without_kpi(self, cell: Cell) -> Cell:
        place = self.question.by.index("kpi")
        return cell[:place] + cell[place + 1 :]

    def _kpis(self, adds_up: bool) -> dict[str, list[Cell]]:
        """The KPIs that the targets asked for are set for, as far as they have the scope's dimension: their cells."""
        dim = SCOPES.get(self.scope())
        found: dict[str, list[Cell]] = {}
        for kpi, cell, _ in self.known:
            if BY_ID[kpi].adds_up == adds_up and (not dim or dim in BY_ID[kpi].dims):
                found.setdefault(kpi, []).append(self._without_kpi(cell))
        return found

    def _measured(self, specials: Sequence[str], periods: Sequence[Period]) -> dict[str, Values]:
        """The targets' KPIs in the periods and in those of a year before, which matter where values add up over time.

        All are asked at once, for each question has its price.
        """
        found: dict[str, Values] = {special: {} for special in specials}
        if not specials:
            return found
        place = self.question.by.index("kpi")
        for adds_up in (True, False):
            kpis, asked = self._kpis(adds_up), [each for each in specials if adds_up or each == "actual"]
            stretch = [self._when(special, period) for special in asked for period in periods]
            for kpi, values in self._answers(kpis, stretch).items() if asked else ():
                for (number, cell), value in values.items():
                    special, period_number = divmod(number, len(periods))
                    found[asked[special]][period_number, (*cell[:place], kpi, *cell[place:])] = value
        return found

    def _answers(self, kpis: Mapping[str, list[Cell]], stretch: Sequence[Period]) -> dict[str, Values]:
        if not kpis:
            return {}
        if self.top is None:
            return self.ask(self.inner(next(iter(kpis))), kpis, stretch, None)
        place = self.question.by.index("kpi")
        found: dict[str, Values] = {}
        for kpi, cells in kpis.items():
            top = [self._without_kpi(cell) for cell in self.top if cell[place] == kpi]
            found |= self.ask(self.inner(kpi), {kpi: cells}, stretch, top)
        return found

    def _days(self, aims: Values, periods: Sequence[Period], special: str) -> Values:
        """The working days of each period, wherever there is a target."""
        calendar = self.definitions.calendar
        asked = {number: periods[number] for number, _ in aims}
        days = {
            number: Fraction(days_gone(each.from_ms, each.to_ms, self.now_ms, calendar)[special == "days"])
            for number, each in asked.items()
        }
        return {(number, cell): days[number] for number, cell in aims}

    def _when(self, special: str, period: Period) -> Period:
        """The period, or the same stretch of the year before; the last year so far: as many working days of it as are
        gone by now."""
        if special == "actual" or period.from_ms == FOREVER[0] or period.to_ms == FOREVER[1]:
            return period
        calendar = self.definitions.calendar
        first, end = (add_months(calendar.day(at_ms), -12) for at_ms in (period.from_ms, period.to_ms))
        if special == "last_year_so_far":
            gone, every = days_gone(period.from_ms, period.to_ms, self.now_ms, calendar)
            end = end if gone == every else after_days(first, gone, end, calendar)
        return Period(period.label, calendar.midnight(first), calendar.midnight(end))


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, Undefined):
        return left
    return right if isinstance(right, Undefined) else left + right
