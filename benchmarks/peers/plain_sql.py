"""Questions as an analyst writes them in plain SQL over a table of events, in words that chDB and DuckDB both know.

The table is clean: doubles, refused and voided events are taken out before, which the time does not count. It has one
clock and no organisation, and nothing can be asked as it was known. A deal has its last outcome, and no other.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

Rows = list[tuple[str, str, float]]
"""Dimension, month, value."""

_WON: Final = """
    SELECT entity, max(moment) AS closed, argMax(type, moment) AS outcome, argMax(amount, moment) AS price,
        argMax(currency, moment) AS paid_in FROM events
    WHERE type IN ('deal.won', 'deal.lost', 'deal.reopened') GROUP BY entity"""
_PRODUCT: Final = """
    SELECT entity, argMax(product, moment) AS item, min(CASE WHEN type = 'deal.created' THEN moment END) AS created
    FROM events WHERE type IN ('deal.created', 'deal.updated', 'deal.won') GROUP BY entity"""
_RATES: Final = """
    SELECT base, moment, rate FROM events WHERE type = 'fx_rate.set' AND kind = 'day' AND quote = 'CNY'
    UNION ALL SELECT 'CNY', min(moment), 1.0 FROM events"""
_SOLD: Final = f"""
    SELECT p.item AS product, w.closed AS moment, w.price AS amount, w.paid_in AS currency
    FROM ({_WON}) AS w INNER JOIN ({_PRODUCT}) AS p ON p.entity = w.entity WHERE w.outcome = 'deal.won'"""
_IN_CNY: Final = """
    SELECT s.product, date_trunc('month', s.moment) AS month, sum(s.amount * r.rate) / 100
    FROM ({sold}) AS s ASOF JOIN ({rates}) AS r ON s.currency = r.base AND s.moment >= r.moment GROUP BY 1, 2"""
_CLOSED: Final = """
    SELECT p.item, date_trunc('month', w.closed) AS month, {value}
    FROM ({won}) AS w INNER JOIN ({product}) AS p ON p.entity = w.entity
    WHERE w.outcome IN ({outcomes}) GROUP BY 1, 2"""

QUESTIONS: Final[dict[str, tuple[str, str]]] = {
    "touchpoints": (
        "kind",
        """SELECT kind, date_trunc('month', moment) AS month, count(*) FROM events
        WHERE type = 'touchpoint.logged' AND NOT automated GROUP BY 1, 2""",
    ),
    "leads_created": (
        "channel",
        """SELECT l.via, date_trunc('month', l.since) AS month, count(*)
        FROM (SELECT entity, min(moment) AS since, argMin(channel, moment) AS via FROM events
              WHERE type = 'lead.created' GROUP BY entity) AS l GROUP BY 1, 2""",
    ),
    "deals_won": (
        "product",
        _CLOSED.format(value="count(*)", won=_WON, product=_PRODUCT, outcomes="'deal.won'"),
    ),
    "win_rate": (
        "product",
        _CLOSED.format(
            value="avg(CASE WHEN w.outcome = 'deal.won' THEN 1.0 ELSE 0.0 END)",
            won=_WON,
            product=_PRODUCT,
            outcomes="'deal.won', 'deal.lost'",
        ),
    ),
    "sales_cycle_days/from_deal": (
        "product",
        _CLOSED.format(
            value="avg(date_diff('second', coalesce(p.created, w.closed), w.closed)) / 86400",
            won=_WON,
            product=_PRODUCT,
            outcomes="'deal.won'",
        ),
    ),
    "bookings": ("product", _IN_CNY.format(sold=_SOLD, rates=_RATES)),
    "revenue": (
        "product",
        _IN_CNY.format(
            sold=f"""{_SOLD}
            UNION ALL SELECT o.product, o.moment, o.amount, o.currency FROM events AS o
                WHERE o.type = 'order.placed' AND o.fulfils IS NULL
            UNION ALL SELECT o.product, f.moment, -f.amount, f.currency FROM events AS f
                INNER JOIN events AS o ON o.entity = f.entity AND o.type = 'order.placed'
                WHERE f.type = 'order.refunded'""",
            rates=_RATES,
        ),
    ),
}
"""The KPI that asks the same: the dimension, beside the month, and the statement."""


def asked(run: Callable[[str], Iterable[Any]], rounds: int) -> dict[str, tuple[list[float], Rows]]:
    """The milliseconds of each question, sorted, the first left out, and its rows."""
    found = {}
    for kpi, (_, sql) in QUESTIONS.items():
        rows = list(run(sql))
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            list(run(sql))
            times.append((time.perf_counter() - start) * 1000)
        told = [(str(dim), str(month)[:7], float(value)) for dim, month, value in rows if dim is not None]
        found[kpi] = (sorted(times), sorted(told))
    return found
