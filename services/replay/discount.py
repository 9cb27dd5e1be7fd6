"""A cap on discounts in a what-if: what a deal would at least have been won for.

A discount is what a win is below the amount that was first told about its deal, as long as both are in one currency.
Where nobody ever told an amount before the win, there is none.
"""

from decimal import ROUND_CEILING, Decimal
from typing import Any

from events.deals import DealCreated, DealUpdated, DealWon
from events.envelope import Fact
from events.words import major, minor, minor_text


class Prices:
    """What was first asked for each deal, and when it was first won, learnt from the whole history beforehand."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[tuple[int, int], int, str]] = {}
        self._won: dict[str, tuple[int, int]] = {}

    def learn(self, fact: Fact) -> None:
        """Take in an event that was not voided."""
        event, at = fact.data, (fact.at_ms, fact.position)
        if isinstance(event, DealWon):
            self._won[event.deal_id] = min(at, self._won.get(event.deal_id, at))
        elif isinstance(event, DealCreated | DealUpdated) and event.amount is not None and event.currency is not None:
            known = self._asked.get(event.deal_id)
            if known is None or at < known[0]:
                self._asked[event.deal_id] = at, minor(event.amount), event.currency

    def capped(self, data: dict[str, Any], at: tuple[int, int], cap: Decimal) -> str | None:
        """What the amount of a win, or of a correction after it, would have been at least; None: as it was."""
        asked, won = self._asked.get(data["deal_id"]), self._won.get(data["deal_id"])
        if asked is None or won is None or at < won or asked[0] > won or data.get("amount") is None:
            return None
        _, price, currency = asked
        if currency != data.get("currency"):
            return None
        least = int((price * (1 - cap)).to_integral_value(ROUND_CEILING))
        return major(least, currency) if minor(minor_text(data["amount"], currency)) < least else None
