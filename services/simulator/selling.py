"""Selling: deals are opened, moved, changed, won, lost and opened again."""

from dataclasses import dataclass
from typing import Final

from services.simulator.almanac import DAY_S, Day, to_date
from services.simulator.mess import Data
from services.simulator.ordering import Ordering, worth
from services.simulator.planning import Planning
from services.simulator.scenery import (
    ANY_PRODUCT,
    ANY_REGION,
    ANY_SEGMENT,
    COMPETITORS,
    CRM,
    LOST,
    OUTBOUND,
    RENEWAL,
    Product,
    Region,
    Segment,
    Stages,
)
from services.simulator.serving import Serving
from services.simulator.story import Customer, Rep, Story, text
from services.simulator.touching import touch

OUTBOUND_A_DAY: Final = 0.09
UPSELLS_A_DAY: Final = 0.05
"""Deals that reps open themselves, for each rep on an ordinary working day: with strangers, with customers."""
OPEN_AT_FIRST: Final = 5
"""Deals for each rep when the story begins."""
UNDOCUMENTED: Final = 0.02
"""The share of those deals that nobody enters before they are won."""

FORWARD: Final = 0.34
RUSH: Final = 1.5
"""What the end of a quarter multiplies the odds of moving forward by."""
LOSES: Final = 0.11
BACK: Final = 0.03
NEW_AMOUNT: Final = 0.09
NEW_DATE: Final = 0.05
NEW_OWNER: Final = 0.015
NEW_PROBABILITY: Final = 0.02
SLEEPS: Final = 0.025
"""What may happen whenever a deal is worked on, if it is neither moved forward nor lost; mostly nothing does."""
STEP_DAYS: Final = (2, 7)
SLEEP_DAYS: Final = (45, 110)
LOST_REOPENED: Final = 0.05
WON_REOPENED: Final = 0.012


@dataclass(slots=True, eq=False)
class Deal:
    """One chance to sell."""

    id: str
    rep: Rep
    customer: Customer
    product: Product
    fen: int
    """In the minor unit of the customer's currency."""
    pipeline: str
    stages: Stages
    closes: int
    """The day on which it is expected to be won."""
    stage: int
    reopened: bool = False


class Selling:
    """Moves deals on, one step at a time."""

    def __init__(self, story: Story, planning: Planning, serving: Serving, ordering: Ordering) -> None:
        self._story: Final = story
        self._dice: Final = story.dice
        self._planning: Final = planning
        self._serving: Final = serving
        self._ordering: Final = ordering

    def found(self, day: Day) -> None:
        """What was in the old system: open deals, somewhere in the pipeline."""
        for _ in range(OPEN_AT_FIRST * self._story.heads):
            region = self._dice.pick(ANY_REGION)
            customer = self._prospect(self._story.any_rep(region), region, self._dice.pick(ANY_SEGMENT))
            stage = self._dice.between(0, len(self._planning.stages) - 2)
            self._begin(customer, day.number, "default", {"channel": "import"}, stage)

    def day(self, day: Day) -> None:
        """Reps call strangers, and think of customers who might want more."""
        if not day.working:
            return
        heads, dice = self._story.heads, self._dice
        for _ in range(dice.about(OUTBOUND_A_DAY * heads * day.demand)):
            region = dice.pick(ANY_REGION)
            rep = self._story.any_rep(region)
            self.open(rep, region, dice.pick(ANY_SEGMENT), day.number, {"channel": OUTBOUND.name})
        for _ in range(min(dice.about(UPSELLS_A_DAY * heads * day.demand), len(self._serving.customers))):
            customer = dice.pick(self._serving.customers)
            self._begin(customer, day.number, "default", {"channel": "upsell"})

    def open(self, rep: Rep, region: Region, segment: Segment, day: int, origin: Data) -> None:
        """A deal with somebody who is no customer yet."""
        self._begin(self._prospect(rep, region, segment), day, "default", origin)

    def _prospect(self, rep: Rep, region: Region, segment: Segment) -> Customer:
        customer = self._serving.prospect(rep, region)
        customer.segment = segment
        return customer

    def _begin(self, customer: Customer, day: int, pipeline: str, origin: Data, stage: int = 0) -> None:
        story, dice = self._story, self._dice
        customer.rep = rep = story.heir(customer.rep)
        product = dice.pick(ANY_PRODUCT)
        yuan = product.price * customer.segment.factor * (70 + dice.long_tail(0, 220)) // 10_000 * 100
        stages = RENEWAL if pipeline == "renewal" else self._planning.stages
        closes = day + dice.between(20, 75)
        fen = worth(yuan, customer.currency) * 100
        deal = Deal(story.number("D"), rep, customer, product, fen, pipeline, stages, closes, stage)
        at = story.hour(day, customer.region)
        if "lead_id" not in origin and dice.chance(UNDOCUMENTED):
            self._win(deal, day, at)
            return
        story.tell(at, CRM, "deal.created", self._opening(deal, origin))
        self._again(deal, day)

    def _opening(self, deal: Deal, origin: Data) -> Data:
        """What the rep enters; the amount is not always known yet."""
        customer = deal.customer
        data: Data = {
            "deal_id": deal.id,
            "stage": deal.stages[deal.stage][0],
            "rep_id": deal.rep.id,
            "product": deal.product.name,
            "segment": customer.segment.name,
            "expected_close": to_date(deal.closes).isoformat(),
            **origin,
        }
        if deal.pipeline != "default":
            data["pipeline"] = deal.pipeline
        if self._dice.chance(0.94):
            data |= {"amount": text(deal.fen), "currency": customer.currency}
        if customer.place >= 0 or self._dice.chance(0.8):
            data["customer_id"] = customer.id
        if self._dice.chance(0.2):
            data["region"] = customer.region.name
        return data

    def _again(self, deal: Deal, day: int) -> None:
        low, high = STEP_DAYS
        self._story.later(day + self._dice.between(low, high), self._step, deal, deal.customer.region)

    def _step(self, deal: Deal, day: int) -> None:
        """The rep works on the deal: gets in touch, and something moves, or not."""
        dice = self._dice
        at = self._story.hour(day, deal.customer.region)
        if deal.rep.gone:
            at = self._hand_over(deal, self._story.heir(deal.rep), at)
        at = touch(self._story, deal.rep, at, {"deal_id": deal.id})
        if dice.roll() < 0.3:
            at = touch(self._story, deal.rep, at + 300, {"deal_id": deal.id, "customer_id": deal.customer.id})
        odds = FORWARD * deal.rep.skill * deal.customer.segment.ease * (RUSH if self._story.today.rush else 1)
        roll = dice.roll()
        if roll < odds:
            self._move_on(deal, day, at)
        elif roll < odds + LOSES:
            self._lose(deal, day, at)
        else:
            self._muddle(deal, day, at)

    def _move_on(self, deal: Deal, day: int, at: int) -> None:
        if deal.stage + 1 == len(deal.stages):
            self._win(deal, day, at)
            return
        # Small deals skip a stage now and then.
        skips = deal.stage + 2 < len(deal.stages) and self._dice.chance(0.12)
        self._move(deal, deal.stage + (2 if skips else 1), at)
        self._again(deal, day)

    def _move(self, deal: Deal, stage: int, at: int) -> None:
        data = {"deal_id": deal.id, "to_stage": deal.stages[stage][0], "from_stage": deal.stages[deal.stage][0]}
        deal.stage = stage
        self._story.tell(at, CRM, "deal.stage_moved", data)

    def _muddle(self, deal: Deal, day: int, at: int) -> None:
        """Nothing decided: a step back, another amount, date, owner or opinion, silence for weeks, or nothing."""
        roll = self._dice.roll()
        for share, change in (
            (BACK, self._move_back),
            (NEW_AMOUNT, self._new_amount),
            (NEW_DATE, self._new_date),
            (NEW_OWNER, self._new_owner),
            (NEW_PROBABILITY, self._new_probability),
        ):
            if roll < share:
                change(deal, at)
                break
            roll -= share
        if self._dice.chance(SLEEPS):
            day += self._dice.between(*SLEEP_DAYS)
        self._again(deal, day)

    def _move_back(self, deal: Deal, at: int) -> None:
        if deal.stage:
            self._move(deal, deal.stage - 1, at)

    def _new_amount(self, deal: Deal, at: int) -> None:
        deal.fen = deal.fen * self._dice.between(75, 125) // 10_000 * 100
        self._update(deal, at, {"amount": text(deal.fen), "currency": deal.customer.currency})

    def _new_date(self, deal: Deal, at: int) -> None:
        deal.closes = max(deal.closes, at // DAY_S) + self._dice.between(7, 45)
        self._update(deal, at, {"expected_close": to_date(deal.closes).isoformat()})

    def _new_owner(self, deal: Deal, at: int) -> None:
        self._hand_over(deal, self._dice.pick(deal.rep.team.reps), at)

    def _new_probability(self, deal: Deal, at: int) -> None:
        self._update(deal, at, {"probability": f"0.{self._dice.between(1, 9)}"})

    def _hand_over(self, deal: Deal, rep: Rep, at: int) -> int:
        """Another rep takes the deal; the moment after."""
        if rep is deal.rep:
            return at
        deal.rep = deal.customer.rep = rep
        self._update(deal, at, {"rep_id": rep.id})
        return at + 60

    def _update(self, deal: Deal, at: int, change: Data) -> None:
        self._story.tell(at, CRM, "deal.updated", {"deal_id": deal.id, **change})

    def _win(self, deal: Deal, day: int, at: int) -> None:
        """Signed. Orders follow, a survey, and a renewal in a year; rarely the contract is cancelled."""
        dice, customer, story = self._dice, deal.customer, self._story
        cost = deal.fen * (deal.product.cost_percent + dice.between(-6, 9)) // 100
        data = {
            "deal_id": deal.id,
            "amount": text(deal.fen),
            "currency": customer.currency,
            "cost": text(cost),
            "customer_id": customer.id,
            "rep_id": deal.rep.id,
            "product": deal.product.name,
            "segment": customer.segment.name,
        }
        story.tell(at, CRM, "deal.won", data)
        deal.rep.won_fen += deal.fen * {"CNY": 10, "USD": 71, "EUR": 78}[customer.currency] // 10
        if dice.chance(WON_REOPENED) and not deal.reopened:
            story.later(day + dice.between(2, 25), self._reopen, deal, customer.region)
            return
        self._serving.welcome(customer, at + 600)
        self._follow_up(deal, day)

    def _follow_up(self, deal: Deal, day: int) -> None:
        dice, customer, story = self._dice, deal.customer, self._story
        if dice.chance(0.7):
            story.later(day + 1, self._fulfil, deal, customer.region)
        if dice.chance(0.45):
            story.later(day + dice.between(7, 30), self._ask, deal, customer.region)
        story.later(day + dice.between(320, 360), self._renew, customer, customer.region)

    def _fulfil(self, deal: Deal, day: int) -> None:
        self._ordering.fulfil(deal.id, deal.customer, deal.fen, day)

    def _ask(self, deal: Deal, day: int) -> None:
        self._serving.ask(deal.customer, day, deal.id)

    def _renew(self, customer: Customer, day: int) -> None:
        if customer.place >= 0 and self._dice.chance(0.6):
            self._begin(customer, day, "renewal", {"channel": "renewal"})

    def _lose(self, deal: Deal, day: int, at: int) -> None:
        reason = self._dice.pick(LOST)
        data = {"deal_id": deal.id, "reason": reason}
        if reason == "competitor":
            data["competitor"] = self._dice.pick(COMPETITORS)
        self._story.tell(at, CRM, "deal.lost", data)
        if not deal.reopened and self._dice.chance(LOST_REOPENED):
            self._story.later(day + self._dice.between(10, 60), self._reopen, deal, deal.customer.region)

    def _reopen(self, deal: Deal, day: int) -> None:
        """Once in its life a closed deal is opened again, in the middle of the pipeline."""
        deal.reopened, deal.stage = True, len(deal.stages) // 2
        stage = deal.stages[deal.stage][0]
        at = self._story.hour(day, deal.customer.region)
        self._story.tell(at, CRM, "deal.reopened", {"deal_id": deal.id, "stage": stage})
        self._again(deal, day)
