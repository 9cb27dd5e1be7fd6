"""What a deal or an order is worth: an amount and a cost, each in the currency it was told in."""

from msgspec.structs import replace

from projections.posting import Posting

Worth = dict[str, tuple[int, int]]
"""Currency to amount and cost, in minor units."""


def worth(amount: int, currency: str, cost: int = 0, cost_currency: str = "") -> Worth:
    """An amount, and a cost where there is one."""
    told = {currency: (amount, 0)}
    if cost:
        told[cost_currency] = told.get(cost_currency, (0, 0))[0], cost
    return told


def less(after: Worth, before: Worth) -> Worth:
    """``after`` less ``before``, by currency, without what comes to nothing (but one, so that something stands)."""
    found = {}
    for currency in {**before, **after}:
        (amount, cost), (less_amount, less_cost) = after.get(currency, (0, 0)), before.get(currency, (0, 0))
        found[currency] = amount - less_amount, cost - less_cost
    return {currency: each for currency, each in found.items() if any(each)} or {next(iter(found)): (0, 0)}


def booked(line: Posting, told: Worth) -> list[Posting]:
    """The line in each currency; what it counts stands in the first."""
    if len(told) == 1:
        ((currency, (amount, cost)),) = told.items()
        return [replace(line, amount=amount, cost=cost, currency=currency)]
    return [
        replace(line, count=0 if place else line.count, amount=amount, cost=cost, currency=currency)
        for place, (currency, (amount, cost)) in enumerate(told.items())
    ]
