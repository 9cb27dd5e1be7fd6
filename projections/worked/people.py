"""Worked examples: people."""

from fractions import Fraction
from typing import Final

from events.people import RepAssigned
from events.samples import sample
from projections.example import Example, on, touched

EXAMPLES: Final[dict[str, Example]] = {
    "touchpoints": Example(
        (
            touched("2026-03-02", "call"),
            touched("2026-03-03", "meeting"),
            touched("2026-03-04", "email", automated=True),
        ),
        2,
        "the call and the meeting; the e-mail was sent by a machine.",
    ),
    "touchpoints_per_rep_day": Example(
        (
            on("2026-03-02", sample(RepAssigned, rep_id="rep-7")),
            touched("2026-03-02", "call"),
            touched("2026-03-03", "call"),
            touched("2026-03-05", "meeting"),
        ),
        Fraction(3, 5),
        "3 touchpoints / (1 rep * 5 working days, Monday to Friday).",
        from_="2026-03-02",
        to="2026-03-09",
    ),
}
"""By the KPI's id."""
