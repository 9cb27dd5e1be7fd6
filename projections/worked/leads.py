"""Worked examples: leads."""

from fractions import Fraction
from typing import Final

from events.leads import LeadQualified
from events.samples import sample
from projections.example import Example, created, lead, on, touched, won

_ANSWERED: Final = (
    lead("2026-03-02", "L-1"),
    touched("2026-03-03", "call", lead_id="L-1"),
    lead("2026-03-02", "L-2"),
    touched("2026-03-04", "email", lead_id="L-2"),
    lead("2026-03-07", "L-3"),
)

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
    "speed_to_lead": Example(
        (*_ANSWERED, touched("2026-03-08", "email", lead_id="L-3", automated=True)),
        Fraction(2160),
        "L-1 was answered after 1 day and L-2 after 2: the median is 1.5 days; a machine wrote to L-3.",
    ),
    "speed_to_lead/p90": Example(_ANSWERED, Fraction(2880), "of 1 and 2 days, 2 days are what 90 % do not exceed."),
    "speed_to_lead/unanswered": Example(_ANSWERED, Fraction(1, 3), "of L-1, L-2 and L-3, nobody answered L-3."),
}
"""By the KPI's id."""
