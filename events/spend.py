"""Spend: what selling costs."""

from datetime import date
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from events.base import Dimensioned
from events.words import Currency, Date, Money

MAX_DAYS: Final = 3660
"""The longest period that one spend may pay for."""


class SpendRecorded(Dimensioned, frozen=True, kw_only=True):
    """Money was spent on selling, at once or over a period."""

    TYPE: ClassVar[str] = "spend.recorded"
    ZH: ClassVar[str] = "费用支出"
    KIND: ClassVar[str] = "spend"

    category: Literal["marketing", "advertising", "events", "tools", "salaries", "commission", "training", "other"]
    amount: Money
    currency: Currency | None = None
    period_from: Annotated[Date, Field(examples=["2026-03-01"])] | None = None
    """First day it pays for; the amount is spread over the days, to the last minor unit."""
    period_to: Annotated[Date, Field(examples=["2026-04-01"])] | None = None
    """The day after the last one it pays for. Equal to ``period_from``: that one day."""

    def misfit(self) -> tuple[str, str] | None:
        """The period has both ends or none, in order, and is ten years long at most."""
        if self.period_from is None and self.period_to is None:
            return None
        if self.period_from is None or self.period_to is None:
            lone = "period_from" if self.period_from is None else "period_to"
            return lone, "is missing; allowed: both ends of the period, or neither"
        days = (date.fromisoformat(self.period_to) - date.fromisoformat(self.period_from)).days
        if not 0 <= days <= MAX_DAYS:
            return "period_to", f"is out of range; allowed: from period_from to {MAX_DAYS} days later"
        return None


EVENTS: Final = (SpendRecorded,)
