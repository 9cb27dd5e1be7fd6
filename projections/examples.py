"""A worked example of every KPI, in the order of the catalogue."""

from typing import Final

from projections.example import Example
from projections.worked import customers, deals, leads, money, people, pipeline, surveys, targets

EXAMPLES: Final[dict[str, Example]] = {
    **money.EXAMPLES,
    **leads.EXAMPLES,
    **deals.EXAMPLES,
    **pipeline.EXAMPLES,
    **customers.EXAMPLES,
    **surveys.EXAMPLES,
    **people.EXAMPLES,
    **targets.EXAMPLES,
}
"""By the KPI's id."""
