"""Worked examples: targets."""

from fractions import Fraction
from typing import Final

from events.planning import CalendarDefined, TargetSet
from events.samples import sample
from projections.example import Example, created, on, order, won

_TARGET: Final = on("2026-02-20", sample(TargetSet, kpi="revenue", period="2026-03", value="100000"))
_SOLD: Final = (won("2026-03-02", "D-1", "60000.00"), order("2026-03-09", "O-1", "15000.00"))

EXAMPLES: Final[dict[str, Example]] = {
    "quota_attainment": Example((_TARGET, *_SOLD), Fraction(3, 4), "revenue 75,000 / target 100,000."),
    "quota_attainment/pace": Example(
        (
            on("2026-01-01", sample(CalendarDefined, holidays=["2026-03-31"])),
            on("2026-02-20", sample(TargetSet, kpi="revenue", period="2026-Q1", value="100000")),
            *_SOLD,
        ),
        Fraction(3, 4),
        "75,000 / (100,000 * 63 of 63 working days): the quarter is over.",
        from_="2026-Q1",
        to="2026-Q2",
    ),
    "quota_attainment/pace_last_year": Example(
        (_TARGET, *_SOLD, won("2025-03-10", "D-0", "50000.00")),
        Fraction(3, 4),
        "75,000 / (100,000 * 50,000 / 50,000): the month is over, as its whole of last year was.",
    ),
    "pipeline_coverage": Example(
        (
            _TARGET,
            *_SOLD,
            created("2026-02-10", "D-2", "40000.00", expected_close="2026-03-20"),
            created("2026-03-02", "D-3", "10000.00", expected_close="2026-03-31"),
            created("2026-03-02", "D-4", "90000.00", expected_close="2026-04-10"),
        ),
        Fraction(2),
        "50,000 of D-2 and D-3 should close in March; 100,000 - 75,000 are lacking.",
    ),
}
"""By the KPI's id."""
