"""Ordering: the web shop, the orders that fulfil deals, and refunds."""

from typing import Final

from services.simulator.almanac import Day
from services.simulator.mess import Data
from services.simulator.scenery import ANY_REGION, GOODS, SHOP, Product
from services.simulator.story import Customer, Story, text
from services.simulator.touching import machine_mail

ANONYMOUS_A_DAY: Final = 0.32
"""For each rep, on an ordinary working day."""
REFUNDED: Final = 0.03


class Ordering:
    """Takes orders, and gives money back."""

    def __init__(self, story: Story) -> None:
        self._story: Final = story
        self._dice: Final = story.dice

    def day(self, day: Day) -> None:
        """People buy in the web shop without saying who they are."""
        for _ in range(self._dice.about(ANONYMOUS_A_DAY * self._story.heads * day.demand)):
            region, goods = self._dice.pick(ANY_REGION), self._dice.pick(GOODS)
            fen = goods.price * 100 * self._dice.between(1, 4)
            data = {"region": region.name, "channel": "webshop", "product": goods.name}
            self._place(day.at + self._dice.between(0, 86_399), day.number, fen, "CNY", goods.cost_percent, data)

    def buy(self, customer: Customer, day: int) -> None:
        """A customer buys more of something."""
        goods: Product = self._dice.pick(GOODS)
        fen = goods.price * 100 * (1 + self._dice.long_tail(0, 9) * customer.segment.factor)
        about = {"customer_id": customer.id}
        data = {**about, "rep_id": customer.rep.id, "channel": "webshop", "product": goods.name}
        at = self._story.hour(day, customer.region)
        self._place(at, day, worth(fen, customer.currency), customer.currency, goods.cost_percent, data)
        if self._dice.chance(0.4):
            machine_mail(self._story, customer.rep, at + 40, about)

    def fulfil(self, deal_id: str, customer: Customer, fen: int, day: int) -> None:
        """A won deal is delivered in one to three orders, whose amounts add up to the deal's."""
        parts = self._dice.between(1, 3)
        for part in range(parts):
            amount = fen // parts + (fen % parts if part == 0 else 0)
            day += self._dice.between(1, 12)
            self._story.later(day, self._deliver, (deal_id, customer, amount), customer.region)

    def _deliver(self, entity: tuple[str, Customer, int], day: int) -> None:
        deal_id, customer, fen = entity
        data = {
            "order_id": self._story.number("O"),
            "amount": text(fen),
            "currency": customer.currency,
            "customer_id": customer.id,
            "deal_id": deal_id,
            "rep_id": customer.rep.id,
        }
        self._story.tell(self._story.hour(day, customer.region), SHOP, "order.placed", data)

    def _place(self, at: int, day: int, fen: int, currency: str, cost_percent: int, about: Data) -> None:
        order_id = self._story.number("O")
        data = {"order_id": order_id, "amount": text(fen), "currency": currency, **about}
        data["cost"] = text(fen * cost_percent // 100)
        self._story.tell(at, SHOP, "order.placed", data)
        if self._dice.chance(REFUNDED):
            back = fen if self._dice.chance(0.6) else fen * self._dice.between(10, 60) // 100
            self._story.later(day + self._dice.between(1, 30), self._refund, (order_id, back, currency))

    def _refund(self, entity: tuple[str, int, str], day: int) -> None:
        order_id, fen, currency = entity
        data = {"order_id": order_id, "amount": text(fen), "currency": currency}
        self._story.tell(day * 86_400 + self._dice.between(30_000, 70_000), SHOP, "order.refunded", data)


def worth(fen: int, currency: str) -> int:
    """About as much in another currency, in its minor units."""
    return {"CNY": fen, "USD": fen * 10 // 71, "EUR": fen * 10 // 78}[currency]
