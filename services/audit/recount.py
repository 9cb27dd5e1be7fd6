"""A second count of additive KPIs, in SQL straight from the journal's events.

Written apart from the books, and in another way: where a book folds events one by one, this ranks all of them with
window functions and takes the difference of each state to the one before. The policies are those of the contract,
section 3a. It reads what was told, so nothing that the ledger holds can mislead it.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Final, NamedTuple

from events.envelope import Entry

DIMS: Final = ("rep_id", "product", "channel", "campaign", "segment")
"""Dimensions of a slice: those that need nothing but what was told of the entity itself."""
MONEY: Final = ("bookings", "revenue", "spend", "pipeline_value")
COUNTS: Final = (
    "deals_created",
    "deals_won",
    "deals_lost",
    "leads_created",
    "leads_qualified",
    "touchpoints",
    "open_deals",
)
STOCKS: Final = ("open_deals", "pipeline_value")
"""These stand at the end of a slice; the others belong to it."""
KPIS: Final = (*MONEY, *COUNTS)

_FIELDS: Final = (*DIMS, "deal_id", "category", "period_from", "period_to", "currency")
_TOLD: Final = f"""
CREATE TABLE told (position INTEGER PRIMARY KEY, at_ms INTEGER, source TEXT, id TEXT, type TEXT, entity TEXT,
    amount INTEGER, automated INTEGER, void_source TEXT, void_id TEXT, {", ".join(f"{name} TEXT" for name in _FIELDS)});
"""
_PUT: Final = f"""
INSERT INTO told SELECT :position, :at_ms, :source, :id, :type, :entity,
    CAST(replace(json_extract(:body, '$.data.amount'), '.', '') AS INTEGER),
    coalesce(json_extract(:body, '$.data.automated'), 0),
    json_extract(:body, '$.data.source'), json_extract(:body, '$.data.id'),
    {", ".join(f"json_extract(:body, '$.data.{name}')" for name in _FIELDS)}
"""


def _carried(names: Iterable[str]) -> tuple[str, str]:
    """Columns that say of each event the value told last: how many were told so far, then the first of those alike."""
    each = tuple(names)
    counted = ", ".join(f"count({name}) OVER so_far AS n_{name}" for name in each)
    first = ", ".join(
        f"first_value({name}) OVER (PARTITION BY entity, n_{name} ORDER BY at_ms, position) AS {name}" for name in each
    )
    return counted, first


_SO_FAR: Final = "WINDOW so_far AS (PARTITION BY entity ORDER BY at_ms, position ROWS UNBOUNDED PRECEDING)"
_HERE: Final = ", ".join(DIMS)
_COUNTED, _FIRST = _carried((*DIMS, "turn", "money", "deal_id"))
_BEFORE: Final = ", ".join(f"lag({name}) OVER seq AS b_{name}" for name in (*DIMS, "status", "amount", "currency"))
_THERE: Final = ", ".join(f"b_{name} AS {name}" for name in DIMS)

_PATHS: Final = f"""
CREATE TABLE live AS SELECT * FROM told AS t WHERE type != 'event.voided' AND NOT EXISTS
    (SELECT 1 FROM told AS v WHERE v.type = 'event.voided' AND v.void_source = t.source AND v.void_id = t.id);

CREATE TABLE states AS
WITH marked AS
(
    SELECT position, at_ms, type, entity, {_HERE}, deal_id,
        substr(type, 1, instr(type, '.') - 1) AS kind,
        CASE type WHEN 'deal.won' THEN 'won' WHEN 'deal.lost' THEN 'lost' WHEN 'deal.reopened' THEN 'open' END AS turn,
        CASE WHEN type != 'order.refunded' AND amount IS NOT NULL THEN amount || ' ' || currency END AS money,
        amount AS own, currency AS own_currency
    FROM live WHERE type LIKE 'deal.%' OR type LIKE 'lead.%' OR type LIKE 'order.%'
),
ranked AS (SELECT *, kind || ' ' || entity AS who FROM marked),
counted AS (SELECT position, at_ms, type, kind, who AS entity, own, own_currency, turn, money, deal_id, {_HERE},
    row_number() OVER so_far AS n,
    count(CASE WHEN type = 'lead.qualified' THEN 1 END) OVER so_far AS qualified, {_COUNTED}
    FROM (SELECT *, who AS group_of FROM ranked) {_SO_FAR.replace("PARTITION BY entity", "PARTITION BY group_of")}),
known AS (SELECT position, at_ms, type, kind, entity, own, own_currency, n, qualified, {_FIRST} FROM counted)
SELECT position, at_ms, type, kind, entity, own, own_currency, n, qualified, {_HERE}, deal_id,
    coalesce(turn, 'open') AS status,
    CAST(coalesce(substr(money, 1, instr(money, ' ') - 1), 0) AS INTEGER) AS amount,
    substr(money, instr(money, ' ') + 1) AS currency
FROM known;
"""
_MOVES: Final = f"""
CREATE TABLE moves (kpi TEXT, event INTEGER, at_ms INTEGER, day INTEGER, value INTEGER, currency TEXT,
    {", ".join(f"{name} TEXT" for name in DIMS)});

CREATE TEMP TABLE deals AS SELECT *, {_BEFORE} FROM states WHERE kind = 'deal'
    WINDOW seq AS (PARTITION BY entity ORDER BY at_ms, position);
INSERT INTO moves SELECT 'deals_created', position, at_ms, NULL, 1, NULL, {_HERE} FROM deals WHERE n = 1;
INSERT INTO moves SELECT 'deals_won', position, at_ms, NULL, (status = 'won') - coalesce(b_status = 'won', 0), NULL,
    {_HERE} FROM deals;
INSERT INTO moves SELECT 'deals_lost', position, at_ms, NULL, (status = 'lost') - coalesce(b_status = 'lost', 0), NULL,
    {_HERE} FROM deals;
INSERT INTO moves SELECT 'bookings', position, at_ms, NULL, amount, currency, {_HERE}
    FROM deals WHERE status = 'won';
INSERT INTO moves SELECT 'bookings', position, at_ms, NULL, -b_amount, b_currency, {_HERE}
    FROM deals WHERE b_status = 'won';
INSERT INTO moves SELECT 'open_deals', position, at_ms, NULL, 1, NULL, {_HERE} FROM deals WHERE status = 'open';
INSERT INTO moves SELECT 'open_deals', position, at_ms, NULL, -1, NULL, {_THERE} FROM deals WHERE b_status = 'open';
INSERT INTO moves SELECT 'pipeline_value', position, at_ms, NULL, amount, currency, {_HERE}
    FROM deals WHERE status = 'open';
INSERT INTO moves SELECT 'pipeline_value', position, at_ms, NULL, -b_amount, b_currency, {_THERE} FROM deals
    WHERE b_status = 'open';

INSERT INTO moves SELECT 'leads_created', position, at_ms, NULL, 1, NULL, {_HERE} FROM states
    WHERE kind = 'lead' AND n = 1;
INSERT INTO moves SELECT 'leads_qualified', position, at_ms, NULL, 1, NULL, {_HERE} FROM states
    WHERE type = 'lead.qualified' AND qualified = 1;

CREATE TEMP TABLE orders AS SELECT *, iif(deal_id IS NULL, own, 0) AS worth,
    lag(iif(deal_id IS NULL, own, 0)) OVER seq AS b_worth, lag(own_currency) OVER seq AS b_own_currency
    FROM states WHERE type = 'order.placed' WINDOW seq AS (PARTITION BY entity ORDER BY at_ms, position);
INSERT INTO moves SELECT 'revenue', event, at_ms, day, value, currency, {_HERE} FROM moves WHERE kpi = 'bookings';
INSERT INTO moves SELECT 'revenue', position, at_ms, NULL, worth, own_currency, {_HERE} FROM orders;
INSERT INTO moves SELECT 'revenue', position, at_ms, NULL, -b_worth, b_own_currency, {_HERE} FROM orders
    WHERE b_worth IS NOT NULL;
INSERT INTO moves SELECT 'revenue', position, at_ms, NULL, -own, own_currency, {_HERE} FROM states
    WHERE type = 'order.refunded';

INSERT INTO moves SELECT 'touchpoints', position, at_ms, NULL, 1, NULL, {_HERE} FROM live
    WHERE type = 'touchpoint.logged' AND NOT automated;

INSERT INTO moves SELECT 'spend', position, at_ms, NULL, amount, currency, {_HERE} FROM live
    WHERE type = 'spend.recorded' AND (period_from IS NULL OR period_to IS NULL);
INSERT INTO moves
WITH RECURSIVE paid AS
(
    SELECT *, CAST(unixepoch(period_from) / 86400 AS INTEGER) AS first,
        max((unixepoch(period_to) - unixepoch(period_from)) / 86400, 1) AS days
    FROM live WHERE type = 'spend.recorded' AND period_from IS NOT NULL AND period_to IS NOT NULL
),
spread(position, nth, days) AS
(
    SELECT position, 0, days FROM paid UNION ALL SELECT position, nth + 1, days FROM spread WHERE nth + 1 < days
)
SELECT 'spend', p.position, p.at_ms, p.first + s.nth, p.amount / p.days + (s.nth < p.amount % p.days), currency, {_HERE}
FROM spread AS s JOIN paid AS p USING (position);

DELETE FROM moves WHERE value = 0;
CREATE INDEX by_kpi ON moves (kpi, at_ms);
"""


class Slice(NamedTuple):
    """What is counted: a KPI over whole days of the tenant, perhaps of one value of a dimension."""

    kpi: str
    first_day: int
    """Days since 1970, of the tenant's calendar."""
    end_day: int
    """Excluded."""
    lo_ms: int
    """The moment at which the first day begins."""
    hi_ms: int
    where: tuple[str, str] | None = None


class Recount:
    """The events of one tenant, ranked. Voided ones count nothing; close it in the end."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._db: Final = sqlite3.connect("")  # a file of its own that nobody sees, where it is large
        rows = (
            {
                "position": each.position, "at_ms": each.at_ms, "source": each.source, "id": each.id, "type": each.type,
                "entity": each.subject, "body": bytes(each.body).decode(),
            }
            for each in entries
        )  # fmt: skip
        self._db.executescript(_TOLD)
        self._db.executemany(_PUT, rows)
        self._db.execute("CREATE INDEX voids ON told (void_source, void_id) WHERE type = 'event.voided'")
        self._db.executescript(_PATHS + _MOVES)

    def value(self, asked: Slice, currency: str) -> int | None:
        """The value in minor units, or the count; None where something is in another currency."""
        rows = self._of(asked, "coalesce(sum(value), 0), count(CASE WHEN currency != ? THEN 1 END)", [currency])
        value, others = rows[0]
        return None if others else int(value)

    def contributions(self, asked: Slice) -> dict[int, int]:
        """What each event adds, by position; those that add nothing are left out."""
        return dict(self._of(asked, "event, sum(value)", [], " GROUP BY event HAVING sum(value) != 0"))

    def values_of(self, dim: str) -> list[str]:
        """The values of a dimension, sorted."""
        assert dim in DIMS, "a dimension of a slice"
        return [row[0] for row in self._db.execute(f"SELECT DISTINCT {dim} FROM moves WHERE {dim} != '' ORDER BY 1")]

    def reach(self) -> tuple[int, int] | None:
        """The first and last moment at which anything moved; None where nothing did."""
        low, high = self._db.execute("SELECT min(at_ms), max(at_ms) FROM moves").fetchone()
        return None if low is None else (low, high)

    def _of(self, asked: Slice, columns: str, told: list[object], tail: str = "") -> list[tuple[int, int]]:
        is_stock = asked.kpi in STOCKS
        when = "at_ms < ?" if is_stock else "iif(day IS NULL, at_ms >= ? AND at_ms < ?, day >= ? AND day < ?)"
        bounds: list[object] = [asked.hi_ms] if is_stock else [asked.lo_ms, asked.hi_ms, asked.first_day, asked.end_day]
        narrowed, value = "", []
        if asked.where is not None:
            assert asked.where[0] in DIMS, "a dimension of a slice"
            narrowed, value = f" AND {asked.where[0]} = ?", [asked.where[1]]
        sql = f"SELECT {columns} FROM moves WHERE kpi = ? AND {when}{narrowed}{tail}"
        return self._db.execute(sql, [*told, asked.kpi, *bounds, *value]).fetchall()

    def close(self) -> None:
        """Let go of it."""
        self._db.close()


def recounted(entries: Iterable[Entry], asked: Slice) -> dict[int, int]:
    """What each of these events alone adds to a slice."""
    with closing(Recount(entries)) as counted:
        return counted.contributions(asked)
