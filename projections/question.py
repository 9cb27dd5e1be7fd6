"""A question: which KPI, of what, when, as known when. Whatever is not allowed is said in one sentence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from events.currencies import EXPONENTS
from projections.catalogue import BY_ID
from projections.exchange import Fx
from projections.kpi import PLACES, SCOPED, Kpi
from projections.periods import GRAINS

Org = Literal["event", "then", "now"]
ALIASES: Final = {
    "rep": "rep_id", "team": "team_id", "manager": "manager_id", "deal_id": "deal", "lead_id": "lead",
    "customer_id": "customer", "respondent_id": "respondent", "course": "category",
}  # fmt: skip
ORGS: Final[tuple[Org, ...]] = ("event", "then", "now")
FXS: Final[tuple[Fx, ...]] = ("day", "period", "plan", "none")
COMPARES: Final = ("previous", "year")
ENTITIES: Final = frozenset({"deal", "lead", "customer", "respondent"})
"""Dimensions with a value for each entity: their empty rows are left out of an answer."""


class BadQuestion(Exception):
    """A question that cannot be asked. ``field`` is where, the message says what is allowed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


@dataclass(frozen=True)
class Question:
    """A question in the words of CONTRACT section 3. ``from_`` and ``to`` are read in the tenant's zone."""

    kpi: Kpi
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    grain: str = "total"
    from_: str | None = None
    to: str | None = None
    as_of: str | None = None
    currency: str | None = None
    limit: int | None = None
    order: str | None = None
    org: Org = "event"
    """Team, region and manager: as told, else of the rep at the time; of the rep at the time; of the rep now."""
    fx: Fx = "day"
    """The rates that amounts are converted at: in force at their time, of their period, of the plan, or none."""
    compare: str | None = None
    """With the period before, or the same of the year before."""
    rest: bool = False
    """Whether what ``limit`` leaves out is one more row."""

    def as_told(self) -> dict[str, object]:
        """The question as it stands in an answer."""
        told = {
            "by": list(self.by), "where": {name: list(values) for name, values in self.where}, "grain": self.grain,
            "from": self.from_, "to": self.to, "as_of": self.as_of, "org": self.org, "fx": self.fx,
            "compare": self.compare, "rest": self.rest or None,
            "currency": self.currency, "limit": self.limit, "order": self.order,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value not in (None, [], {})}


def question(
    kpi: str,
    *,
    by: Iterable[str] = (),
    where: Iterable[str] = (),
    grain: str = "total",
    from_: str | None = None,
    to: str | None = None,
    as_of: str | None = None,
    currency: str | None = None,
    limit: int | None = None,
    order: str | None = None,
    org: str = "event",
    fx: str = "day",
    compare: str | None = None,
    rest: bool = False,
) -> Question:
    """A question from plain words. Raises BadQuestion."""
    where = list(where)
    found = BY_ID.get(kpi.replace("~", "/"))
    if found is None:
        raise BadQuestion("kpi", f"{kpi!r} is not known; allowed: {', '.join(BY_ID)}")
    if grain not in GRAINS:
        raise BadQuestion("grain", f"{grain!r} is not known; allowed: {', '.join(GRAINS)}")
    if currency is not None and currency not in EXPONENTS:
        raise BadQuestion("currency", f"{currency!r} is not known; allowed: an ISO 4217 code such as CNY, USD or EUR")
    if limit is not None and limit < 1:
        raise BadQuestion("limit", f"{limit} is out of range; allowed: 1 or more")
    dims = list(dict.fromkeys(_dimension(found, name, "by") for part in by for name in part.split(",")))
    dims += [name for name in sorted(found.needs) if name not in dims]
    _known("org", org, ORGS)
    _known("fx", fx, FXS)
    _known("compare", compare or "year", COMPARES)
    if fx == "none":
        dims += [_own_currency(found)] if "currency" not in dims else []
    if compare and grain == "total" and (from_ is None or to is None):
        raise BadQuestion("compare", f"{compare!r} needs a stretch of time; allowed: with from and to, or a grain")
    if rest and (limit is None or not set(dims) - {"kpi", "currency" if fx == "none" else ""}):
        raise BadQuestion(
            "rest", "is not possible here; allowed: with by and limit, by more than kpi or, unconverted, currency"
        )
    if found.scoped:
        _one_scope(dims, [told.partition("=")[0].strip() for told in where])
    orders = ("period", "value", *dims)
    if order is not None and order.removeprefix("-") not in orders:
        raise BadQuestion("order", f"{order!r} is not known; allowed: {', '.join(orders)}, with - for falling")
    return Question(
        found, tuple(dims), _filters(found, where), grain, from_, to, as_of, currency, limit, order,
        org, fx, compare, rest,  # type: ignore[arg-type]
    )  # fmt: skip


def _known(field: str, told: str, allowed: Iterable[str]) -> None:
    if told not in allowed:
        raise BadQuestion(field, f"{told!r} is not known; allowed: {', '.join(allowed)}")


def _own_currency(kpi: Kpi) -> str:
    """The dimension that tells amounts apart which are not converted."""
    if "currency" not in kpi.dims:
        raise BadQuestion("fx", f"'none' is not possible for {kpi.id}; allowed: {', '.join(FXS[:-1])}")
    return "currency"


def _one_scope(by: Iterable[str], where: Iterable[str]) -> None:
    """Targets are of one scope; those of reps may be narrowed by where these belong."""
    grouped = SCOPED.intersection(by)
    named = {ALIASES.get(name, name) for name in where} & {*SCOPED, *PLACES}
    if "rep_id" in grouped | named and grouped <= {"rep_id"} and named <= {"rep_id", *PLACES}:
        return
    if len(grouped | named) > 1 or not named <= SCOPED:
        raise BadQuestion(
            "by",
            f"and where name {', '.join(sorted(grouped | named))}; allowed: one of {', '.join(sorted(SCOPED))}, and by "
            f"rep_id also where with {', '.join(sorted(PLACES))}",
        )


def _filters(kpi: Kpi, where: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for told in where:
        name, equals, value = told.partition("=")
        if not equals:
            raise BadQuestion("where", f"{told!r} is no filter; allowed: dimension=value, such as region=华东")
        found.setdefault(_dimension(kpi, name.strip(), "where"), []).append(value)
    return tuple((name, tuple(values)) for name, values in found.items())


def _dimension(kpi: Kpi, name: str, field: str) -> str:
    name = ALIASES.get(name.strip(), name.strip())
    dims = kpi.filters if field == "where" else kpi.dims
    if name in dims and name != "attributes":
        return name
    if "attributes" in dims and re.match(r"attributes\.[^\x00-\x1f]{1,200}\Z", name):
        return name
    allowed = sorted(dims - {"attributes"}) + (["attributes.<key>"] if "attributes" in dims else [])
    raise BadQuestion(field, f"{name!r} is no dimension of {kpi.id}; allowed: {', '.join(allowed)}")
