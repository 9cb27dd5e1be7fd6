"""Exchange rates as a question wants them: of the day, of the period, of the plan, or none at all."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final, Literal

from events.currencies import EXPONENTS
from events.envelope import Fact
from events.planning import FxRateSet

Fx = Literal["day", "period", "plan", "none"]
ALWAYS_MS: Final = -(10**15)
"""Before everything."""
MISSING: Final = Fraction(0)
"""What stands where a stretch has no rate."""

Rates = dict[str, list[tuple[int, Fraction]]]
"""By currency: (in force from, rate), in order; ``MISSING`` where none is."""
Stretch = tuple[int, int]


def by_moment(facts: Iterable[Fact], quote: str) -> Rates:
    """Day rates: each holds from its own time on."""
    found: dict[str, dict[int, Fraction]] = {}
    for fact in facts:
        rate = fact.data
        assert isinstance(rate, FxRateSet)
        if rate.quote == quote and rate.kind == "day":
            found.setdefault(rate.base, {})[fact.at_ms] = Fraction(rate.rate)
    return {base: sorted(rates.items()) for base, rates in found.items()}


def by_period(facts: Iterable[tuple[Fact, Stretch | None]], quote: str, kind: Fx) -> Rates:
    """Period or plan rates: each holds in its period, the shortest one first; without a period from its time on.

    ``facts`` come in order, each with the stretch of its period; a later statement for the same period replaces it.
    """
    told: dict[str, dict[Stretch, Fraction]] = {}
    for fact, stretch in facts:
        rate = fact.data
        assert isinstance(rate, FxRateSet)
        if rate.quote == quote and rate.kind == kind:
            told.setdefault(rate.base, {})[stretch or (fact.at_ms, -ALWAYS_MS)] = Fraction(rate.rate)
    return {base: _steps(stretches) for base, stretches in told.items()}


def _steps(told: dict[Stretch, Fraction]) -> list[tuple[int, Fraction]]:
    """From each edge on, the rate of the shortest stretch that it lies in; of open ones the one begun last."""
    found = []
    for edge in sorted({edge for stretch in told for edge in stretch}):
        holding = [stretch for stretch in told if stretch[0] <= edge < stretch[1]]
        shortest = min(holding, key=lambda stretch: stretch[1] - stretch[0], default=None)
        found.append((edge, MISSING if shortest is None else told[shortest]))
    return found


def unconverted(quote: str) -> Rates:
    """Every minor unit as one of ``quote``: for sums of one currency each."""
    unit = Fraction(1, 10 ** EXPONENTS[quote])
    return {base: [(ALWAYS_MS, 10**digits * unit)] for base, digits in EXPONENTS.items() if base != quote}
