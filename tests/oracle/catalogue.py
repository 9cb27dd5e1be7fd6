"""All KPIs of the oracle, whatever module spells them out."""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from tests.oracle import flows, goals, kpis, teams
from tests.oracle.window import Part

PARTS: Final[dict[str, dict[str, Part]]] = {**kpis.PARTS, **flows.PARTS, **teams.PARTS, **goals.PARTS}
"""KPI to its parts, in the order in which its formula takes them."""
FORMULAS: Final[dict[str, Callable[..., Fraction]]] = {
    **kpis.FORMULAS,
    **flows.FORMULAS,
    **teams.FORMULAS,
    **goals.FORMULAS,
}
"""KPI to its formula over its parts."""
