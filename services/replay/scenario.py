"""Scenarios: the same history under other rules, in a small YAML file of what would have been told otherwise."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events.codec import read
from events.envelope import Entry
from services.replay.credit import Attribution
from services.replay.discount import Prices
from services.workspace import WorkspaceError

Name = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[Decimal, Field(ge=0, le=1)]
Rate = Annotated[Decimal, Field(gt=0)]


class BadScenario(WorkspaceError):
    """A file that is no scenario, or one that the history does not know the words of."""


class Target(BaseModel):
    """A target as it would have been set, for every time that it was."""

    model_config = ConfigDict(extra="forbid")

    kpi: Name
    period: Name
    value: Annotated[Decimal, Field(ge=0)]
    scope: Name = "company"
    scope_id: Name | None = None


class Scenario(BaseModel):
    """What would have been told otherwise. An empty scenario is reality."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    probabilities: dict[Name, dict[Name, Share]] = {}
    """Of winning, by pipeline and stage."""
    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}/[A-Z]{3}$")], Rate] = {}
    """Exchange rates, ``USD/CNY``, each time that one was set."""
    owners: dict[Name, Name] = {}
    """Whose work would have been whose."""
    teams: dict[Name, Name] = {}
    regions: dict[Name, Name] = {}
    """The map of territories: what lay there would have lain here."""
    spend_categories: dict[Name, Name] = {}
    """What was spent as this would have been spent as that."""
    targets: list[Target] = []
    discount_cap: Share | None = None
    """No win would have been for less than what was first asked, less this share."""
    attribution: Attribution | None = None
    """Which contacts a win would have been credited to: the first, the last, or all of them alike (linear)."""

    @property
    def learns(self) -> bool:
        """Whether it needs to know the whole history before it tells any of it otherwise."""
        return self.discount_cap is not None or self.attribution is not None

    @property
    def rules(self) -> set[str]:
        """The kinds of rules it has."""
        return {name for name in self.model_fields_set - {"name"} if getattr(self, name) not in (None, {}, [])}

    def used(self) -> set[str]:
        """Every rule of the scenario, in words."""
        found = {f"probabilities {pipeline}/{stage}" for pipeline, of in self.probabilities.items() for stage in of}
        found |= {f"rates {pair}" for pair in self.rates}
        for field in _MAPS:
            found |= {f"{field} {name}" for name in getattr(self, field)}
        return found | {_target(each.model_dump()) for each in self.targets}


_MAPS: Final = {"owners": "rep_id", "teams": "team_id", "regions": "region", "spend_categories": "category"}
"""Which field of an event each map changes."""
_PRICED: Final = ("deal.won", "deal.updated")
"""What tells the amount of a win."""


def read_scenario(text: str, where: str) -> Scenario:
    """The scenario of a YAML text; ``where`` is what errors call it. Raises BadScenario."""
    try:
        return Scenario.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise BadScenario(f"{where} is no YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        allowed = ", ".join(Scenario.model_fields)
        raise BadScenario(f"{where}: {place}: {first['msg']}; a scenario has: {allowed}") from error


def load(path: Path) -> Scenario:
    """The scenario in a file. Raises BadScenario."""
    try:
        return read_scenario(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path} cannot be read; name a YAML file") from error


class Rewriter:
    """Tells events as a scenario has them. What it does not touch stays as it is, byte for byte."""

    def __init__(self, scenario: Scenario, prices: Prices | None = None) -> None:
        self._scenario = scenario
        self._prices = prices
        self.unused = scenario.used()
        """The rules that have changed nothing so far: a word that the history does not know, most likely."""
        self.changed = 0
        """How many events are told otherwise."""

    def rewritten(self, entry: Entry) -> Entry:
        """The event as it would have been told. Raises BadScenario where that would be no valid event."""
        event = json.loads(entry.body)
        before = json.dumps(event["data"])
        self._rewrite(entry.type, event["data"])
        if entry.type in _PRICED:
            self._cap(event["data"], entry)
        if json.dumps(event["data"]) == before:
            return entry
        self.changed += 1
        other = msgspec.structs.replace(
            entry, body=json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        )
        try:
            read(other)
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            raise BadScenario(f"as the scenario has it, event {entry.id} is not valid: {error}") from error
        return other

    def _rewrite(self, type_: str, data: dict[str, Any]) -> None:
        if type_ == "pipeline.defined":
            self._probabilities(data)
        elif type_ == "fx_rate.set":
            self._take(f"rates {data['base']}/{data['quote']}", data, "rate", self._scenario.rates.get(_pair(data)))
        elif type_ == "target.set":
            self._targets(data)
        for field, name in _MAPS.items():
            if name != "category" or type_ == "spend.recorded":
                self._mapped(field, name, type_, data)

    def _cap(self, data: dict[str, Any], entry: Entry) -> None:
        cap = self._scenario.discount_cap
        if cap is not None and self._prices is not None:
            amount = self._prices.capped(data, (entry.at_ms, entry.position), cap)
            self._take("discount_cap", data, "amount", amount)

    def _probabilities(self, data: dict[str, Any]) -> None:
        of = self._scenario.probabilities.get(data["pipeline"], {})
        for stage in data["stages"]:
            rule = f"probabilities {data['pipeline']}/{stage['stage']}"
            self._take(rule, stage, "probability", of.get(stage["stage"]))

    def _targets(self, data: dict[str, Any]) -> None:
        for each in self._scenario.targets:
            if _target(each.model_dump()) == _target(data):
                self._take(_target(data), data, "value", each.value)

    def _mapped(self, field: str, name: str, type_: str, data: dict[str, Any]) -> None:
        """Who is in place stays in place: a rep's own events are not handed over."""
        if name == "rep_id" and type_ in ("rep.assigned", "rep.left", "training.completed"):
            return
        to = getattr(self._scenario, field).get(data.get(name))
        if to is not None:
            self._take(f"{field} {data[name]}", data, name, to)

    def _take(self, rule: str, data: dict[str, Any], name: str, value: Any) -> None:
        if value is not None:
            data[name] = format(value, "f") if isinstance(value, Decimal) else value
            self.unused.discard(rule)


def _pair(data: dict[str, Any]) -> str:
    return f"{data['base']}/{data['quote']}"


def _target(data: dict[str, Any]) -> str:
    scope = data.get("scope") or "company"
    return f"targets {data['kpi']} {data['period']} {scope} {data.get('scope_id') or ''}".rstrip()
