"""The pipeline's bridge, what stands too long, velocity, and how fast leads are answered, for the oracle."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final

from events.activities import TouchpointLogged
from tests.oracle.days import BEGINNING, Stretch
from tests.oracle.deals import Span
from tests.oracle.kpis import DAY_MS, amount, count, open_deals, pipeline
from tests.oracle.past import Line
from tests.oracle.window import Cell, Part, Value, Window, buyers, median, no

MINUTE_MS: Final = 60_000


def flow(what: str) -> Part:
    """What came or went for one reason, in the period and up to now."""

    def part(window: Window, cell: Cell) -> Value:
        own = [each for each in window.story.flows if each.what == what and window.within(cell, each.dims)]
        start, end = window.stretch.start, min(window.stretch.end, window.moment)
        return window.money([(*each.amount, each.rated) for each in own if start <= each.at < end])

    return part


def start(window: Window, cell: Cell) -> Value:
    """The pipeline as it stood when the period began, or stands now if that comes first."""
    before = Stretch("", BEGINNING, min(window.stretch.start, window.moment))
    return pipeline(Window(window.story, window.query, before, window.lifespan_years), cell)


def nearest_rank(numbers: Sequence[Fraction]) -> Value:
    """The smallest that nine of ten do not exceed."""
    ordered = sorted(numbers)
    for place, number in enumerate(ordered, start=1):
        if 10 * place >= 9 * len(ordered):
            return number
    return no("no_data")


def stalled(window: Window, cell: Cell) -> list[Span]:
    """Deals that stand in their stage longer than the visits that were finished by then."""
    found = []
    for span in window.story.spans:
        if span.since < window.moment and (span.until is None or span.until >= window.moment):
            stage = span.dims.get("pipeline"), span.dims.get("stage")
            every = [exit_ for deal in window.story.deals for exit_ in deal.exits]
            limit = nearest_rank([Fraction(x.lasted) for x in every if x.stage == stage and x.at < window.moment])
            late = isinstance(limit, Fraction) and window.moment - 1 - span.entered > limit
            found += [span] if late and window.within(cell, span.dims) else []
    return found


def trailing(part: Part) -> Part:
    """The same over the 90 days before the moment."""
    return lambda window, cell: part(Window(window.story, window.query, window.quarter, window.lifespan_years), cell)


def answered(window: Window, lead: Line) -> int | None:
    """The milliseconds until a person got in touch with a lead."""
    moments = [
        fact.at_ms
        for fact, touch in window.past.of(TouchpointLogged)
        if (touch.lead_id, touch.direction or "outbound", touch.automated or False) == (lead.who, "outbound", False)
    ]
    after = [moment - lead.at for moment in moments if moment >= lead.at]
    return min(after) if after else None


def answers(window: Window, cell: Cell) -> list[Fraction]:
    """How long the answers to the leads of the period took."""
    took = [answered(window, lead) for lead in window.lines(cell, ("leads_created",))]
    return [Fraction(each) for each in took if each is not None]


def kept(window: Window) -> dict[str, int]:
    """The purchases that each customer kept until the moment."""
    customers = [customer for customer, _ in buyers(window, BEGINNING)]
    return {customer: customers.count(customer) for customer in customers}


def customers(least: int) -> Part:
    """Customers with so many purchases or more, wherever one of them belongs."""

    def part(window: Window, cell: Cell) -> Value:
        times = kept(window)
        here = {customer for customer, dims in buyers(window, BEGINNING) if window.within(cell, dims)}
        return Fraction(sum(times[customer] >= least for customer in here))

    return part


ANSWERED: Final[Part] = lambda window, cell: Fraction(len(answers(window, cell)))  # noqa: E731
BRIDGE: Final = ("start", "new", "increased", "reopened", "transferred", "decreased", "won", "lost")

PARTS: Final[dict[str, dict[str, Part]]] = {
    "pipeline_bridge": {name: start if name == "start" else flow(name) for name in BRIDGE} | {"end": pipeline},
    "stalled_deals": {
        "stalled": lambda window, cell: Fraction(len({span.deal for span in stalled(window, cell)})),
        "age_ms": lambda window, cell: Fraction(
            sum(window.moment - 1 - span.entered for span in stalled(window, cell))
        ),
    },
    "sales_velocity": {
        "open_deals": open_deals,
        "won": trailing(count("deals_won")),
        "lost": trailing(count("deals_lost")),
        "bookings": trailing(amount("bookings")),
        "cycle_ms": trailing(count("cycle")),
        "n": trailing(count("cycle_n")),
    },
    "speed_to_lead": {"median_ms": lambda window, cell: median(answers(window, cell)), "answered": ANSWERED},
    "speed_to_lead/p90": {"p90_ms": lambda window, cell: nearest_rank(answers(window, cell)), "answered": ANSWERED},
    "speed_to_lead/unanswered": {
        "unanswered": lambda window, cell: Fraction(
            len(window.lines(cell, ("leads_created",))) - len(answers(window, cell))
        ),
        "leads": count("leads_created"),
    },
    "repeat_purchase_rate": {"repeaters": customers(2), "customers": customers(1)},
}
"""KPI to its parts, in the order in which its formula takes them."""


def bridged(start: Fraction, *flows: Fraction) -> Fraction:
    """The end of the bridge."""
    new, increased, reopened, moved, decreased, won, lost, _ = flows
    return start + new + increased + reopened + moved - decreased - won - lost


def velocity(
    deals: Fraction, won: Fraction, lost: Fraction, bookings: Fraction, cycle: Fraction, n: Fraction
) -> Fraction:
    """What the open deals promise a day."""
    return deals * won / (won + lost) * (bookings / won) / (cycle / n / DAY_MS)


FORMULAS: Final[dict[str, Callable[..., Fraction]]] = {
    "pipeline_bridge": bridged,
    "stalled_deals": lambda stalled, _: stalled,
    "sales_velocity": velocity,
    "speed_to_lead": lambda took, _: took / MINUTE_MS,
    "speed_to_lead/p90": lambda took, _: took / MINUTE_MS,
    "speed_to_lead/unanswered": lambda unanswered, every: unanswered / every,
    "repeat_purchase_rate": lambda again, every: again / every,
}
"""KPI to its formula over its parts."""
