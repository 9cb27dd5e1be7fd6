"""Worked examples: deals."""

from fractions import Fraction
from typing import Final

from events.deals import DealReopened
from events.samples import sample
from projections.example import Example, created, lead, lost, on, touched, won

_TWO_WINS: Final = (won("2026-03-02", "D-1", "60000.00"), won("2026-03-20", "D-2", "40000.00"))
_CLOSED: Final = (
    *(won("2026-03-20", f"D-{number}", "10000.00") for number in (1, 2, 3)),
    *(lost("2026-03-25", f"D-{number}") for number in (4, 5)),
)
_FROM_LEAD: Final = (
    lead("2026-03-01", "L-1"),
    created("2026-03-11", "D-1", lead_id="L-1"),
    won("2026-03-31", "D-1", "10000.00"),
    created("2026-03-05", "D-2"),
    won("2026-03-15", "D-2", "10000.00"),
)

EXAMPLES: Final[dict[str, Example]] = {
    "deals_created": Example(
        (created("2026-03-02", "D-1"), won("2026-03-09", "D-2", "5000.00")),
        2,
        "D-1, and D-2, which was created by its win.",
    ),
    "deals_won": Example(
        (*_TWO_WINS, on("2026-03-25", sample(DealReopened, deal_id="D-2", stage="proposal"))),
        1,
        "2 won, less 1 taken back.",
    ),
    "deals_lost": Example((lost("2026-03-02", "D-1"), lost("2026-03-09", "D-2")), 2, "D-1 and D-2."),
    "average_deal_size": Example(_TWO_WINS, "50000.00", "(60,000 + 40,000) / 2 wins."),
    "sales_cycle_days": Example(
        _FROM_LEAD, Fraction(20), "(30 days from the lead L-1 + 10 days from the creation of D-2) / 2 wins."
    ),
    "sales_cycle_days/median": Example(
        (
            *(created(f"2026-03-{day}", f"D-{number}") for number, day in ((1, "01"), (2, "11"), (3, "29"))),
            *(won("2026-03-31", f"D-{number}", "10000.00") for number in (1, 2, 3)),
        ),
        Fraction(20),
        "the middle one of 30, 20 and 2 days.",
    ),
    "sales_cycle_days/from_deal": Example(
        _FROM_LEAD, Fraction(15), "(20 days from the creation of D-1, whatever came before + 10 of D-2) / 2 wins."
    ),
    "win_rate": Example(_CLOSED, Fraction(3, 5), "3 won / (3 won + 2 lost)."),
    "win_rate/created": Example(
        (
            created("2026-02-10", "D-1"),
            won("2026-03-09", "D-1", "5000.00"),
            created("2026-03-02", "D-2"),
            created("2026-03-03", "D-3"),
            won("2026-04-20", "D-3", "5000.00"),
        ),
        Fraction(1, 2),
        "of D-2 and D-3, created in March, D-3 was won so far; D-1 was created in February.",
    ),
    "win_rate/value": Example(
        (won("2026-03-02", "D-1", "30000.00"), created("2026-03-02", "D-2", "10000.00"), lost("2026-03-09", "D-2")),
        Fraction(3, 4),
        "30,000 won / (30,000 won + 10,000 lost).",
    ),
    "shared_wins": Example(
        (
            created("2026-03-02", "D-1", rep_id="rep-8"),
            touched("2026-03-09", "call", deal_id="D-1"),
            won("2026-03-20", "D-1", "10000.00"),
            won("2026-03-20", "D-2", "10000.00", rep_id="rep-7"),
        ),
        Fraction(1, 2),
        "rep-8 owned D-1 and rep-7 called; D-2 is of rep-7 alone.",
    ),
    "sales_velocity": Example(
        (
            created("2026-03-01", "D-1"),
            won("2026-03-11", "D-1", "10000.00"),
            lost("2026-03-20", "D-2"),
            created("2026-03-20", "D-3"),
            created("2026-03-21", "D-4"),
        ),
        "1000.00",
        "2 open deals * 1 won of 2 closed * 10,000 each / 10 days: 1,000 a day.",
    ),
}
"""By the KPI's id."""
