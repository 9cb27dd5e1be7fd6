"""Customers: who they are, and whether they stay."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from events.base import Contact, SalesEvent
from events.words import CustomerId, Name, Personal, Reason


class CustomerUpdated(SalesEvent, frozen=True, kw_only=True):
    """Something about the customer became known or changed. What is absent stays as it was."""

    TYPE: ClassVar[str] = "customer.updated"
    ZH: ClassVar[str] = "客户更新"
    KIND: ClassVar[str] = "customer"
    ENTITY: ClassVar[str | None] = "customer_id"

    customer_id: CustomerId
    contact: Annotated[Contact, Personal()] | None = None
    region: Annotated[Name, Field(examples=["华东"])] | None = None
    segment: Annotated[Name, Field(examples=["enterprise"])] | None = None


class CustomerChurned(SalesEvent, frozen=True, kw_only=True):
    """The customer left."""

    TYPE: ClassVar[str] = "customer.churned"
    ZH: ClassVar[str] = "客户流失"
    KIND: ClassVar[str] = "customer"
    ENTITY: ClassVar[str | None] = "customer_id"

    customer_id: CustomerId
    reason: Reason | None = None


class CustomerReturned(SalesEvent, frozen=True, kw_only=True):
    """A customer who had left came back. A purchase brings one back, too."""

    TYPE: ClassVar[str] = "customer.returned"
    ZH: ClassVar[str] = "客户回流"
    KIND: ClassVar[str] = "customer"
    ENTITY: ClassVar[str | None] = "customer_id"

    customer_id: CustomerId
    reason: Reason | None = None


EVENTS: Final = (CustomerUpdated, CustomerChurned, CustomerReturned)
