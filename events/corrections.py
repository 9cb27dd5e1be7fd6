"""Corrections: taking back what never happened, in the open."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from events.base import SalesEvent
from events.words import Name


class EventVoided(SalesEvent, frozen=True, kw_only=True):
    """The named event never happened. The past is restated, and both clocks show when that was learned.

    A voiding cannot itself be voided: tell the fact again under a new id.
    """

    TYPE: ClassVar[str] = "event.voided"
    ZH: ClassVar[str] = "作废事件"
    KIND: ClassVar[str] = "voiding"

    source: Annotated[Name, Field(examples=["/crm/demo"])]
    id: Annotated[Name, Field(examples=["evt-1"])]
    reason: Annotated[Name, Field(examples=["entered by mistake"])] | None = None


EVENTS: Final = (EventVoided,)
