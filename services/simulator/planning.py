"""Planning: the calendar, the pipelines, exchange rates, and what is to be reached."""

from datetime import date, timedelta
from typing import Any, Final

from services.simulator.almanac import HOLIDAYS, WORKDAYS, Day, dates
from services.simulator.scenery import FINANCE, PIPELINE, PIPELINE_LATER, RATES, RENEWAL, Stages
from services.simulator.story import Story, Team

REP_YEAR: Final = 2_350_000
"""What an average rep is to sell in a year, in yuan."""
NEW_CUSTOMERS_YEAR: Final = 17
"""How many new customers the company wants in a year for each rep."""
STRETCH_A_YEAR: Final = 0.45
REDEFINED_AFTER_DAYS: Final = 270
"""When the pipeline gets another stage and other probabilities."""
MONTH_SHARES: Final = (70, 66, 96, 76, 76, 98, 76, 78, 92, 74, 92, 106)
"""Of a year's target, in thousandths."""


class Planning:
    """Says how things are counted and what is to be reached."""

    def __init__(self, story: Story) -> None:
        self._story: Final = story
        self._rates = dict(RATES)
        self._first: Final = story.almanac.days[0]
        self._redefined: Final = self._first.number + REDEFINED_AFTER_DAYS
        self.stages: Stages = PIPELINE
        """Of new business, as now defined."""

    def found(self, day: Day) -> None:
        """What has to be known before the first event."""
        self._calendar(day.at, day.date.year, {"timezone": "Asia/Shanghai", "currency": "CNY", "fiscal_year_start": 1})
        self._pipeline(day.at, "default", PIPELINE)
        self._pipeline(day.at, "renewal", RENEWAL)
        self._set_rates(day)
        self._year_targets(day, day.date.year)
        self._quarter_targets(day, day.date)
        self._month_targets(day, day.date)

    def day(self, day: Day) -> None:
        """What the plan has for a day."""
        today = day.date
        if day.number == self._redefined:
            self.stages = PIPELINE_LATER
            self._pipeline(day.at + 6 * 3600, "default", PIPELINE_LATER)
        if (today.month, today.day) == (11, 25):
            self._calendar(day.at + 10 * 3600, today.year + 1, {})
        if today.day == 1 and day is not self._first:
            self._set_rates(day)
        if today.day == 22:
            soon = (today + timedelta(days=10)).replace(day=1)
            self._month_targets(day, soon)
            if soon.month % 3 == 1:
                self._quarter_targets(day, soon)
            if soon.month == 1:
                self._year_targets(day, soon.year)

    def _calendar(self, at: int, year: int, more: dict[str, Any]) -> None:
        if year not in HOLIDAYS and not more:
            return
        days = {
            "holidays": [day.isoformat() for day in dates(HOLIDAYS.get(year, ""), year)],
            "workdays": [day.isoformat() for day in dates(WORKDAYS.get(year, ""), year)],
        }
        self._story.tell(at, FINANCE, "calendar.defined", {**more, "week_start": "monday", **days})

    def _pipeline(self, at: int, name: str, stages: Stages) -> None:
        rows = [{"stage": stage, "probability": chance, "name": title} for stage, chance, title in stages]
        self._story.tell(at, FINANCE, "pipeline.defined", {"pipeline": name, "stages": rows})

    def _set_rates(self, day: Day) -> None:
        """The rates of the day, from now on; of the month that ended; and, once a year, of the plan."""
        last = (day.date - timedelta(days=1)).strftime("%Y-%m")
        for base, old in self._rates.items():
            new = self._rates[base] = old + int(old * 0.012 * self._story.dice.bell())
            self._rate(day.at, base, new, "day")
            if day is not self._first:
                self._rate(day.at + 9 * 3600, base, (old + new) // 2, "period", last)
            if day is self._first or day.date.month == 1:
                self._rate(day.at + 60, base, new // 100 * 100, "plan", str(day.date.year))

    def _rate(self, at: int, base: str, rate: int, kind: str, period: str | None = None) -> None:
        data = {"base": base, "quote": "CNY", "rate": f"{rate // 10_000}.{rate % 10_000:04d}", "kind": kind}
        if period is not None:
            data["period"] = period
        self._story.tell(at, FINANCE, "fx_rate.set", data)

    def _wanted(self, first: date, months: int) -> int:
        """What each rep is to sell in these months, in yuan."""
        years = first.year - self._first.date.year
        share = sum(MONTH_SHARES[first.month - 1 : first.month - 1 + months])
        return int(REP_YEAR * (1 + STRETCH_A_YEAR * years)) // 1000 * share

    def _year_targets(self, day: Day, year: int) -> None:
        heads, wanted = self._story.heads, self._wanted(date(year, 1, 1), 12)
        self._target(day, "revenue", str(year), heads * wanted)
        self._target(day, "new_customers", str(year), heads * NEW_CUSTOMERS_YEAR)

    def _quarter_targets(self, day: Day, first: date) -> None:
        period, wanted = f"{first.year}-Q{(first.month + 2) // 3}", self._wanted(first, 3)
        self._target(day, "revenue", period, self._story.heads * wanted)
        for team in self._story.teams:
            self._target(day, "revenue", period, len(team.reps) * wanted, "team", team.id)

    def _month_targets(self, day: Day, first: date) -> None:
        period, wanted = first.strftime("%Y-%m"), self._wanted(first, 1)
        self._target(day, "revenue", period, self._story.heads * wanted)
        for team in self._story.teams:
            self._rep_targets(day, team, period, wanted)

    def _rep_targets(self, day: Day, team: Team, period: str, wanted: int) -> None:
        for rep in team.reps:
            self._target(day, "bookings", period, int(wanted * rep.skill) // 1000 * 1000, "rep", rep.id)

    def _target(self, day: Day, kpi: str, period: str, value: int, scope: str = "company", scope_id: str = "") -> None:
        data = {"kpi": kpi, "period": period, "value": str(value), "scope": scope}
        if kpi != "new_customers":
            data["currency"] = "CNY"
        if scope_id:
            data["scope_id"] = scope_id
        self._story.tell(day.at + 11 * 3600, FINANCE, "target.set", data)
