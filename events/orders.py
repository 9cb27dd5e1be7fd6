"""Orders: goods or services sold, with or without a deal behind them."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from events.base import Dimensioned, SalesEvent
from events.words import Currency, CustomerId, DealId, Money, OrderId


class OrderPlaced(Dimensioned, frozen=True, kw_only=True):
    """An order came in. With a ``deal_id`` it fulfils that deal and adds no revenue of its own."""

    TYPE: ClassVar[str] = "order.placed"
    ZH: ClassVar[str] = "订单"
    KIND: ClassVar[str] = "order"
    ENTITY: ClassVar[str | None] = "order_id"

    order_id: OrderId
    amount: Money
    customer_id: CustomerId | None = None
    """Absent: an anonymous order, in revenue but no customer."""
    currency: Currency | None = None
    cost: Annotated[Money, Field(examples=["8000.00"])] | None = None
    """What delivering it costs, in the same currency."""
    deal_id: DealId | None = None


class OrderRefunded(SalesEvent, frozen=True, kw_only=True):
    """Money of an order was given back, all or part of it."""

    TYPE: ClassVar[str] = "order.refunded"
    ZH: ClassVar[str] = "退款"
    KIND: ClassVar[str] = "order"
    ENTITY: ClassVar[str | None] = "order_id"

    order_id: OrderId
    amount: Money
    currency: Currency | None = None


EVENTS: Final = (OrderPlaced, OrderRefunded)
