"""Formulas: what a KPI is made of. Parts are summed exactly; ratios are computed from the sums, at the very end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from projections.sources import Source

Unit = Literal["money", "count", "ratio", "days", "minutes", "per_day", "score", "ms", "any"]
"""``any``: that of the KPI which the row is about."""
Window = Literal["period", "point", "before", "so_far", "quarter", "year", "start", "year_start"]
Special = Literal["", "rep_days", "lifespan", "target", "actual", "days_gone", "days", "last_year", "last_year_so_far"]

RANKED: Final = ("median", "p90")
"""Statistics that are nothing where there is nothing."""
TO_DATE: Final = ("point", "before", "so_far")
"""Windows that begin with the first line or end with the last."""


@dataclass(frozen=True)
class Undefined:
    """No value, and why: ``zero_denominator``, ``no_data``, ``missing_rate`` …"""

    reason: str
    detail: str = ""


Value = Fraction | Undefined


@dataclass(frozen=True)
class Formula:
    """A tree of parts and operations. ``+ - * /`` build it; ``value`` computes it; ``words`` spells it out."""

    operation: str = ""
    operands: tuple["Formula", ...] = ()

    def __add__(self, other: "Formula") -> "Formula":
        return Formula("+", (self, other))

    def __sub__(self, other: "Formula") -> "Formula":
        return Formula("-", (self, other))

    def __mul__(self, other: "Formula") -> "Formula":
        return Formula("*", (self, other))

    def __truediv__(self, other: "Formula") -> "Formula":
        return Formula("/", (self, other))

    def value(self, parts: Mapping[str, Value]) -> Value:
        """The value of the formula over its parts; undefined as soon as one of them is."""
        one, other = self.operands
        left, right = one.value(parts), other.value(parts)
        if isinstance(left, Undefined):
            return left
        return right if isinstance(right, Undefined) else _compute(self.operation, left, right)

    def parts(self) -> tuple["Part", ...]:
        """Its parts, each once, in order of appearance."""
        return tuple(dict.fromkeys(part for operand in self.operands for part in operand.parts()))

    def linear(self) -> bool:
        """Whether the value of two periods together is the sum of their values."""
        return self.operation in ("+", "-") and all(operand.linear() for operand in self.operands)

    def words(self) -> str:
        """The formula as people write it: ``won / (won + lost)``."""
        left, right = (operand.words() for operand in self.operands)
        if self.operation != "+":
            left, right = (f"({word})" if " " in word else word for word in (left, right))
        return f"{left} {self.operation} {right}"


def _compute(operation: str, left: Fraction, right: Fraction) -> Value:
    match operation:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right if right else Undefined("zero_denominator")
    raise AssertionError(f"{operation} is no operation")


@dataclass(frozen=True)
class Constant(Formula):
    """A plain number."""

    number: int = 0

    def value(self, parts: Mapping[str, Value]) -> Value:
        return Fraction(self.number)

    def parts(self) -> tuple["Part", ...]:
        return ()

    def words(self) -> str:
        return f"{self.number:_}".replace("_", ",")


@dataclass(frozen=True)
class Inverse(Formula):
    """One over the first operand, or the fallback where nothing is known or it is nothing."""

    rate: Formula = Constant()
    fallback: Formula = Constant()

    def value(self, parts: Mapping[str, Value]) -> Value:
        rate = self.rate.value(parts)
        if isinstance(rate, Fraction) and rate:
            return 1 / rate
        return self.fallback.value(parts)

    def parts(self) -> tuple["Part", ...]:
        return tuple(dict.fromkeys(self.rate.parts() + self.fallback.parts()))

    def words(self) -> str:
        return f"1 / ({self.rate.words()}), or {self.fallback.words()} where that is 0 or unknown"


@dataclass(frozen=True)
class Remaining(Formula):
    """What the first operand is more than the second; undefined where nothing is left."""

    def value(self, parts: Mapping[str, Value]) -> Value:
        whole, reached = (operand.value(parts) for operand in self.operands)
        if isinstance(whole, Undefined):
            return whole
        if isinstance(reached, Undefined):
            return reached
        return whole - reached if whole > reached else Undefined("target_reached")

    def linear(self) -> bool:
        return False

    def words(self) -> str:
        whole, reached = (operand.words() for operand in self.operands)
        return f"({whole} - ({reached}), if that is above 0)"


@dataclass(frozen=True)
class Part(Formula):
    """A number summed over the rows of a source.

    ``expression`` is what a row adds; ``window`` which rows belong to a period: those in it (``period``; up to now:
    ``so_far``), all before its end (``point``) or start (``before``), those of the twelve months (``year``) or 90 days
    (``quarter``) before its end, or those standing at the start of the period or of the twelve months (``start``,
    ``year_start``). ``stat`` is ``sum``, ``median``, ``p90`` or ``distinct`` (of ``key``, where ``condition`` holds).
    """

    name: str = ""
    source: Source | None = None
    expression: str = "count"
    unit: Unit = "count"
    window: Window = "period"
    stat: Literal["sum", "median", "p90", "distinct"] = "sum"
    key: str = ""
    condition: str = ""
    evidence: str = "event"
    """The column of the event that a row rests on."""
    weighted: bool = False
    """Multiplied by the probability in force: the deal's own, else its stage's."""
    special: Special = ""
    """Not from postings: working days of reps in place, a setting, or what has to do with targets."""

    def value(self, parts: Mapping[str, Value]) -> Value:
        return parts[self.name]

    def parts(self) -> tuple["Part", ...]:
        return (self,)

    def linear(self) -> bool:
        return self.stat == "sum" and self.window in ("period", "so_far") and not self.weighted

    @property
    def adds_lines(self) -> bool:
        """Whether it is a sum of lines of the ledger as they stand."""
        return self.stat == "sum" and self.source is not None and bool(self.source.which)

    def words(self) -> str:
        return self.name


DAY_MS: Final = Constant(number=86_400_000)
MINUTE_MS: Final = Constant(number=60_000)


def read_together(parts: Iterable[Part]) -> list[list[Part]]:
    """Parts that one statement can read: of one window, and of one source, or all of postings as they stand, as far as
    their places are filled in alike, by their reps or not at all. Of those all that reach up to now are of one window.

    A median is read with the count of what it is the median of.
    """
    groups: dict[tuple[object, ...], list[Part]] = {}
    told = list(parts)
    ranked = {part.source: part.stat for part in told if part.stat in RANKED}
    for part in told:
        plain = part.source if part.adds_lines else None
        source = f"postings {'rep_id' in plain.dims}" if plain else part.source
        window = "to date" if plain and part.window in TO_DATE else part.window
        stat = ranked.get(part.source, part.stat)
        alone = part if part.special else None
        groups.setdefault((source, window, stat, part.weighted, alone), []).append(part)
    return list(groups.values())
