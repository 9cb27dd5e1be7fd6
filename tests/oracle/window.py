"""One period of one question, for the oracle: what lies in it, cell by cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from tests.oracle import activities, customers
from tests.oracle.days import Stretch
from tests.oracle.deals import Deal, Flow, Purchase, Span, deals
from tests.oracle.orders import Order, orders
from tests.oracle.past import Dims, Line, Past

Cell = tuple[str | None, ...]
REST = "(rest)"


@dataclass(frozen=True)
class Query:
    """A question in the words of CONTRACT section 3."""

    kpi: str
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    grain: str = "total"
    from_: str | None = None
    to: str | None = None
    as_of: str | None = None
    currency: str | None = None
    org: str = "event"
    fx: str = "day"
    only: str = ""
    """Where nothing is converted: the currency whose amounts count."""
    top: tuple[Cell, ...] | None = None
    """The cells that are told apart; all others are ``REST``."""


@dataclass(frozen=True)
class Nothing:
    """No value: one of these reasons, and for a missing rate one of these pairs."""

    reasons: frozenset[str]
    missing: frozenset[str] = frozenset()

    def __or__(self, other: "Nothing") -> "Nothing":
        return Nothing(self.reasons | other.reasons, self.missing | other.missing)


Value = Fraction | Nothing


def no(reason: str, *missing: str) -> Nothing:
    """No value for one reason."""
    return Nothing(frozenset({reason}), frozenset(missing))


class Story:
    """Everything that the replays yield from what was known at a position."""

    def __init__(self, past: Past) -> None:
        self.past = past

    @cached_property
    def deals(self) -> list[Deal]:
        return deals(self.past)

    @cached_property
    def orders(self) -> list[Order]:
        return orders(self.past)

    @cached_property
    def tales(self) -> list[Deal | Order]:
        return [*self.deals, *self.orders]

    @cached_property
    def purchases(self) -> list[Purchase]:
        return [purchase for each in self.tales for purchase in each.purchases]

    @cached_property
    def spans(self) -> list[Span]:
        return [span for deal in self.deals for span in deal.spans]

    @cached_property
    def active(self) -> list[customers.Activity]:
        return customers.activities(self.past, self.purchases)

    @cached_property
    def answers(self) -> list[activities.Answer]:
        return activities.answers(self.past)

    @cached_property
    def flows(self) -> list[Flow]:
        return [flow for deal in self.deals for flow in deal.flows]

    @cached_property
    def trainings(self) -> list[activities.Training]:
        return activities.trainings(self.past)

    @cached_property
    def lines(self) -> list[Line]:
        firsts = [first for each in self.tales for first in each.firsts]
        own = [line for each in self.tales for line in each.lines]
        return [
            *own,
            *customers.new_customers(firsts),
            *customers.churns(self.past, self.active),
            *activities.leads(self.past),
            *activities.touchpoints(self.past),
            *activities.spend(self.past),
        ]


class Window:
    """One period of one question: what is in it, cell by cell."""

    def __init__(self, story: Story, query: Query, stretch: Stretch, lifespan_years: int) -> None:
        self.story = story
        self.past = story.past
        self.query = query
        self.stretch = stretch
        self.lifespan_years = lifespan_years
        self.currency = query.currency or self.past.days.currency
        self.moment = min(stretch.end, self.past.recorded_ms + 1)
        """Stocks stand right before it."""
        self.quarter = Stretch("quarter", self.past.days.days_before(self.moment, 90), self.moment)
        self.year = Stretch("year", self.past.days.year_before(self.moment), self.moment)

    def wanted(self, dims: Dims) -> bool:
        """Whether ``where`` lets it through; an empty value is a missing one."""
        return all((dims.get(name) or "") in values for name, values in self.query.where)

    def cell(self, dims: Dims) -> Cell:
        """Its place among the rows."""
        own = tuple(dims.get(name) or None for name in self.query.by)
        return own if self.query.top is None or own in self.query.top else (REST,) * len(own)

    def within(self, cell: Cell, dims: Dims) -> bool:
        """Whether it belongs to a cell of the answer."""
        return self.wanted(dims) and self.cell(dims) == cell

    def lines(self, cell: Cell, what: tuple[str, ...], stretch: Stretch | None = None) -> list[Line]:
        """The lines of some kinds in the period."""
        span = stretch or self.stretch
        return [
            line
            for line in self.story.lines
            if line.what in what and span.start <= line.at < span.end and self.within(cell, line.dims)
        ]

    def money(self, amounts: Sequence[tuple[Fraction, str, int]]) -> Value:
        """Amounts in the currency of the question, each at the rate of its moment."""
        if self.query.fx == "none":
            return sum((amount for amount, currency, _ in amounts if currency == self.query.only), Fraction(0))
        netted: dict[tuple[str, int], Fraction] = {}
        for amount, currency, at in amounts:
            netted[currency, at] = netted.get((currency, at), Fraction(0)) + amount
        total, missing = Fraction(0), set()
        for (currency, at), amount in netted.items():
            rate = self.past.rate(currency, self.currency, at)
            if amount and rate is None:
                missing.add(f"{currency}/{self.currency}")
            total += amount * (rate or 0)
        return no("missing_rate", *missing) if missing else total


Part = Callable[[Window, Cell], Value]


def median(numbers: Sequence[Fraction]) -> Value:
    """The middle one, or the mean of the middle two."""
    ordered = sorted(numbers)
    if not ordered:
        return no("no_data")
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def combined(compute: Callable[..., Fraction], *values: Value) -> Value:
    """Undefined as soon as one of the values is, or where there is nothing to divide by."""
    undefined = [value for value in values if isinstance(value, Nothing)]
    try:
        result: Value = compute(*[Fraction(0) if isinstance(value, Nothing) else value for value in values])
    except ZeroDivisionError as error:
        result = no(error.args[0] if error.args == ("target_reached",) else "zero_denominator")
    for value in undefined:
        result = result | value if isinstance(result, Nothing) else value
    return result


def standing(window: Window, moment: int) -> list[tuple[Dims, customers.Activity]]:
    """The customers active right before a moment, with region and segment in force then."""
    found: list[tuple[Dims, customers.Activity]] = []
    for each in window.story.active:
        if each.since < moment and (each.until is None or each.until >= moment):
            dims = {**each.dims, **window.past.customer(each.customer, moment - 1), "customer": each.customer}
            found.append((dims, each))
    return found


def buyers(window: Window, since: int | None = None) -> list[tuple[str, Dims]]:
    """Purchases of the twelve months before the moment that stand at it: customer, region and segment.

    ``since`` is another beginning than that of the twelve months.
    """
    found: list[tuple[str, Dims]] = []
    start = window.year.start if since is None else since
    for each in window.story.purchases:
        inside = start <= each.since[0] < window.year.end
        if inside and (each.until is None or each.until[0] >= window.moment):
            own = {name: value for name, value in each.dims.items() if name in ("region", "segment")}
            told = window.past.customer(each.customer, window.moment - 1)
            found.append((each.customer, {**own, **told, "customer": each.customer}))
    return found
