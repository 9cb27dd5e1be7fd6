"""Orders and refunds, replayed one event at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from events.base import SalesEvent
from events.envelope import Fact
from events.orders import OrderPlaced, OrderRefunded
from tests.oracle.deals import NOTHING, First, Money, Purchase
from tests.oracle.past import Dims, Line, Past, learned


@dataclass
class Order:
    """One order's story; ``replay`` writes it."""

    id: str
    past: Past
    told: dict[str, str] = field(default_factory=dict)
    amount: Money = NOTHING
    cost: Money = NOTHING
    refunds: dict[str, Fraction] = field(default_factory=dict)
    placed: bool = False
    posted: tuple[Money, Money] = (NOTHING, NOTHING)
    buying: bool = False
    lines: list[Line] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    firsts: list[First] = field(default_factory=list)

    def replay(self, facts: Sequence[Fact]) -> "Order":
        """The whole story."""
        for fact in facts:
            self._learn(fact.data)
            if isinstance(fact.data, OrderPlaced):
                self._place(fact, fact.data)
            elif isinstance(fact.data, OrderRefunded):
                self._refund(fact.at_ms, fact.data)
            self._buy(fact)
        return self

    def _dims(self, at: int) -> Dims:
        return self.past.placed(self.told, at)

    def _learn(self, event: SalesEvent) -> None:
        self.told = learned(self.told, event)
        if isinstance(event, OrderPlaced):
            told = {"customer": event.customer_id, "deal": event.deal_id}
            self.told |= {name: value for name, value in told.items() if value is not None}
            self.amount = Fraction(event.amount), event.currency or ""
            if event.cost is not None:
                self.cost = Fraction(event.cost), event.currency or ""

    def _place(self, fact: Fact, event: OrderPlaced) -> None:
        """What the order is worth follows what is told of it; the difference takes effect now."""
        customer = self.told.get("customer")
        if customer and not self.placed:
            self.firsts.append(First(customer, fact.at_ms, fact.position, self._dims(fact.at_ms)))
        self.placed = True
        worth = (NOTHING if "deal" in self.told else self.amount), self.cost
        for what, before, after in zip(("orders", "cost"), self.posted, worth, strict=True):
            if before != after:
                self.lines.append(Line(what, fact.at_ms, self._dims(fact.at_ms), -before[0], before[1]))
                self.lines.append(Line(what, fact.at_ms, self._dims(fact.at_ms), after[0], after[1]))
        self.posted = worth

    def _refund(self, at: int, event: OrderRefunded) -> None:
        amount, currency = Fraction(event.amount), event.currency or ""
        self.refunds[currency] = self.refunds.get(currency, Fraction(0)) + amount
        self.lines.append(Line("refunds", at, self._dims(at), amount, currency))

    def _buy(self, fact: Fact) -> None:
        """An order of its own is a purchase of its customer while refunds have not reached its amount."""
        amount, currency = self.amount
        net = amount - self.refunds.get(currency, Fraction(0))
        buys = self.placed and "deal" not in self.told and net > 0
        place = fact.at_ms, fact.position
        if self.buying and not buys and self.purchases:
            self.purchases[-1].until = self.purchases[-1].until or place
        if buys and not self.buying and "customer" in self.told:
            self.purchases.append(Purchase(self.told["customer"], place, self._dims(fact.at_ms)))
        self.buying = buys


def orders(past: Past) -> list[Order]:
    """The story of every order."""
    return [Order(order, past).replay(facts) for order, facts in past.by_entity(OrderPlaced, OrderRefunded).items()]
