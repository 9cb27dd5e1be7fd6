"""The book of an order: placed, refunded.

Measures: ``order`` (count, amount and cost), or ``fulfilment`` where the order fulfils a deal (then its amount is in
the deal's), ``refund`` (amount), and ``bought`` where a later event made it a purchase of its customer. Mostly its own
line does that, and tells in ``until_ms`` when all of it was refunded; see ``purchase``.
"""

from typing import Final

from msgspec.structs import replace

from events.envelope import Fact
from events.orders import OrderPlaced, OrderRefunded
from events.words import minor
from projections.books.fold import Fold
from projections.books.plain import COMMON, Plain
from projections.books.purchase import Purchase
from projections.books.worth import Worth, booked, less, worth
from projections.posting import NOWHERE, Posting, merged


def _measure(deal: str | None) -> str:
    return "fulfilment" if deal else "order"


ORDER: Final = Plain(
    event=OrderPlaced,
    dims={name: name for name in COMMON} | {"customer": "customer_id", "deal": "deal_id"},
    made={
        "measure": (_measure, ("deal_id",)),
        "amount": (minor, ("amount",)),
        "cost": (lambda cost: minor(cost) if cost else 0, ("cost",)),
        "currency": (str, ("currency",)),
        "since_ms": (int, ("at_ms",)),
    },
)
"""The line of an order that is placed and of which nothing was told before."""


class OrderBook(Fold):
    """One order. Told again under another id it is the same order: the difference is posted."""

    __slots__ = ("booked", "cost", "cost_currency", "dims", "placed", "purchase", "refunded")

    def __init__(self) -> None:
        self.dims = NOWHERE
        self.placed: Posting | None = None
        """The line that placed it, with its amount as last told."""
        self.cost = 0
        self.cost_currency = ""
        self.booked: Worth = {}
        """What was posted so far."""
        self.refunded: dict[str, int] = {}
        """Minor units given back, by currency."""
        self.purchase = Purchase()

    def post(self, fact: Fact) -> list[Posting]:
        """The lines that this event adds."""
        first = self.placed is None
        match fact.data:
            case OrderPlaced() as placed:
                lines = self._place(fact, placed)
            case OrderRefunded() as refund:
                lines = [self._refund(fact, refund)]
            case other:
                raise AssertionError(f"{other.TYPE} is no event of an order")
        if first and self.placed is not None and lines[0].measure == "order" and lines[0].amount > 0:
            self._buy(fact, lines)
        else:
            self.purchase.follow(self._stands(), fact, self.dims, lines)
        return lines

    def _buy(self, fact: Fact, lines: list[Posting]) -> None:
        """The order's own line is that of the purchase, where it was not refunded before it was told."""
        if self._stands():
            self.purchase.stands(lines[0])
        else:
            lines[0] = replace(lines[0], until_ms=fact.at_ms)

    def _stands(self) -> bool:
        """Whether something of the order is left for its customer; of one that fulfils a deal that is the deal's."""
        line = self.placed
        return line is not None and not self.dims.deal and line.amount > self.refunded.get(line.currency, 0)

    def _place(self, fact: Fact, event: OrderPlaced) -> list[Posting]:
        line = ORDER.posting(fact)
        self.dims = merged(self.dims, event, customer=event.customer_id, deal=event.deal_id)
        if event.cost is not None:
            self.cost, self.cost_currency = line.cost, line.currency
        if line.dims != self.dims:
            line = replace(line, dims=self.dims, measure=_measure(self.dims.deal))
        before, self.placed = self.placed, line
        told, told_before = worth(line.amount, line.currency, self.cost, self.cost_currency), self.booked
        self.booked = told
        if before is None:
            return booked(line, told)
        self.placed = replace(line, since_ms=before.since_ms)
        corrected = replace(self.placed, count=0, dims=replace(line.dims, outcome="corrected"))
        if before.measure == line.measure:
            return booked(corrected, less(told, told_before))
        back = replace(corrected, measure=before.measure)
        return booked(back, less({}, told_before)) + booked(corrected, told)

    def _refund(self, fact: Fact, event: OrderRefunded) -> Posting:
        assert event.currency is not None, "the codec names the currency of every amount"
        self.dims = merged(self.dims, event)
        amount = minor(event.amount)
        self.refunded = self.refunded | {event.currency: self.refunded.get(event.currency, 0) + amount}
        return Posting(
            measure="refund", at_ms=fact.at_ms, event=fact.position, dims=self.dims, count=1, amount=amount,
            currency=event.currency, basis_ms=fact.at_ms,
        )  # fmt: skip
