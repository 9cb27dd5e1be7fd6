"""Worked examples: surveys."""

from fractions import Fraction
from typing import Final

from projections.example import Example, answer

_ASKED: Final = (("5", "P-1"), ("5", "P-2"), ("4", "P-3"), ("4", "P-4"), ("3", "P-5"))
_PROMOTED: Final = (("10", "P-1"), ("9", "P-2"), ("7", "P-3"), ("6", "P-4"))

EXAMPLES: Final[dict[str, Example]] = {
    "csat": Example(
        tuple(answer("2026-03-09", "csat", score, person) for score, person in _ASKED),
        Fraction(4, 5),
        "4 of the 5 asked gave at least 4 of 5.",
    ),
    "csat/customers": Example(
        (
            answer("2026-03-02", "csat", "2", "P-1"),
            answer("2026-03-09", "csat", "5", "P-1"),
            answer("2026-03-10", "csat", "3", "P-2"),
        ),
        Fraction(1, 2),
        "the latest answer of P-1 reaches 4 of 5, that of P-2 does not.",
    ),
    "nps": Example(
        tuple(answer("2026-03-09", "nps", score, person) for score, person in _PROMOTED),
        Fraction(25),
        "2 promoters of 4 are 50 %, less 1 detractor of 4, 25 %.",
    ),
    "nps/latest": Example(
        (
            answer("2026-03-02", "nps", "3", "P-1"),
            answer("2026-03-09", "nps", "9", "P-1"),
            answer("2026-03-10", "nps", "8", "P-2"),
        ),
        Fraction(50),
        "P-1 is a promoter by now, P-2 is neither: 1 of 2.",
    ),
}
"""By the KPI's id."""
