"""Random histories of valid events over few entities, and random questions about them.

Few names and few moments, so that events meet: ties at one instant, days on which clocks change, a leap day, ends of
years, references to what was never told, voidings before and after what they void, and things told twice.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from projections.catalogue import BY_ID
from tests.oracle.window import Query

Data = dict[str, Any]
CloudEvent = dict[str, Any]
Step = tuple[str, Data]
"""A type and its data."""

SOURCE: Final = "/crm"

MOMENTS: Final = (
    "2023-12-31T22:59:59.999Z",
    "2023-12-31T23:00:00Z",  # the year ends in Berlin
    "2024-01-15T08:00:00Z",
    "2024-02-28T23:30:00+01:00",
    "2024-02-29T12:00:00Z",
    "2024-02-29T12:00:00.001Z",
    "2024-03-10T06:59:59.999Z",  # the last instant of winter in New York
    "2024-03-10T07:00:00Z",
    "2024-03-31T00:30:00Z",
    "2024-03-31T01:30:00Z",  # the hour after is missing in Berlin
    "2024-04-01T00:00:00+02:00",
    "2024-10-27T00:30:00Z",
    "2024-10-27T01:30:00Z",  # half past two for the second time in Berlin
    "2024-11-03T05:30:00Z",
    "2024-12-31T22:59:59.999Z",
    "2024-12-31T23:00:00Z",
    "2025-01-01T05:00:00Z",  # the year begins in New York
    "2025-02-28T12:00:00Z",
    "2025-02-28T23:00:00Z",
    "2025-03-31T12:00:00Z",
)
LATEST: Final = "2025-06-30T12:00:00Z"
"""Recorded after everything has occurred."""
DATES: Final = ("2023-12-30", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-09", "2024-03-31", "2024-12-31")
BOUNDS: Final = (
    *("2023", "2024", "2025", "2024-Q1", "2024-Q2", "2024-Q4", "2024-02", "2024-03", "2024-04", "2024-11", "2025-03"),
    *("2024-02-28", "2024-02-29", "2024-03-01", "2024-03-10", "2024-03-31", "2024-04-01", "2024-12-31", "2025-01-01"),
    *("2024-03-31T01:30:00Z", "2024-02-29T12:00:00.001Z", "2024-12-31T23:00:00Z"),
)
FISCAL: Final = ("fiscal_year", "fiscal_quarter")
ORGS: Final = ("event", "event", "then", "now")
MONTHS: Final = ("2024-01", "2024-02", "2024-03")
ZONES: Final = ("Europe/Berlin", "America/New_York", "UTC")

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "rep_id": ("r1", "r2"),
    "team_id": ("t1", "t2"),
    "region": ("E", "W"),
    "product": ("p1", "p2"),
    "channel": ("web",),
    "campaign": ("spring",),
    "segment": ("big", "small"),
    "manager_id": ("m1", "m2"),
    "customer": ("C1", "C2", "C3"),
    "lead": ("L1", "L2"),
    "deal": ("D1", "D2", "D3"),
    "order": ("O1", "O2", "O3"),
    "pipeline": ("default", "other"),
    "stage": ("a", "b", "c"),
    "respondent": ("P1", "P2"),
    "reason": ("price", "time"),
    "competitor": ("them",),
    "kind": ("call", "email"),
    "direction": ("outbound", "inbound"),
    "category": ("marketing", "salaries", "events", "other"),
    "attributes.k": ("v1", "v2"),
    "kpi": ("revenue", "deals_won", "win_rate"),
}


def name(kind: str) -> SearchStrategy[str]:
    """One of the few names of a kind."""
    return st.sampled_from(NAMES[kind])


def data(
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]],
    likely: Mapping[str, SearchStrategy[Any]] = MappingProxyType({}),
) -> SearchStrategy[Data]:
    """What an event tells: the required fields, mostly the likely ones, and any few of the others."""
    few = st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True) if optional else st.just([])
    mostly = st.lists(st.sampled_from([*sorted(likely), ""]), min_size=len(likely), unique=True)
    known = {**optional, **likely}

    def chosen(names: tuple[list[str], list[str]]) -> SearchStrategy[Data]:
        told = {each: known[each] for each in (*names[0], *names[1]) if each}
        return st.fixed_dictionaries({**required, **told})

    return st.tuples(few, mostly).flatmap(chosen)


ATTRIBUTES: Final = {"attributes": st.fixed_dictionaries({"k": name("attributes.k")})}
DIMS: Final = {
    **{each: name(each) for each in ("rep_id", "team_id", "region", "product", "channel", "campaign", "segment")},
    **ATTRIBUTES,
}
WHOLE: Final = st.sampled_from(["1", "40", "100", "1000", "33333", "0"])
ODD: Final = st.sampled_from(["100", "250", "99.99", "0.05", "0"])
MONEY: Final[SearchStrategy[Data]] = st.one_of(
    st.fixed_dictionaries({"amount": ODD}),
    st.fixed_dictionaries({"amount": ODD}),
    st.fixed_dictionaries({"amount": WHOLE, "currency": st.sampled_from(["CNY", "USD", "JPY"])}),
)
MOMENT: Final = st.sampled_from(MOMENTS)


@st.composite
def with_money(draw: DrawFn, fields: SearchStrategy[Data], always: bool = False, cost: bool = False) -> Data:
    """The same with an amount and its currency, mostly; ``always`` where it is required."""
    told = draw(fields)
    if always or draw(st.sampled_from([True, True, True, False])):
        told = {**told, **draw(MONEY)}
        if cost and draw(st.booleans()):
            told["cost"] = draw(WHOLE)
    return told


@st.composite
def spends(draw: DrawFn) -> Data:
    """Spend, at once or over a few days."""
    told = {**draw(data({"category": name("category")}, DIMS)), **draw(MONEY)}
    if draw(st.booleans()):
        first = draw(st.sampled_from(DATES))
        length = draw(st.sampled_from([0, 1, 3, 7]))
        end = datetime.fromisoformat(first) + timedelta(days=length)
        told |= {"period_from": first, "period_to": end.date().isoformat()}
    return told


STAGE_LIST: Final = st.lists(
    st.fixed_dictionaries(
        {"stage": name("stage")}, optional={"probability": st.sampled_from(["0", "0.25", "0.333333", "1"])}
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda stage: stage["stage"],
)
SCORE: Final = {
    "csat": ("0", "3.999", "4", "5"),
    "collaboration": ("0", "3.333", "5"),
    "nps": ("0", "6", "6.001", "8.999", "9", "10"),
}


@st.composite
def surveys(draw: DrawFn) -> Data:
    """An answer to a survey, around the thresholds."""
    kind = draw(st.sampled_from(["csat", "nps", "csat", "nps", "collaboration"]))
    optional = {"customer_id": name("customer"), "deal_id": name("deal"), **DIMS}
    scores = {"kind": st.just(kind), "score": st.sampled_from(SCORE[kind])}
    return draw(data(scores, optional, {"respondent_id": name("respondent")})) | draw(
        st.sampled_from([{}, {}, {"scale_max": "10"}])
    )


@st.composite
def targets(draw: DrawFn) -> Data:
    """Targets of few KPIs and periods, for the company and below it."""
    told: Data = {
        "kpi": draw(name("kpi")),
        "period": draw(st.sampled_from(["2024", "2024-Q1", "FY2024", "FY2024-Q4", *MONTHS])),
    }
    told["value"] = draw(st.sampled_from(["5000", "120.5", "0", "1"]))
    if draw(st.booleans()):
        told["currency"] = draw(st.sampled_from(["CNY", "USD"]))
    scope = draw(st.sampled_from(["", "", "rep_id", "team_id", "region"]))
    return told | ({"scope": scope.removesuffix("_id"), "scope_id": draw(name(scope))} if scope else {})


def sampled(**fields: SearchStrategy[Any]) -> SearchStrategy[Data]:
    """Exactly these fields."""
    return st.fixed_dictionaries(dict(fields))


DEAL: Final = {"deal_id": name("deal")}
REP: Final = {"rep_id": name("rep_id")}
LINKS: Final = {"lead_id": name("lead"), "customer_id": name("customer"), **REP}
PIPELINE: Final = {"pipeline": st.sampled_from(["default", "default", "other"])}
DEAL_FIELDS: Final = {**PIPELINE, **LINKS, **DIMS, "expected_close": st.sampled_from(DATES)}
PROBABILITY: Final = {"probability": st.sampled_from(["0", "0.5", "1"])}
CUSTOMER: Final = {"customer_id": name("customer")}
WHY: Final = {"reason": name("reason")}
LEAD: Final = {"lead_id": name("lead")}
PLACE: Final = {"team_id": name("team_id"), "region": name("region"), "manager_id": name("manager_id")}
CONTACT: Final = {
    "deal_id": name("deal"),
    "lead_id": name("lead"),
    "customer_id": name("customer"),
    "direction": name("direction"),
    "automated": st.booleans(),
    **DIMS,
}
TOLD: Final[dict[str, SearchStrategy[Data]]] = {
    "lead.created": data(LEAD, {**CUSTOMER, **DIMS}, REP),
    "lead.qualified": data(LEAD, ATTRIBUTES),
    "lead.disqualified": data(LEAD, WHY),
    "deal.created": with_money(data({**DEAL, "stage": name("stage")}, DEAL_FIELDS, LINKS)),
    "deal.stage_moved": data({**DEAL, "to_stage": name("stage")}, ATTRIBUTES),
    "deal.updated": with_money(data(DEAL, {**DEAL_FIELDS, **PROBABILITY, "stage": name("stage")})),
    "deal.won": with_money(data(DEAL, DIMS, {**CUSTOMER, **REP}), always=True, cost=True),
    "deal.lost": data(DEAL, {**WHY, "competitor": name("competitor")}),
    "deal.reopened": data({**DEAL, "stage": name("stage")}, {}),
    "touchpoint.logged": data({"rep_id": name("rep_id"), "kind": name("kind")}, CONTACT),
    "order.placed": with_money(
        data({"order_id": name("order")}, {"deal_id": name("deal"), **DIMS}, {**CUSTOMER, **REP}),
        always=True,
        cost=True,
    ),
    "order.refunded": with_money(data({"order_id": name("order")}, ATTRIBUTES), always=True),
    "customer.updated": data(CUSTOMER, {"region": name("region"), "segment": name("segment")}),
    "customer.churned": data(CUSTOMER, WHY),
    "customer.returned": data(CUSTOMER, {}),
    "survey.answered": surveys(),
    "spend.recorded": spends(),
    "rep.assigned": data({"rep_id": name("rep_id")}, PLACE),
    "rep.left": sampled(rep_id=name("rep_id")),
    "training.completed": st.one_of(
        sampled(rep_id=name("rep_id"), course=name("category")),
        sampled(
            rep_id=name("rep_id"),
            course=name("category"),
            pre_score=st.sampled_from(["0", "1.5"]),
            post_score=st.sampled_from(["0.1", "3"]),
            max_score=st.sampled_from(["3", "10"]),
        ),
    ),
    "target.set": targets(),
    "fx_rate.set": data(
        {
            "base": st.sampled_from(["USD", "JPY", "CNY"]),
            "quote": st.sampled_from(["CNY", "USD"]),
            "rate": st.sampled_from(["7", "7.123456", "0.05"]),
            "kind": st.sampled_from(["day", "day", "day", "period", "plan"]),
        },
        {"period": st.sampled_from(["2024", "2024-Q1", "FY2024", *MONTHS])},
    ),
    "pipeline.defined": data({**PIPELINE, "stages": STAGE_LIST}, {}),
    "calendar.defined": data(
        {},
        {
            "timezone": st.sampled_from(ZONES),
            "currency": st.sampled_from(["CNY", "USD"]),
            "fiscal_year_start": st.sampled_from([1, 4, 7]),
            "week_start": st.sampled_from(["monday", "saturday", "sunday"]),
            "holidays": st.lists(st.sampled_from(DATES), max_size=2),
            "workdays": st.lists(st.sampled_from(DATES), max_size=2),
        },
    ),
    "event.voided": sampled(source=st.just(SOURCE), id=st.integers(1, 24).map(lambda number: f"e{number}")),
}
_DEALS: Final = tuple(kind for kind in TOLD if kind.startswith("deal."))
_ALWAYS: Final = ("event.voided", "calendar.defined")
_BUYING: Final = ("deal.won", "deal.reopened", "deal.updated", "deal.lost", "order.placed", "order.refunded")
THEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "everything": tuple(TOLD),
    "deals": (*_DEALS, *_DEALS, "rep.assigned", "fx_rate.set", *["pipeline.defined"] * 2, *_ALWAYS),
    "contacts": (
        *_DEALS,
        "deal.won",
        "lead.created",
        "lead.qualified",
        "lead.disqualified",
        "touchpoint.logged",
        *_ALWAYS,
    ),
    "money": (*_BUYING, *["spend.recorded"] * 3, "fx_rate.set", "fx_rate.set", "rep.assigned", *_ALWAYS),
    "customers": (*_BUYING, "customer.updated", "customer.churned", "customer.churned", "customer.returned", *_ALWAYS),
    "worth": (*_BUYING, "order.placed", "customer.updated", "customer.churned", *["spend.recorded"] * 2),
    "training": (
        "training.completed",
        "training.completed",
        *["deal.won"] * 3,
        "deal.updated",
        *["rep.assigned"] * 2,
        "rep.left",
        "deal.reopened",
        "fx_rate.set",
        *_ALWAYS,
    ),
    "targets": (*_BUYING, "deal.created", *["target.set"] * 4, "rep.assigned", "fx_rate.set", *_ALWAYS),
    "belonging": (*["rep.assigned"] * 3, *["target.set"] * 3, *["deal.won"] * 2, "deal.created", *_ALWAYS),
    "surveys": ("survey.answered", "survey.answered", "survey.answered", "rep.assigned", *_ALWAYS),
    "reps": ("rep.assigned", "rep.left", "touchpoint.logged", *_ALWAYS),
}
"""Kinds of event that have to do with one another, more often those that are named more often."""
STARTING: Final = ("churn_rate", "retention_rate")
"""KPIs that tell nothing of a period without a beginning."""
THEME_OF: Final = {
    **dict.fromkeys(["clv", "clv_to_cac"], "worth"),
    **dict.fromkeys(["churn_rate", "retention_rate", "churned_customers", "new_customers"], "customers"),
    **dict.fromkeys(["csat", "csat/customers", "nps", "nps/latest"], "surveys"),
    **dict.fromkeys(["touchpoints", "touchpoints_per_rep_day"], "reps"),
    **dict.fromkeys(["training_gain", "training_effect"], "training"),
    **dict.fromkeys([kpi.id for kpi in BY_ID.values() if kpi.scoped], "targets"),
    "collaboration_score": "surveys",
    "repeat_purchase_rate": "customers",
    **dict.fromkeys(["speed_to_lead", "speed_to_lead/p90", "speed_to_lead/unanswered", "shared_wins"], "contacts"),
    **dict.fromkeys(["leads_created", "leads_qualified", "lead_conversion_rate", "sales_cycle_days"], "contacts"),
    **dict.fromkeys(["sales_cycle_days/median", "sales_cycle_days/from_deal"], "contacts"),
    **dict.fromkeys(["revenue", "cost", "gross_profit", "gross_margin", "spend", "net_profit"], "money"),
    **dict.fromkeys(["profit_margin", "cac", "cac/marketing"], "money"),
}
"""KPI to its theme; of the others it is deals."""


def cloud_event(number: int, type_: str, time: str, recorded: str, told: Data) -> CloudEvent:
    """A structured CloudEvent as an importer tells it."""
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": SOURCE,
        "type": type_,
        "time": time,
        "recordedtime": recorded,
        "data": told,
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@st.composite
def histories(draw: DrawFn, themes: tuple[str, ...] = tuple(THEMES), max_size: int = 24) -> list[CloudEvent]:
    """Events in the order of their arrival; some are told twice."""
    theme = draw(st.sampled_from(themes))
    size = draw(st.integers(0, max_size))
    types = draw(st.lists(st.sampled_from(THEMES[theme]), min_size=size, max_size=size))
    late = draw(st.booleans())
    recorded = sorted((draw(MOMENT) if late else LATEST for _ in types), key=_instant)
    events = [
        cloud_event(number, type_, draw(MOMENT), recorded[number - 1], draw(TOLD[type_]))
        for number, type_ in enumerate(types, start=1)
    ]
    again = draw(st.lists(st.sampled_from(events), max_size=2)) if events else []
    return events + again


def apart(events: list[CloudEvent]) -> list[CloudEvent]:
    """The same events, each at an instant of its own, so that their order of arrival says nothing."""
    moved: dict[str, CloudEvent] = {}
    for number, each in enumerate(events):
        time = _instant(each["time"]) + timedelta(milliseconds=2 * number)
        moved.setdefault(each["id"], {**each, "time": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"})
    return [{**moved[each["id"]], "recordedtime": LATEST} for each in events]


def filters(kpi: str) -> SearchStrategy[tuple[str, tuple[str, ...]]]:
    """One dimension with one or two of its values; an empty one is the missing one."""
    dims = dimensions(kpi)

    def values(dimension: str) -> SearchStrategy[tuple[str, tuple[str, ...]]]:
        known = st.sampled_from([*NAMES[dimension], ""])
        return st.tuples(st.just(dimension), st.lists(known, min_size=1, max_size=2, unique=True).map(tuple))

    return st.sampled_from(dims).flatmap(values)


def dimensions(kpi: str) -> list[str]:
    """The dimensions that a KPI can be asked by."""
    known = sorted(BY_ID[kpi].dims - {"attributes", "currency"})
    return [*known, "attributes.k"] if "attributes" in BY_ID[kpi].dims else known


@st.composite
def queries(draw: DrawFn, kpis: tuple[str, ...] = tuple(BY_ID), positions: int = 6) -> Query:
    """A question that can be asked; grains other than total with both bounds."""
    kpi = draw(st.sampled_from(kpis))
    if BY_ID[kpi].scoped:
        return draw(aimed(kpi, positions))
    by = draw(st.lists(st.sampled_from(dimensions(kpi)), max_size=2, unique=True))
    by += [need for need in sorted(BY_ID[kpi].needs) if need not in by]
    some = st.lists(filters(kpi), max_size=2, unique_by=lambda each: each[0])
    where = draw(st.one_of(st.just([]), st.just([]), some))
    hour = [] if kpi == "touchpoints_per_rep_day" else ["hour"]
    grain = draw(
        st.sampled_from(["total", "total", "total", "year", "quarter", "month", "week", "day", *FISCAL, *hour])
    )
    from_, to = draw(bounds(grain, bounded=kpi in STARTING))
    as_of = draw(st.one_of(st.none(), st.none(), st.none(), st.integers(0, positions).map(str), MOMENT))
    currency = draw(st.sampled_from([None, None, None, None, "CNY", "USD", "JPY"]))
    org, fx = draw(st.sampled_from(ORGS)), draw(st.sampled_from(["day", "day", "day", "period", "plan"]))
    return Query(kpi, tuple(by), tuple(where), grain, from_, to, as_of, currency, org, fx)


@st.composite
def aimed(draw: DrawFn, kpi: str, positions: int) -> Query:
    """A question about targets: of one scope at most."""
    scope = draw(st.sampled_from(["", "rep_id", "team_id", "region"]))
    by = sorted(BY_ID[kpi].needs) + ([scope] if scope and draw(st.booleans()) else [])
    where = [(scope, tuple(NAMES[scope]))] if scope and (scope not in by or draw(st.booleans())) else []
    if "kpi" in by and draw(st.sampled_from([True, False, False])):
        where.append(("kpi", ("revenue", "win_rate")))
    grain = draw(st.sampled_from(["total", "total", "year", "quarter", "fiscal_quarter", "month", "month", "week"]))
    stretches = [
        ("2024", "2025"),
        ("2024-Q1", "2024-Q2"),
        ("2024-02", "2024-04"),
        ("2024-02-15", "2024-05"),
        ("FY2024", "FY2025"),
    ]
    from_, to = draw(st.sampled_from(stretches))
    as_of = draw(st.one_of(st.none(), st.none(), st.integers(0, positions).map(str), MOMENT))
    currency, org = draw(st.sampled_from([None, "CNY", "USD"])), draw(st.sampled_from(ORGS))
    return Query(
        kpi, tuple(by), tuple(where), grain, from_, to, as_of, currency, org, draw(st.sampled_from(["day", "plan"]))
    )


@st.composite
def bounds(draw: DrawFn, grain: str, bounded: bool) -> tuple[str | None, str | None]:
    """From and to, in order, not too far apart for the grain; for the grain total each may be open."""
    if grain == "total" and not bounded and draw(st.sampled_from([True, True, False])):
        return draw(st.sampled_from([(None, None), (None, None), (None, "2024-12-31"), ("2024-02-29", None)]))
    if grain in ("hour", "day"):
        day = datetime.fromisoformat(draw(st.sampled_from(DATES)))
        span = draw(st.sampled_from([1, 2])) if grain == "hour" else draw(st.sampled_from([2, 40]))
        return f"{day:%Y-%m-%d}", f"{day + timedelta(days=span):%Y-%m-%d}"
    first, second = sorted(draw(st.lists(st.sampled_from(BOUNDS), min_size=2, max_size=2, unique=True)), key=_sortable)
    return first, second


def _sortable(text: str) -> datetime:
    if "T" in text:
        return _instant(text)
    year, *rest = text.split("-")
    if rest and rest[0].startswith("Q"):
        rest = [str(int(rest[0][1:]) * 3 - 2)]
    month, day = [*map(int, rest), 1, 1][:2]
    return datetime(int(year), month, day, tzinfo=UTC)
