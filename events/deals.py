"""Deals: one chance to sell, from its first stage to won or lost."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from events.base import Dimensioned, SalesEvent
from events.words import Currency, CustomerId, Date, DealId, LeadId, Money, Name, Probability, Reason, Stage

Pipeline = Annotated[Name, Field(examples=["default"])]


class DealCreated(Dimensioned, frozen=True, kw_only=True):
    """A chance to sell was opened."""

    TYPE: ClassVar[str] = "deal.created"
    ZH: ClassVar[str] = "新建商机"
    KIND: ClassVar[str] = "deal"
    ENTITY: ClassVar[str | None] = "deal_id"

    deal_id: DealId
    stage: Stage
    pipeline: Pipeline = "default"
    lead_id: LeadId | None = None
    customer_id: CustomerId | None = None
    amount: Money | None = None
    currency: Currency | None = None
    expected_close: Date | None = None


class DealStageMoved(SalesEvent, frozen=True, kw_only=True):
    """The deal went to another stage, forward or back."""

    TYPE: ClassVar[str] = "deal.stage_moved"
    ZH: ClassVar[str] = "商机阶段变更"
    KIND: ClassVar[str] = "deal"
    ENTITY: ClassVar[str | None] = "deal_id"

    deal_id: DealId
    to_stage: Stage
    from_stage: Annotated[Stage, Field(examples=["qualified"])] | None = None


class DealUpdated(Dimensioned, frozen=True, kw_only=True):
    """Something about the deal changed: its amount, owner, dates … What is absent stays as it was."""

    TYPE: ClassVar[str] = "deal.updated"
    ZH: ClassVar[str] = "商机更新"
    KIND: ClassVar[str] = "deal"
    ENTITY: ClassVar[str | None] = "deal_id"

    deal_id: DealId
    stage: Stage | None = None
    pipeline: Pipeline | None = None
    lead_id: LeadId | None = None
    customer_id: CustomerId | None = None
    amount: Money | None = None
    currency: Currency | None = None
    expected_close: Date | None = None
    probability: Probability | None = None
    """Overrides the stage's probability for this deal."""


class DealWon(Dimensioned, frozen=True, kw_only=True):
    """The customer signed. A deal never created before is created by it."""

    TYPE: ClassVar[str] = "deal.won"
    ZH: ClassVar[str] = "赢单"
    KIND: ClassVar[str] = "deal"
    ENTITY: ClassVar[str | None] = "deal_id"

    deal_id: DealId
    amount: Money
    currency: Currency | None = None
    cost: Annotated[Money, Field(examples=["8000.00"])] | None = None
    """What delivering it costs, in the same currency."""
    customer_id: CustomerId | None = None


class DealLost(SalesEvent, frozen=True, kw_only=True):
    """The customer decided against it."""

    TYPE: ClassVar[str] = "deal.lost"
    ZH: ClassVar[str] = "输单"
    KIND: ClassVar[str] = "deal"
    ENTITY: ClassVar[str | None] = "deal_id"

    deal_id: DealId
    reason: Reason | None = None
    competitor: Annotated[Name, Field(examples=["Other Corp"])] | None = None


class DealReopened(SalesEvent, frozen=True, kw_only=True):
    """A closed deal is open again. The win or loss is taken back at this moment, as a credit note does."""

    TYPE: ClassVar[str] = "deal.reopened"
    ZH: ClassVar[str] = "商机重开"
    KIND: ClassVar[str] = "deal"
    ENTITY: ClassVar[str | None] = "deal_id"

    deal_id: DealId
    stage: Stage


EVENTS: Final = (DealCreated, DealStageMoved, DealUpdated, DealWon, DealLost, DealReopened)
