"""Every KPI of CONTRACT section 3, spelled out for the oracle: its parts, and the formula over them."""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from tests.oracle.activities import MARKETING, rep_days
from tests.oracle.days import Stretch
from tests.oracle.deals import Deal, Entry, Exit, Span, Stage
from tests.oracle.window import Cell, Part, Value, Window, buyers, combined, median, no, standing

DAY_MS: Final = 86_400_000


def count(*what: str) -> Part:
    """Lines of the period."""
    return lambda window, cell: sum((line.number for line in window.lines(cell, what)), Fraction(0))


def amount(*what: str) -> Part:
    """Money of the period."""
    return lambda window, cell: window.money([(x.number, x.currency, x.at) for x in window.lines(cell, what)])


def spent(*categories: str) -> Part:
    """Spend of the period in some categories."""

    def part(window: Window, cell: Cell) -> Value:
        lines = [line for line in window.lines(cell, ("spend",)) if line.dims["category"] in categories]
        return window.money([(line.number, line.currency, line.at) for line in lines])

    return part


def in_year(part: Part) -> Part:
    """The same over the twelve months before the moment."""

    def yearly(window: Window, cell: Cell) -> Value:
        year = Window(window.story, window.query, window.year, window.lifespan_years)
        return part(year, cell)

    return yearly


def cycle_median(window: Window, cell: Cell) -> Value:
    """The median of the wins of the period that are not taken back within it."""
    standing: dict[str, Fraction] = {}
    for line in window.lines(cell, ("cycle_n",)):
        standing[line.who] = standing.get(line.who, Fraction(0)) + line.number
    lasted = {line.who: abs(line.number) for line in window.lines(cell, ("cycle",))}
    return median([lasted[who] for who, number in standing.items() if number > 0])


def won_ever(deal: Deal) -> bool:
    """Whether its win stands at the cut."""
    return deal.status == "won"


def created(status: str = "") -> Part:
    """The deals created in the period, or those of them with a status at the cut."""

    def part(window: Window, cell: Cell) -> Value:
        cohort = [deal for deal in window.story.deals if _in(window.stretch, deal.created or 0)]
        own = [deal for deal in cohort if window.within(cell, deal.created_dims)]
        return Fraction(sum(not status or deal.status == status for deal in own))

    return part


def _in(stretch: Stretch, at: int) -> bool:
    return stretch.start <= at < stretch.end


def converted(window: Window, cell: Cell) -> Value:
    """Leads of the period with a won deal."""
    won = {deal.told.get("lead") for deal in window.story.deals if won_ever(deal)}
    return Fraction(sum(line.who in won for line in window.lines(cell, ("leads_created",))))


def forward(window: Window, here: Stage, there: Stage) -> bool:
    """Whether a stage is later, by the definition in force at the moment; any other stage, where one is undefined."""
    if here[1] == there[1]:
        return False
    stages = window.past.stages(here[0], window.moment)
    if here[0] != there[0] or here[1] not in stages or there[1] not in stages:
        return True
    return stages[there[1]][0] > stages[here[1]][0]


def entered(window: Window, cell: Cell) -> dict[str, tuple[Deal, list[Entry]]]:
    """The deals that entered a stage in the period, with their entries."""
    found: dict[str, tuple[Deal, list[Entry]]] = {}
    for deal in window.story.deals:
        own = [entry for entry in deal.entries if _in(window.stretch, entry.at) and window.within(cell, entry.dims)]
        if own:
            found[deal.id] = deal, own
    return found


def reached(window: Window, deal: Deal, entries: list[Entry]) -> bool:
    """Whether the deal got further, or was won, after one of its entries."""
    later = any(forward(window, entry.stage, stage) for entry in entries for stage in entry.after)
    return later or won_ever(deal)


def exits(window: Window, cell: Cell) -> list[Exit]:
    """Visits finished in the period."""
    every = [exit_ for deal in window.story.deals for exit_ in deal.exits]
    return [exit_ for exit_ in every if _in(window.stretch, exit_.at) and window.within(cell, exit_.dims)]


def moved_forward(window: Window, exit_: Exit) -> bool:
    """Whether a visit ended with a win or a later stage."""
    return exit_.to == "won" if isinstance(exit_.to, str) else forward(window, exit_.stage, exit_.to)


def pipeline(window: Window, cell: Cell, weighted: bool = False) -> Value:
    """Amounts of the deals open right before the moment, at the rate of when they last changed."""
    amounts = []
    unknown: Value = Fraction(0)
    for span in window.story.spans:
        if span.since < window.moment and (span.until is None or span.until >= window.moment):
            if not window.within(cell, span.dims):
                continue
            weight = _probability(window, span) if weighted else Fraction(1)
            if weight is None and span.amount[0]:
                unknown = no("missing_probability")
            amounts.append((span.amount[0] * (1 if weight is None else weight), span.amount[1], span.since))
    return combined(lambda money, _: money, window.money(amounts), unknown)


def _probability(window: Window, span: Span) -> Fraction | None:
    stages = window.past.stages(span.dims.get("pipeline"), window.moment)
    return stages.get(span.dims.get("stage", ""), (0, None))[1] if span.probability is None else span.probability


def weighted(window: Window, cell: Cell) -> Value:
    """The same, times the deal's own probability, else its stage's."""
    return pipeline(window, cell, weighted=True)


def open_deals(window: Window, cell: Cell) -> Value:
    """Deals open right before the moment."""
    return Fraction(
        sum(
            span.since < window.moment and (span.until is None or span.until >= window.moment)
            for span in window.story.spans
            if window.within(cell, span.dims)
        )
    )


def active(window: Window, cell: Cell) -> Value:
    """Customers active right before the period."""
    return Fraction(sum(window.within(cell, dims) for dims, _ in standing(window, window.stretch.start)))


def churned(window: Window, cell: Cell) -> Value:
    """Customers active at the period's start whose leaving in it ended that activity."""
    found = 0
    for _, each in standing(window, window.stretch.start):
        if each.churned and each.until is not None and _in(window.stretch, each.until):
            told = window.past.customer(each.customer, each.until)
            found += window.within(cell, {**each.dims, **told, "customer": each.customer})
    return Fraction(found)


def active_customers(window: Window, cell: Cell) -> Value:
    """Customers who bought in the twelve months before the moment."""
    return Fraction(len({customer for customer, dims in buyers(window) if window.within(cell, dims)}))


def surveys(kind: str, wanted: Callable[[Fraction], bool], latest: bool = False) -> Part:
    """Answers of one kind that reach something; only each respondent's latest, where told so."""

    def part(window: Window, cell: Cell) -> Value:
        own = [each for each in window.story.answers if each.kind == kind and _in(window.stretch, each.at)]
        if latest:
            own = list({each.respondent: each for each in own}.values())
        return Fraction(sum(wanted(each.share) for each in own if window.within(cell, each.dims)))

    return part


def rep_day_count(window: Window, cell: Cell) -> Value:
    """Working days of reps in place, up to the moment."""
    until = Stretch("", window.stretch.start, window.moment)
    return Fraction(sum(window.within(cell, line.dims) for line in rep_days(window.past, until)))


def everyone(share: Fraction) -> bool:
    """Every answer."""
    return share >= 0


def satisfied(share: Fraction) -> bool:
    """4 of 5, or better."""
    return share >= Fraction(8, 10)


def promotes(share: Fraction) -> bool:
    """9 of 10, or better."""
    return share >= Fraction(9, 10)


def detracts(share: Fraction) -> bool:
    """6 of 10, or worse."""
    return share <= Fraction(6, 10)


SALES: Final = amount("bookings", "orders")
REFUNDS: Final = amount("refunds")
PROFIT: Final[dict[str, Part]] = {"sales": SALES, "refunds": REFUNDS, "cost": amount("cost")}
NET: Final[dict[str, Part]] = PROFIT | {"spend": amount("spend")}
WORTH: Final[dict[str, Part]] = {
    "year_sales": in_year(SALES),
    "year_refunds": in_year(REFUNDS),
    "active_customers": active_customers,
    "churned_in_year": in_year(churned),
    "active_a_year_ago": in_year(active),
    "lifespan_years": lambda window, _: Fraction(window.lifespan_years),
    "year_spend": in_year(amount("spend")),
    "year_new_customers": in_year(count("new_customers")),
}
VISIT: Final[dict[str, Part]] = {
    "visit_ms": lambda window, cell: Fraction(sum(each.lasted for each in exits(window, cell))),
    "n": lambda window, cell: Fraction(len(exits(window, cell))),
}
CHURN: Final[dict[str, Part]] = {"churned": churned, "active_at_start": active}


def nps(latest: bool) -> dict[str, Part]:
    """Promoters, detractors and all answers."""
    return {
        "promoters": surveys("nps", promotes, latest),
        "detractors": surveys("nps", detracts, latest),
        "answers": surveys("nps", everyone, latest),
    }


def csat(latest: bool) -> dict[str, Part]:
    """The satisfied and all answers."""
    return {"satisfied": surveys("csat", satisfied, latest), "answers": surveys("csat", everyone, latest)}


def entries(wanted: Callable[[Window, Deal, list[Entry]], bool]) -> Part:
    """Deals that entered a stage in the period, of which something is true."""
    return lambda window, cell: Fraction(sum(wanted(window, *each) for each in entered(window, cell).values()))


def still_open(window: Window, deal: Deal, own: list[Entry]) -> bool:
    """Neither further nor closed."""
    return deal.status == "open" and not reached(window, deal, own)


PARTS: Final[dict[str, dict[str, Part]]] = {
    "bookings": {"bookings": amount("bookings")},
    "revenue": {"sales": SALES, "refunds": REFUNDS},
    "cost": {"cost": amount("cost")},
    "gross_profit": PROFIT,
    "gross_margin": PROFIT,
    "spend": {"spend": amount("spend")},
    "net_profit": NET,
    "profit_margin": NET,
    "leads_created": {"leads": count("leads_created")},
    "leads_qualified": {"leads": count("leads_qualified")},
    "deals_created": {"deals": count("deals_created")},
    "deals_won": {"won": count("deals_won")},
    "deals_lost": {"lost": count("deals_lost")},
    "average_deal_size": {"bookings": amount("bookings"), "won": count("deals_won")},
    "new_customers": {"new_customers": count("new_customers")},
    "cac": {"spend": amount("spend"), "new_customers": count("new_customers")},
    "cac/marketing": {"marketing": spent(*MARKETING), "new_customers": count("new_customers")},
    "clv": WORTH,
    "clv_to_cac": WORTH,
    "sales_cycle_days": {"cycle_ms": count("cycle"), "n": count("cycle_n")},
    "sales_cycle_days/median": {"median_ms": cycle_median, "n": count("cycle_n")},
    "sales_cycle_days/from_deal": {"cycle_ms": count("cycle_from_deal"), "n": count("cycle_n")},
    "win_rate": {"won": count("deals_won"), "lost": count("deals_lost")},
    "win_rate/created": {"won": created("won"), "created": created(), "open": created("open")},
    "win_rate/value": {"won_value": amount("bookings"), "lost_value": amount("lost_value")},
    "lead_conversion_rate": {"converted": converted, "leads": count("leads_created")},
    "stage_conversion": {
        "reached": entries(reached),
        "entered": entries(lambda window, deal, own: True),
        "open": entries(still_open),
    },
    "stage_conversion/period": {
        "forward": lambda window, cell: Fraction(sum(moved_forward(window, each) for each in exits(window, cell))),
        "exits": lambda window, cell: Fraction(len(exits(window, cell))),
    },
    "stage_days": VISIT,
    "stage_days/median": {
        "median_ms": lambda window, cell: median([Fraction(each.lasted) for each in exits(window, cell)]),
        "n": VISIT["n"],
    },
    "pipeline_value": {"pipeline": pipeline},
    "open_deals": {"deals": open_deals},
    "weighted_pipeline": {"pipeline": weighted},
    "churn_rate": CHURN,
    "retention_rate": {"active_at_start": active, "churned": churned},
    "churned_customers": {"churned": count("churned")},
    "csat": csat(latest=False),
    "csat/customers": csat(latest=True),
    "nps": nps(latest=False),
    "nps/latest": nps(latest=True),
    "touchpoints": {"touchpoints": count("touchpoints")},
    "touchpoints_per_rep_day": {"touchpoints": count("touchpoints"), "rep_days": rep_day_count},
}
"""KPI to its parts, in the order in which its formula takes them."""


def ratio(part: Fraction, whole: Fraction, *_: Fraction) -> Fraction:
    """One over the other."""
    return part / whole


def total(one: Fraction) -> Fraction:
    """The part itself."""
    return one


def mean_days(milliseconds: Fraction, n: Fraction) -> Fraction:
    """A mean of milliseconds in days."""
    return milliseconds / n / DAY_MS


def score(promoters: Fraction, detractors: Fraction, n: Fraction) -> Fraction:
    """Net promoters in percent."""
    return (promoters - detractors) / n * 100


def clv(
    sales: Fraction, refunds: Fraction, n: Fraction, left: Fraction, base: Fraction, years: Fraction, *cac: Fraction
) -> Fraction:
    """Annual revenue of an active customer over its lifespan, less what winning it cost."""
    lifespan = base / left if base and left else years
    return (sales - refunds) / n * lifespan - cac[0] / cac[1]


FORMULAS: Final[dict[str, Callable[..., Fraction]]] = {
    **dict.fromkeys(PARTS, total),
    **dict.fromkeys(["average_deal_size", "cac", "cac/marketing", "lead_conversion_rate", "win_rate/created"], ratio),
    **dict.fromkeys(["stage_conversion", "stage_conversion/period", "churn_rate", "csat", "csat/customers"], ratio),
    "revenue": lambda sales, refunds: sales - refunds,
    "gross_profit": lambda sales, refunds, cost: sales - refunds - cost,
    "gross_margin": lambda sales, refunds, cost: (sales - refunds - cost) / (sales - refunds),
    "net_profit": lambda sales, refunds, cost, spend: sales - refunds - cost - spend,
    "profit_margin": lambda sales, refunds, cost, spend: (sales - refunds - cost - spend) / (sales - refunds),
    "clv": clv,
    "clv_to_cac": lambda *parts: (clv(*parts) + parts[6] / parts[7]) / (parts[6] / parts[7]),
    "sales_cycle_days": mean_days,
    "sales_cycle_days/median": lambda milliseconds, n: milliseconds / DAY_MS,
    "sales_cycle_days/from_deal": mean_days,
    "win_rate": lambda won, lost: won / (won + lost),
    "win_rate/value": lambda won, lost: won / (won + lost),
    "stage_days": mean_days,
    "stage_days/median": lambda milliseconds, n: milliseconds / DAY_MS,
    "retention_rate": lambda active, churned: (active - churned) / active,
    "nps": score,
    "nps/latest": score,
    "touchpoints_per_rep_day": ratio,
}
"""KPI to its formula over its parts."""
