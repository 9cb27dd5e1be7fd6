"""Leads: someone who might buy."""

from typing import Annotated, ClassVar, Final

from events.base import Contact, Dimensioned, SalesEvent
from events.words import CustomerId, LeadId, Personal, Reason, Score


class LeadCreated(Dimensioned, frozen=True, kw_only=True):
    """Someone showed interest. The clock of speed-to-lead and sales cycle starts."""

    TYPE: ClassVar[str] = "lead.created"
    ZH: ClassVar[str] = "新增线索"
    KIND: ClassVar[str] = "lead"
    ENTITY: ClassVar[str | None] = "lead_id"

    lead_id: LeadId
    customer_id: CustomerId | None = None
    contact: Annotated[Contact, Personal()] | None = None


class LeadQualified(SalesEvent, frozen=True, kw_only=True):
    """Sales accepted the lead as worth working on."""

    TYPE: ClassVar[str] = "lead.qualified"
    ZH: ClassVar[str] = "线索合格"
    KIND: ClassVar[str] = "lead"
    ENTITY: ClassVar[str | None] = "lead_id"

    lead_id: LeadId
    score: Score | None = None


class LeadDisqualified(SalesEvent, frozen=True, kw_only=True):
    """Sales turned the lead away."""

    TYPE: ClassVar[str] = "lead.disqualified"
    ZH: ClassVar[str] = "线索淘汰"
    KIND: ClassVar[str] = "lead"
    ENTITY: ClassVar[str | None] = "lead_id"

    lead_id: LeadId
    reason: Reason | None = None


EVENTS: Final = (LeadCreated, LeadQualified, LeadDisqualified)
