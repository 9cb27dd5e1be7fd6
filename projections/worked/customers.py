"""Worked examples: customers."""

from fractions import Fraction
from typing import Final

from events.customers import CustomerReturned
from events.samples import sample
from projections.example import Example, churned, on, order, spend, won

_LIFE: Final = (order("2026-03-05", "O-1", "20000.00", "C-1"), spend("2026-03-02", "marketing", "500.00"))
_ACQUIRED: Final = (
    spend("2026-03-02", "advertising", "600.00"),
    spend("2026-03-31", "salaries", "400.00"),
    order("2026-03-09", "O-1", "80.00", "C-1"),
    order("2026-03-10", "O-2", "90.00", "C-2"),
)
_BOUGHT: Final = tuple(order("2026-02-10", f"O-{number}", "80.00", f"C-{number}") for number in (1, 2, 3, 4))

EXAMPLES: Final[dict[str, Example]] = {
    "new_customers": Example(
        (
            order("2026-02-10", "O-1", "80.00", "C-1"),
            order("2026-03-02", "O-2", "90.00", "C-1"),
            won("2026-03-09", "D-1", "5000.00", customer_id="C-2"),
        ),
        1,
        "C-2; C-1 bought in February already.",
    ),
    "cac": Example(_ACQUIRED, "500.00", "(600 + 400) / 2 new customers, as 500,000 for 1,000."),
    "cac/marketing": Example(_ACQUIRED, "300.00", "600 / 2 new customers; salaries are no marketing."),
    "clv": Example(
        _LIFE,
        "99500.00",
        "20,000 a year for each active customer * 5 years - 500 to win one; nobody churned, so 5 is the setting.",
    ),
    "clv_to_cac": Example(_LIFE, Fraction(200), "(99,500 + 500) / 500."),
    "churn_rate": Example(
        (*_BOUGHT, churned("2026-03-09", "C-4")), Fraction(1, 4), "C-4 left, of 4 who were active when March began."
    ),
    "retention_rate": Example(
        (*_BOUGHT, churned("2026-03-09", "C-4")), Fraction(3, 4), "4 were active when March began and 1 left."
    ),
    "churned_customers": Example(
        (
            churned("2026-03-09", "C-1"),
            churned("2026-03-10", "C-2"),
            on("2026-03-20", sample(CustomerReturned, customer_id="C-2")),
        ),
        2,
        "C-1 and C-2; that C-2 came back is another matter.",
    ),
    "repeat_purchase_rate": Example(
        (
            order("2026-02-10", "O-1", "80.00", "C-1"),
            order("2026-03-02", "O-2", "80.00", "C-1"),
            order("2026-03-03", "O-3", "80.00", "C-2"),
            order("2026-04-10", "O-4", "80.00", "C-2"),
        ),
        Fraction(1, 2),
        "C-1 bought twice until the end of March, C-2 once.",
    ),
}
"""By the KPI's id."""
