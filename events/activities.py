"""Touchpoints: every time a rep and a customer were in touch."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from events.base import Dimensioned
from events.words import Allowed, CustomerId, DealId, LeadId, RepId


class TouchpointLogged(Dimensioned, frozen=True, kw_only=True):
    """A rep and a customer were in touch."""

    TYPE: ClassVar[str] = "touchpoint.logged"
    ZH: ClassVar[str] = "客户接触"
    KIND: ClassVar[str] = "touchpoint"

    rep_id: RepId
    kind: Literal["call", "email", "meeting", "demo", "message", "visit", "other"]
    direction: Literal["outbound", "inbound"] = "outbound"
    lead_id: LeadId | None = None
    deal_id: DealId | None = None
    customer_id: CustomerId | None = None
    duration_s: (
        Annotated[
            int,
            Field(strict=True, ge=0, le=31_536_000, examples=[600]),
            Allowed("a whole number of seconds, from 0 to 31536000"),
        ]
        | None
    ) = None
    automated: Annotated[bool, Field(strict=True)] = False
    """Sent by a machine: kept, but counted in no activity KPI."""


EVENTS: Final = (TouchpointLogged,)
