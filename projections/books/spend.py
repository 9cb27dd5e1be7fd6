"""The book of spend: what was paid at once, or day by day.

Measure ``spend`` (count of the first line only, amount). Amounts over a period are spread over its days to the last
minor unit: the remainder goes, unit by unit, to the earliest days.
"""

from datetime import date
from typing import Final

from events.envelope import Fact
from events.spend import SpendRecorded
from events.words import minor
from projections.books.fold import Fold
from projections.posting import NOWHERE, Posting, merged

_EPOCH: Final = date(1970, 1, 1)
DAY_MS: Final = 86_400_000


class SpendBook(Fold):
    """One piece of spend."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """One line, or one for each day it pays for."""
        event = fact.data
        assert isinstance(event, SpendRecorded)
        assert event.currency is not None, "the codec names the currency of every amount"
        dims = merged(NOWHERE, event, category=event.category)
        amount = minor(event.amount)
        if event.period_from is None or event.period_to is None:
            days, local = [(fact.at_ms, amount)], False
        else:
            days, local = spread(amount, event.period_from, event.period_to), True
        return [
            Posting(
                measure="spend", at_ms=at_ms, event=fact.position, dims=dims, count=int(index == 0), amount=part,
                currency=event.currency, basis_ms=at_ms, local=local,
            )
            for index, (at_ms, part) in enumerate(days)
        ]  # fmt: skip


def spread(amount: int, first: str, end: str) -> list[tuple[int, int]]:
    """``amount`` over the days from ``first`` up to, not including, ``end`` (the same day: that one day).

    Pairs of the day's midnight, as if UTC, and its part; the parts add up to the amount exactly.
    """
    start = (date.fromisoformat(first) - _EPOCH).days
    length = max((date.fromisoformat(end) - _EPOCH).days - start, 1)
    each, extra = divmod(amount, length)
    return [((start + day) * DAY_MS, each + (day < extra)) for day in range(length)]
