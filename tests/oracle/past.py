"""What was known at a cut: the events that stand, and what they say about reps, rates, pipelines and customers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from events.base import Dimensioned, SalesEvent
from events.corrections import EventVoided
from events.customers import CustomerUpdated
from events.envelope import Fact
from events.people import RepAssigned, RepLeft
from events.planning import FxRateSet, PipelineDefined
from tests.oracle.days import Days

Dims = Mapping[str, str]
Event = TypeVar("Event", bound=SalesEvent)

TOLD = ("rep_id", "team_id", "region", "product", "channel", "campaign", "segment")


@dataclass(frozen=True)
class Line:
    """A signed number at its moment, with the dimensions in force then."""

    what: str
    at: int
    dims: Dims
    number: Fraction = Fraction(1)
    currency: str = ""
    """Of an amount, in major units."""
    who: str = ""
    """What is told apart where things are counted once or taken back singly."""


@dataclass(frozen=True)
class Stint:
    """A rep in place with one team, region and manager."""

    rep_id: str
    dims: Dims
    since: int
    until: int | None


def learned(dims: Dims, event: SalesEvent) -> dict[str, str]:
    """The told dimensions after an event: what is told stays until told otherwise."""
    after = dict(dims)
    if isinstance(event, Dimensioned):
        after |= {name: value for name in TOLD if (value := getattr(event, name)) is not None}
    return after | {f"attributes.{key}": value for key, value in (event.attributes or {}).items()}


class Past:
    """Everything known at a position. Events stand in order of occurred time, then position."""

    def __init__(self, facts: Sequence[Fact], position: int, timezone: str = "UTC", currency: str = "CNY") -> None:
        known = sorted((fact for fact in facts if fact.position <= position), key=lambda fact: fact.position)
        self.position = known[-1].position if known else 0
        self.recorded_ms = known[-1].recorded_ms if known else 0
        voided = {(fact.data.source, fact.data.id) for fact in known if isinstance(fact.data, EventVoided)}
        standing = [fact for fact in known if (fact.source, fact.id) not in voided]
        self.facts = sorted(standing, key=lambda fact: (fact.at_ms, fact.position))
        self.days = Days(self.facts, timezone, currency)
        self.org = "event"
        self.fx = "day"

    def of(self, *types: type[Event]) -> Iterator[tuple[Fact, Event]]:
        """The standing events of these types."""
        for fact in self.facts:
            if isinstance(fact.data, types):
                yield fact, fact.data

    def by_entity(self, *types: type[Event]) -> dict[str, list[Fact]]:
        """The same, by the entity they are about."""
        found: dict[str, list[Fact]] = {}
        for fact, _ in self.of(*types):
            found.setdefault(fact.entity, []).append(fact)
        return found

    def placed(self, dims: Dims, at: int) -> Dims:
        """With the team, region and manager that the rep's latest assignment at that moment fills in.

        Organised as it was then, or is now, what the event itself told of them comes second.
        """
        rep = dims.get("rep_id")
        when = self.recorded_ms if self.org == "now" else at
        latest = [data for fact, data in self.of(RepAssigned) if data.rep_id == rep and fact.at_ms <= when][-1:]
        filled: dict[str, str] = {}
        for data in latest:
            filled = _present(team_id=data.team_id, region=data.region, manager_id=data.manager_id)
        return {**filled, **dims} if self.org == "event" else {**dims, **filled}

    def rate(self, base: str, quote: str, at: int) -> Fraction | None:
        """What one of ``base`` was worth, by the direct rate in force: of the day, or of the shortest period."""
        if base == quote:
            return Fraction(1)
        told = [(fact.at_ms, data) for fact, data in self.of(FxRateSet) if (data.base, data.quote) == (base, quote)]
        told = [(since, data) for since, data in told if data.kind == self.fx]
        if self.fx == "day":
            return [None, *(Fraction(data.rate) for since, data in told if since <= at)][-1]
        stretches = [(*self.days.stretch(data.period, since), data.rate) for since, data in told]
        holding = [
            (end - start, -place, rate) for place, (start, end, rate) in enumerate(stretches) if start <= at < end
        ]
        return Fraction(min(holding)[2]) if holding else None

    def stages(self, pipeline: str | None, before: int) -> dict[str, tuple[int, Fraction | None]]:
        """Stage to its place and probability, as last defined before a moment; else as first defined."""
        told = [(fact.at_ms, data) for fact, data in self.of(PipelineDefined) if data.pipeline == pipeline]
        if not told:
            return {}
        _, definition = ([told[0]] + [each for each in told if each[0] < before])[-1]
        return {
            stage.stage: (place, None if stage.probability is None else Fraction(stage.probability))
            for place, stage in enumerate(definition.stages)
        }

    def customer(self, customer: str, at: int) -> Dims:
        """Region and segment that were told of a customer, in force at a moment."""
        found: dict[str, str] = {}
        for fact, data in self.of(CustomerUpdated):
            if data.customer_id == customer and fact.at_ms <= at:
                found |= _present(region=data.region, segment=data.segment)
        return found

    def stints(self) -> list[Stint]:
        """Who was in place, where, from when to when, in order."""
        found: list[Stint] = []
        for rep, facts in self.by_entity(RepAssigned, RepLeft).items():
            ends = [fact.at_ms for fact in facts[1:]] + [None]
            for fact, until in zip(facts, ends, strict=True):
                if isinstance(fact.data, RepAssigned):
                    data = fact.data
                    dims = _present(rep_id=rep, team_id=data.team_id, region=data.region, manager_id=data.manager_id)
                    if self.org == "now":
                        dims = dict(self.placed({"rep_id": rep}, fact.at_ms))
                    found.append(Stint(rep, dims, fact.at_ms, until))
        return found


def _present(**dims: str | None) -> dict[str, str]:
    return {name: value for name, value in dims.items() if value is not None}
