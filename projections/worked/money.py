"""Worked examples: money."""

from fractions import Fraction
from typing import Final

from events.deals import DealReopened
from events.orders import OrderRefunded
from events.samples import sample
from projections.example import Example, on, order, spend, won

_YEAR: Final = (
    won("2026-02-10", "D-1", "4000000.00", cost="2500000.00", customer_id="C-1"),
    order("2026-03-05", "O-1", "1000000.00", "C-2", cost="500000.00"),
    spend("2026-03-31", "salaries", "1000000.00"),
)
_TWO_WINS: Final = (won("2026-03-02", "D-1", "60000.00"), won("2026-03-20", "D-2", "40000.00"))
_SALES: Final = (
    won("2026-03-02", "D-1", "60000.00", cost="36000.00"),
    order("2026-03-09", "O-1", "6000.00", cost="3000.00"),
    on("2026-03-16", sample(OrderRefunded, order_id="O-1", amount="1000.00")),
)

EXAMPLES: Final[dict[str, Example]] = {
    "bookings": Example(
        (*_TWO_WINS, on("2026-03-25", sample(DealReopened, deal_id="D-2", stage="proposal"))),
        "60000.00",
        "60,000 + 40,000 won, less the 40,000 of the win that was taken back.",
    ),
    "revenue": Example(
        (*_SALES, order("2026-03-20", "O-2", "60000.00", deal_id="D-1")),
        "65000.00",
        "60,000 + 6,000 - 1,000; the order that fulfils D-1 adds nothing.",
    ),
    "cost": Example(_SALES, "39000.00", "36,000 for the win and 3,000 for the order; a refund gives no cost back."),
    "gross_profit": Example(_SALES, "26000.00", "revenue 65,000 - cost 39,000."),
    "gross_margin": Example(_SALES, Fraction(2, 5), "(65,000 - 39,000) / 65,000."),
    "spend": Example(
        (
            spend("2026-03-01", "salaries", "3100.00", period_from="2026-03-01", period_to="2026-04-01"),
            spend("2026-03-05", "tools", "200.00"),
        ),
        "1200.00",
        "10 of the 31 days that 3,100 pays for, and 200 at once.",
        from_="2026-03-01",
        to="2026-03-11",
    ),
    "net_profit": Example(
        _YEAR, "1000000.00", "revenue 5,000,000 - cost 3,000,000 - spend 1,000,000.", from_="2026", to="2027"
    ),
    "profit_margin": Example(
        _YEAR, Fraction(1, 5), "net profit 1,000,000 / revenue 5,000,000: 20 %.", from_="2026", to="2027"
    ),
}
"""By the KPI's id."""
