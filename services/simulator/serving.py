"""Serving: customers are looked after, asked how they are, buy again, leave and come back."""

from typing import Final

from services.simulator.almanac import DAY_S, Day
from services.simulator.contacts import contact
from services.simulator.mess import Data
from services.simulator.ordering import Ordering
from services.simulator.scenery import (
    ANY_REGION,
    CHURNED,
    COMMENTS,
    CRM,
    SERVICE,
    SMB,
    Region,
)
from services.simulator.story import Customer, Rep, Story
from services.simulator.touching import touch

WALK_INS_A_DAY: Final = 0.015
"""People who become customers in the web shop, without a deal; for each rep, on an ordinary day."""
CARE_DAYS: Final = (14, 60)
"""How often somebody looks after a customer."""
BUYS_AGAIN: Final = 0.4
LEAVES: Final = 0.013
"""A customer in the best of moods, whenever somebody looks; a bad mood adds to it."""
COMES_BACK: Final = 0.25


class Serving:
    """Keeps customers, as long as they want to be kept."""

    def __init__(self, story: Story, ordering: Ordering) -> None:
        self._story: Final = story
        self._dice: Final = story.dice
        self._ordering: Final = ordering
        self.customers: Final[list[Customer]] = []
        """Those who stay."""

    def day(self, day: Day) -> None:
        """Now and then somebody becomes a customer in the web shop."""
        for _ in range(self._dice.about(WALK_INS_A_DAY * self._story.heads * day.demand)):
            region = self._dice.pick(ANY_REGION)
            customer = self.prospect(self._story.any_rep(region), region)
            self._ordering.buy(customer, day.number)
            self.welcome(customer, day.at + 23 * 3600)

    def prospect(self, rep: Rep, region: Region) -> Customer:
        """Somebody who may become a customer, small unless said otherwise."""
        dice = self._dice
        mood = 0.72 + 0.2 * dice.bell()
        return Customer(self._story.number("C"), region, SMB, dice.pick(region.currencies), rep, mood)

    def welcome(self, customer: Customer, at: int) -> None:
        """The first purchase, or one after coming back: somebody looks after the customer from now on."""
        if customer.place >= 0:
            return
        profile: Data = {"customer_id": customer.id, "region": customer.region.name, "segment": customer.segment.name}
        if self._dice.chance(0.8):
            profile["contact"] = contact(self._dice, customer.region)
        self._story.tell(at, CRM, "customer.updated", profile)
        self._keep(customer, at // DAY_S)

    def ask(self, customer: Customer, day: int, deal_id: str | None = None) -> None:
        """How satisfied are you?"""
        dice = self._dice
        feeling = min(1.0, max(0.0, customer.mood + 0.06 + 0.4 * dice.bell()))
        data: Data = {"kind": "csat", "score": str(1 + int(4 * feeling + 0.5))}
        data |= {"respondent_id": f"P-{customer.id}", "customer_id": customer.id, "rep_id": customer.rep.id}
        if deal_id:
            data["deal_id"] = deal_id
        if dice.chance(0.2):
            data["comment"] = dice.pick(COMMENTS)
        self._story.tell(self._story.hour(day, customer.region) + 1200, SERVICE, "survey.answered", data)

    def _keep(self, customer: Customer, day: int) -> None:
        customer.place = len(self.customers)
        self.customers.append(customer)
        self._next(customer, day)

    def _next(self, customer: Customer, day: int) -> None:
        self._story.later(day + self._dice.between(*CARE_DAYS), self._look_after, customer, customer.region)

    def _look_after(self, customer: Customer, day: int) -> None:
        dice = self._dice
        customer.rep = self._story.heir(customer.rep)
        customer.mood = min(1.0, max(0.05, customer.mood + 0.06 * dice.bell()))
        at = self._story.hour(day, customer.region)
        gloom = 1 - customer.mood
        if dice.roll() < LEAVES + 0.09 * gloom * gloom:
            self._leave(customer, day, at)
            return
        if dice.roll() < 0.6:
            at = touch(self._story, customer.rep, at, {"customer_id": customer.id})
        if dice.roll() < BUYS_AGAIN:
            self._ordering.buy(customer, day)
        if dice.roll() < 0.15:
            self.ask(customer, day)
        if dice.roll() < 0.12:
            self._recommend(customer, at)
        self._next(customer, day)

    def _recommend(self, customer: Customer, at: int) -> None:
        """Would you recommend us?"""
        feeling = min(1.0, max(0.0, customer.mood + 0.1 + 0.36 * self._dice.bell()))
        data = {"kind": "nps", "score": str(int(10 * feeling + 0.5)), "respondent_id": f"P-{customer.id}"}
        data["customer_id"] = customer.id
        self._story.tell(at + 600, SERVICE, "survey.answered", data)

    def _leave(self, customer: Customer, day: int, at: int) -> None:
        last = self.customers.pop()
        if last is not customer:
            self.customers[customer.place], last.place = last, customer.place
        customer.place = -1
        data = {"customer_id": customer.id, "reason": self._dice.pick(CHURNED)}
        self._story.tell(at, CRM, "customer.churned", data)
        if self._dice.chance(COMES_BACK):
            self._story.later(day + self._dice.between(50, 260), self._return, customer, customer.region)

    def _return(self, customer: Customer, day: int) -> None:
        """Back again: said so, or only seen by a purchase."""
        if customer.place >= 0:
            return
        customer.rep, customer.mood = self._story.heir(customer.rep), 0.7
        if self._dice.chance(0.6):
            data = {"customer_id": customer.id, "reason": "won back"}
            self._story.tell(day * DAY_S + customer.region.opens * 3600, CRM, "customer.returned", data)
        self._ordering.buy(customer, day)
        self._keep(customer, day)
