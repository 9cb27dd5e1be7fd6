"""A question: which KPI, of what, when, as known when. Whatever is not allowed is said in one sentence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from events.currencies import EXPONENTS
from projections.catalogue import BY_ID
from projections.kpi import SCOPED, Kpi
from projections.periods import GRAINS

ALIASES: Final = {
    "rep": "rep_id", "team": "team_id", "manager": "manager_id", "deal_id": "deal", "lead_id": "lead",
    "customer_id": "customer", "respondent_id": "respondent", "course": "category",
}  # fmt: skip
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
    rest: bool = False

    def as_told(self) -> dict[str, object]:
        """The question as it stands in an answer."""
        told = {
            "by": list(self.by), "where": {name: list(values) for name, values in self.where}, "grain": self.grain,
            "from": self.from_, "to": self.to, "as_of": self.as_of, "org": "event", "fx": "day",
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
    if found.scoped:
        _one_scope(found, [*dims, *(told.partition("=")[0].strip() for told in where)])
    orders = ("period", "value", *dims)
    if order is not None and order.removeprefix("-") not in orders:
        raise BadQuestion("order", f"{order!r} is not known; allowed: {', '.join(orders)}, with - for falling")
    return Question(found, tuple(dims), _filters(found, where), grain, from_, to, as_of, currency, limit, order)


def _one_scope(kpi: Kpi, names: Iterable[str]) -> None:
    scopes = {ALIASES.get(name, name) for name in names} & SCOPED
    if len(scopes) > 1:
        raise BadQuestion(
            "by", f"and where name {len(scopes)} scopes of {kpi.id}; allowed: one of {', '.join(sorted(SCOPED))}"
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
    if name in kpi.dims and name != "attributes":
        return name
    if "attributes" in kpi.dims and re.match(r"attributes\.[^\x00-\x1f]{1,200}\Z", name):
        return name
    allowed = sorted(kpi.dims - {"attributes"}) + (["attributes.<key>"] if "attributes" in kpi.dims else [])
    raise BadQuestion(field, f"{name!r} is no dimension of {kpi.id}; allowed: {', '.join(allowed)}")
