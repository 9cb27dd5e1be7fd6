"""Customers: their first purchase, and when they were active."""

from collections.abc import Sequence
from dataclasses import dataclass

from events.customers import CustomerChurned, CustomerReturned, CustomerUpdated
from events.envelope import Fact
from tests.oracle.deals import First, Purchase
from tests.oracle.past import Dims, Line, Past


@dataclass(frozen=True)
class Activity:
    """A customer who was active from one moment up to another."""

    customer: str
    since: int
    until: int | None
    churned: bool
    """Ended by the customer's leaving, not by a purchase taken back."""
    dims: Dims
    """Region and segment of the purchase that began it."""


def new_customers(firsts: Sequence[First]) -> list[Line]:
    """One line for each customer, at the first purchase."""
    found = {}
    for first in sorted(firsts, key=lambda first: (first.at, first.position), reverse=True):
        found[first.customer] = Line("new_customers", first.at, first.dims)
    return list(found.values())


def activities(past: Past, purchases: Sequence[Purchase]) -> list[Activity]:
    """The active times of every customer, each in order."""
    found: list[Activity] = []
    changes = past.by_entity(CustomerChurned, CustomerReturned)
    for customer in sorted({purchase.customer for purchase in purchases} | set(changes)):
        own = [purchase for purchase in purchases if purchase.customer == customer]
        found += _activities(customer, own, changes.get(customer, []))
    return found


def _activities(customer: str, purchases: list[Purchase], changes: list[Fact]) -> list[Activity]:
    places = {(fact.at_ms, fact.position) for fact in changes}
    places |= {purchase.since for purchase in purchases}
    places |= {purchase.until for purchase in purchases if purchase.until}
    found: list[Activity] = []
    since: tuple[int, Dims] | None = None
    for place in sorted(places):
        begins = _active(purchases, changes, place)
        if since is None and begins is not None:
            since = place[0], begins
        elif since is not None and begins is None:
            churned = any(isinstance(fact.data, CustomerChurned) and fact.position == place[1] for fact in changes)
            found.append(Activity(customer, since[0], place[0], churned, since[1]))
            since = None
    return found + ([Activity(customer, since[0], None, False, since[1])] if since else [])


def _active(purchases: list[Purchase], changes: list[Fact], place: tuple[int, int]) -> Dims | None:
    """Whether the customer is active right after a place in time: the dimensions of the purchase, if it is one."""
    before = [fact for fact in changes if (fact.at_ms, fact.position) <= place]
    churns = [(fact.at_ms, fact.position) for fact in before if isinstance(fact.data, CustomerChurned)]
    left = max(churns, default=(-(10**15), 0))
    for purchase in purchases:
        if left < purchase.since <= place and (purchase.until is None or purchase.until > place):
            return {name: value for name, value in purchase.dims.items() if name in ("region", "segment")}
    returned = [fact for fact in before if isinstance(fact.data, CustomerReturned)]
    return {} if any((fact.at_ms, fact.position) > left for fact in returned) else None


def churns(past: Past, active: Sequence[Activity]) -> list[Line]:
    """Every time a customer left."""
    found = []
    for customer, facts in past.by_entity(CustomerChurned, CustomerUpdated).items():
        for fact in facts:
            if isinstance(fact.data, CustomerChurned):
                ended = [each for each in active if each.customer == customer and each.until == fact.at_ms]
                base = ended[-1].dims if ended and ended[-1].churned else {}
                dims = {**base, **past.customer(customer, fact.at_ms), "customer": customer}
                if fact.data.reason is not None:
                    dims["reason"] = fact.data.reason
                found.append(Line("churned", fact.at_ms, dims))
    return found
