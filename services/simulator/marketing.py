"""Marketing: money goes out, leads come in."""

from datetime import date
from typing import Any, Final

from services.simulator.almanac import Day, to_date
from services.simulator.prospecting import Lead, Prospecting
from services.simulator.scenery import (
    ANY_CHANNEL,
    ANY_REGION,
    ANY_SEGMENT,
    CAMPAIGNS,
    FINANCE,
    MARKETING,
    OPEN_S,
    REGIONS,
    Region,
)
from services.simulator.story import Story, text

LEADS_A_DAY: Final = 0.42
"""For each rep, on an ordinary working day."""
SALARY: Final = 19_500
"""Of a rep with all that comes with it, a month, in yuan."""
MANAGER_SALARY: Final = 34_000
COMMISSION_PERCENT: Final = 3


class Marketing:
    """Spends, and brings in leads."""

    def __init__(self, story: Story, prospecting: Prospecting) -> None:
        self._story: Final = story
        self._dice: Final = story.dice
        self._prospecting: Final = prospecting

    def day(self, day: Day) -> None:
        """Leads every day; spending on its days of the week, month and quarter."""
        for _ in range(self._dice.about(LEADS_A_DAY * self._story.heads * day.demand)):
            self._lead(day)
        if day.date.weekday() == 0:
            self._advertise(day)
        if day.date.day == 2:
            self._pay_month(day)
        if day.date.day == 10:
            self._pay_commission(day)
        if day.date.month % 3 == 2 and day.date.day == 18:
            self._expo(day)
        if day.date.timetuple().tm_yday == 5:
            self._buy_tools(day)

    def _lead(self, day: Day) -> None:
        dice = self._dice
        region, channel = dice.pick(ANY_REGION), dice.pick(ANY_CHANNEL)
        campaign = campaign_of(day.date) if channel.campaign and dice.chance(0.7) else None
        at = day.at + region.opens * 3600 + dice.between(-5400, OPEN_S + 1800)
        lead = Lead(self._story.number("L"), region, dice.pick(ANY_SEGMENT), channel, campaign)
        self._prospecting.receive(lead, day.number, at)

    def _advertise(self, day: Day) -> None:
        """Every week, by channel and campaign; EMEA pays in euro."""
        week = {"period_from": day.date.isoformat(), "period_to": to_date(day.number + 7).isoformat()}
        for region in REGIONS:
            for channel in ("search", "wechat") if region.china else ("search",):
                fen = self._budget(region, 1200)
                place = {"region": region.name, "channel": channel, "campaign": campaign_of(day.date)}
                self._spend(day, "advertising", fen, place | week, region)

    def _pay_month(self, day: Day) -> None:
        """Salaries are paid for the month by team, and the campaigns' agencies by region."""
        month = {"period_from": day.date.replace(day=1).isoformat(), "period_to": _next_month(day.date).isoformat()}
        for team in self._story.teams:
            fen = 100 * (len(team.reps) * SALARY + MANAGER_SALARY)
            place = {"team_id": team.id, "region": team.region.name}
            self._pay(day, "salaries", fen, place | month)
        for region in REGIONS:
            place = {"region": region.name, "campaign": campaign_of(day.date)}
            self._spend(day, "marketing", self._budget(region, 6_500), place, region)
        self._pay(day, "other", self._story.heads * self._dice.between(28_000, 52_000), {})

    def _pay_commission(self, day: Day) -> None:
        """Of what each rep won since the last time."""
        for team in self._story.teams:
            for rep in team.reps:
                fen, rep.won_fen = rep.won_fen * COMMISSION_PERCENT // 100, 0
                if fen:
                    self._pay(day, "commission", fen, {"rep_id": rep.id})

    def _expo(self, day: Day) -> None:
        """Once a quarter, for three days, with a course for the team that stands there."""
        span = {"period_from": day.date.isoformat(), "period_to": to_date(day.number + 3).isoformat()}
        for region in REGIONS:
            place = {"region": region.name, "channel": "expo", "campaign": campaign_of(day.date)}
            self._spend(day, "events", self._budget(region, 9_000), place | span, region)
        self._pay(day, "training", self._story.heads * self._dice.between(40_000, 70_000), {})

    def _buy_tools(self, day: Day) -> None:
        """Licences for the year."""
        year = {"period_from": f"{day.date.year}-01-01", "period_to": f"{day.date.year + 1}-01-01"}
        self._pay(day, "tools", self._story.heads * 876_017, year)

    def _budget(self, region: Region, yuan: int) -> int:
        """About so many yuan for each rep that a region has by its share, in fen."""
        return self._story.heads * region.share * yuan * self._dice.between(70, 130) // 100

    def _spend(self, day: Day, category: str, fen: int, more: dict[str, Any], region: Region) -> None:
        """An invoice from outside, in the currency of the region."""
        currency = region.currencies[0]
        amount = fen if currency == "CNY" else fen * 100 // 782
        data = {"category": category, "amount": text(amount), "currency": currency, **more}
        self._story.tell(self._story.hour(day.number, region), MARKETING, "spend.recorded", data)

    def _pay(self, day: Day, category: str, fen: int, more: dict[str, Any]) -> None:
        """What finance pays itself, in yuan."""
        data = {"category": category, "amount": text(fen), "currency": "CNY", **more}
        self._story.tell(day.at + 15 * 3600, FINANCE, "spend.recorded", data)


def campaign_of(day: date) -> str:
    """The campaign that runs on a day: ``2025 双十一``."""
    return f"{day.year} {CAMPAIGNS[(day.month - 1) // 3]}"


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
