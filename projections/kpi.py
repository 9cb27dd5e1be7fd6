"""One KPI of the catalogue, and the two kinds of part that most of them are made of."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from projections.formula import Formula, Part, Unit
from projections.sources import PEOPLE, Source

SCOPED: Final = frozenset({"team_id", "rep_id", "region", "product"})
"""What targets below the company can be set for."""
PLACES: Final = ("team_id", "region", "manager_id")
"""Where reps belong: of what their targets can be narrowed by."""


@dataclass(frozen=True)
class Kpi:
    """One KPI: what it means, how it is computed, where the definition comes from."""

    id: str
    zh: str
    meaning: str
    formula: Formula
    unit: Unit
    better: Literal["higher", "lower", "neither"] = "higher"
    origin: str = "CONTRACT 3"
    also: tuple[Part, ...] = ()
    """Parts that are shown but not computed with."""
    needs: frozenset[str] = frozenset()
    """Dimensions without which the question makes no sense: they are added to ``by``."""
    scoped: bool = False
    """Held against targets: of one scope, the company or one of its dimensions."""
    aim: str = ""
    """The one KPI whose targets count; without it those of any, by ``kpi``."""

    @property
    def name(self) -> str:
        """The id without its variant."""
        return self.id.partition("/")[0]

    @property
    def variant(self) -> str | None:
        """What follows the slash."""
        return self.id.partition("/")[2] or None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts, those computed with first."""
        return tuple(dict.fromkeys(self.formula.parts() + self.also))

    @cached_property
    def kind(self) -> str:
        """``stock`` where it stands at a moment, ``flow`` where it belongs to a period."""
        flows = any(part.window in ("period", "so_far", "start") for part in self.formula.parts())
        return "flow" if flows or self.scoped else "stock"

    @cached_property
    def adds_up(self) -> bool:
        """Whether its values of two periods are, added up, that of both together."""
        return self.formula.linear()

    @cached_property
    def adds_lines(self) -> bool:
        """Whether, while definitions stay as they are, it changes by what lines that come in add to its parts."""
        return all(part.adds_lines or part.special == "lifespan" for part in self.parts)

    @cached_property
    def dims(self) -> frozenset[str]:
        """What it can be grouped and filtered by: what all its parts can."""
        if self.scoped:
            return SCOPED if self.aim else SCOPED | {"kpi"}
        sets = [part.source.dims for part in self.parts if part.source]
        sets += [PEOPLE for part in self.parts if part.special == "rep_days"]
        return frozenset.intersection(*sets)

    @cached_property
    def filters(self) -> frozenset[str]:
        """What it can be filtered by: also targets of reps by where these belong."""
        return self.dims.union(PLACES) if self.scoped else self.dims

    @cached_property
    def hash(self) -> str:
        """Of everything that makes the number: it changes when, and only when, the definition does."""
        told = [self.id, self.unit, self.formula.words()]
        told += [
            f"{p.name}|{p.expression}|{p.window}|{p.stat}|{p.key}|{p.condition}|{p.weighted}|{p.special}"
            for p in self.parts
        ]
        told += [part.source.sql(()) for part in self.parts if part.source]
        return hashlib.sha256(" ".join("\n".join(told).split()).encode()).hexdigest()[:16]


def count_of(name: str, source: Source, **more: Any) -> Part:
    """What a source's rows count."""
    return Part(name=name, source=source, **more)


def money_of(name: str, source: Source, expression: str = "amount", **more: Any) -> Part:
    """What a source's rows are worth, in minor units."""
    return Part(name=name, source=source, expression=expression, unit="money", **more)
