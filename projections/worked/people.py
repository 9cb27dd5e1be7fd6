"""Worked examples: people."""

from fractions import Fraction
from typing import Final

from events.people import RepAssigned, TrainingCompleted
from events.samples import sample
from projections.example import Example, answer, on, touched, won

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
    "collaboration_score": Example(
        (answer("2026-03-02", "collaboration", "5", "P-1"), answer("2026-03-09", "collaboration", "3", "P-2")),
        Fraction(80),
        "5 of 5 is 100 and 3 of 5 is 60; their mean.",
    ),
    "training_gain": Example(
        (
            on("2026-03-02", sample(TrainingCompleted, pre_score="60", post_score="80", max_score="100")),
            on("2026-03-03", sample(TrainingCompleted, pre_score="20", post_score="25", max_score="50")),
            on("2026-03-04", sample(TrainingCompleted)),
        ),
        Fraction(15),
        "20 of 100 is 20 % and 5 of 50 is 10 %; the third was not measured.",
    ),
    "training_effect": Example(
        (
            on("2026-03-10", sample(TrainingCompleted, rep_id="rep-7")),
            won("2026-02-10", "D-1", "40000.00", rep_id="rep-7"),
            won("2026-04-10", "D-2", "60000.00", rep_id="rep-7"),
            on("2026-01-01", sample(RepAssigned, rep_id="rep-8")),
            won("2026-02-20", "D-3", "30000.00", rep_id="rep-8"),
            won("2026-04-20", "D-4", "35000.00", rep_id="rep-8"),
        ),
        "15000.00",
        "rep-7 sold 20,000 more after the training than before, rep-8 without one 5,000 more.",
    ),
}
"""By the KPI's id."""
