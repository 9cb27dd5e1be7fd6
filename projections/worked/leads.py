"""Worked examples: leads."""

from fractions import Fraction
from typing import Final

from events.leads import LeadQualified
from events.samples import sample
from projections.example import Example, created, lead, on, won

EXAMPLES: Final[dict[str, Example]] = {
    "leads_created": Example(
        (lead("2026-03-02", "L-1"), lead("2026-03-09", "L-2")),
        2,
        "L-1 and L-2.",
    ),
    "leads_qualified": Example(
        (
            lead("2026-03-02", "L-1"),
            lead("2026-03-09", "L-2"),
            on("2026-03-11", sample(LeadQualified, lead_id="L-2")),
        ),
        1,
        "L-2 alone.",
    ),
    "lead_conversion_rate": Example(
        (
            lead("2026-03-02", "L-1"),
            lead("2026-03-03", "L-2"),
            created("2026-03-09", "D-1", lead_id="L-1"),
            won("2026-04-20", "D-1", "5000.00"),
        ),
        Fraction(1, 2),
        "of L-1 and L-2, a deal of L-1 was won so far.",
    ),
}
"""By the KPI's id."""
