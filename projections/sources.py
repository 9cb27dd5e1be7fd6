"""Where a KPI's parts come from: the postings themselves, or rows derived from them, as of a cut.

A source is one SELECT. It gives a row for each thing that counts, with ``at_ms`` (when), ``event``, ``book`` and
``entity`` (the evidence), ``count`` and what it measures, and the dimensions asked for. All of them read only postings
at or below the cut, so every answer can be given as it was known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

KNOWN: Final = "tenant = {tenant:String} AND position <= {cut:UInt64}"
"""What was known at the cut."""
IN_RANGE: Final = "at_ms >= {lo:Int64} AND at_ms < {hi:Int64}"
"""What takes effect in the stretch of time that is asked for."""

COMMON: Final = frozenset("rep_id team_id region product channel campaign segment manager_id attributes".split())
DEAL: Final = COMMON | {"deal", "lead", "customer", "pipeline", "stage"}
PEOPLE: Final = frozenset({"rep_id", "team_id", "region", "manager_id"})
CUSTOMER: Final = frozenset({"region", "segment", "customer"})
ANSWER: Final = COMMON | {"customer", "deal", "respondent"}

Columns = tuple[str, ...]
"""The dimensions a question needs of a source, by their columns."""


@dataclass(frozen=True)
class Source:
    """One kind of row. ``sql`` takes the columns wanted beside its own."""

    name: str
    words: str
    """What a row is, for people."""
    dims: frozenset[str]
    """The dimensions its rows can be grouped and filtered by."""
    measures: tuple[str, ...]
    """The measures it reads."""
    sql: Callable[[Columns], str]
    related: str = ""
    """A SELECT of (book, entity) that the rows were derived from, besides their own; takes the rows' entities."""
    excluded: tuple[tuple[str, str], ...] = ()
    """(which postings, reason) of events that might be expected here but do not count."""
    local: bool = False
    """Some rows are calendar days."""
    covers: str = ""
    """For rows that last: whether one belongs to the window from ``s`` up to ``e``."""


def lines(*measures: str, dims: frozenset[str], words: str, also: str = "1", **more: Any) -> Source:
    """The postings of these measures as they stand."""

    def sql(wanted: Columns) -> str:
        return postings(f"{_in(measures)} AND {also}", wanted)

    return Source("+".join(measures), words, dims, measures, sql, **more)


def postings(which: str, wanted: Columns) -> str:
    """Postings known at the cut, with what every source has and the columns wanted."""
    return f"""
        SELECT at_ms, event, book, entity, count, amount, cost, currency, basis_ms, local{_columns(wanted)}
        FROM {{postings}} WHERE {KNOWN} AND {which}"""


def net(measures: tuple[str, ...], key: str, wanted: Iterable[str], also: str = "1") -> str:
    """The lines that stand: each ``key`` whose counts add up to more than nothing, with its latest dimensions."""
    keys = ", ".join(f"p.{name} AS {name}" for name in key.split(", "))
    latest = "".join(f", argMaxIf(p.{name}, p.position, p.count > 0) AS {name}" for name in wanted)
    return f"""
        SELECT {keys}, sum(p.count) AS standing{latest} FROM {{postings}} AS p
        WHERE {KNOWN} AND {_in(measures)} AND {also} GROUP BY {key} HAVING standing > 0"""


def _columns(wanted: Iterable[str]) -> str:
    return "".join(f", {name}" for name in wanted)


def _without(wanted: Iterable[str], *own: str) -> Columns:
    return tuple(name for name in dict.fromkeys(wanted) if name not in own)


def _in(measures: Iterable[str]) -> str:
    return "measure IN (" + ", ".join(f"'{measure}'" for measure in measures) + ")"


_CONTACTS: Final = ("touchpoint", "touchpoint_automated", "lead_created")


def _cycles(wanted: Columns) -> str:
    """Wins, each with the first of its deal's and its lead's contacts."""
    return f"""
        WITH wins AS (
            SELECT at_ms, event, book, entity, count, since_ms, until_ms, basis_ms,
                deal AS its_deal, lead AS its_lead{_columns(wanted)}
            FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND count != 0 AND {IN_RANGE}),
        contacts AS (
            SELECT deal, lead, at_ms FROM {{postings}} WHERE {KNOWN} AND {_in(_CONTACTS)} AND (
                deal IN (SELECT its_deal FROM wins) OR (lead != '' AND lead IN (SELECT its_lead FROM wins)))
            GROUP BY event, deal, lead, at_ms HAVING sum(count) > 0)
        SELECT w.*, until_ms - since_ms AS from_deal_ms, until_ms - least(since_ms,
            if(d.deal = '', since_ms, d.first_ms), if(l.lead = '', since_ms, l.first_ms)) AS cycle_ms
        FROM wins AS w
        LEFT JOIN (SELECT deal, min(at_ms) AS first_ms FROM contacts WHERE deal != '' GROUP BY deal) AS d
            ON w.its_deal = d.deal
        LEFT JOIN (SELECT lead, min(at_ms) AS first_ms FROM contacts WHERE lead != '' GROUP BY lead) AS l
            ON w.its_lead = l.lead"""


_WON_DEALS: Final = f"""
    SELECT deal AS won_deal, argMaxIf(lead, (at_ms, event), count > 0) AS won_lead
    FROM {{postings}} WHERE {KNOWN} AND measure = 'won' GROUP BY deal HAVING sum(count) > 0"""
_OPEN_DEALS: Final = f"""
    SELECT deal AS open_deal
    FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' GROUP BY deal HAVING sum(count) > 0"""


def _deal_cohort(wanted: Columns) -> str:
    created = f"SELECT *, deal AS its_deal FROM {{postings}} WHERE {KNOWN} AND measure = 'created' AND {IN_RANGE}"
    return f"""
        SELECT at_ms, event, book, entity, count, basis_ms, won_deal != '' AS won, open_deal != '' AS open
            {_columns(wanted)}
        FROM ({created}) AS c
        LEFT JOIN ({_WON_DEALS}) AS w ON c.its_deal = w.won_deal
        LEFT JOIN ({_OPEN_DEALS}) AS o ON c.its_deal = o.open_deal"""


def _lead_cohort(wanted: Columns) -> str:
    created = f"SELECT *, lead AS its_lead FROM {{postings}} WHERE {KNOWN} AND measure = 'lead_created' AND {IN_RANGE}"
    return f"""
        SELECT at_ms, event, book, entity, count, basis_ms, won_lead != '' AS won{_columns(wanted)}
        FROM ({created}) AS c
        LEFT JOIN (SELECT DISTINCT won_lead FROM ({_WON_DEALS}) WHERE won_lead != '') AS w
            ON c.its_lead = w.won_lead"""


def _rank(stage: str) -> str:
    """The place of a stage in its pipeline's definition; -1 where it is not defined."""
    key = f"concat(pipeline, '\\t', {stage})"
    return f"transform({key}, {{stage_keys:Array(String)}}, {{stage_ranks:Array(Int64)}}, toInt64(-1))"


def _later(stage: str, rank: str, than: str, than_rank: str) -> str:
    """By the order of the definition; where one of the two is not in it, any other stage is a later one."""
    return f"if({rank} >= 0 AND {than_rank} >= 0, {rank} > {than_rank}, {stage} != {than})"


def _entries(wanted: Columns) -> str:
    """Deals entering a stage, each with where it went afterwards."""
    also = _without(("basis_ms", *wanted), "deal", "pipeline", "stage")
    key = "book, entity, deal, pipeline, stage, at_ms, event"
    entered = net(("pipeline",), key, also, "outcome = 'entered' AND p.at_ms >= {lo:Int64} AND p.at_ms < {hi:Int64}")
    stops = net(("pipeline",), "deal, pipeline, stage, at_ms, event", (), "outcome = 'entered'")
    later = _later("x.3", "x.4", "e.stage", "e.its_rank")
    return f"""
        SELECT e.*, 1 AS count, o.open_deal != '' AND NOT reached AS open,
            w.won_deal != '' OR arrayExists(x -> (x.1, x.2) > (e.at_ms, e.event) AND {later}, s.path) AS reached
        FROM (SELECT *, {_rank("stage")} AS its_rank FROM ({entered})) AS e
        LEFT JOIN (
            SELECT deal AS its_deal, groupArray((at_ms, event, stage, {_rank("stage")})) AS path
            FROM ({stops}) GROUP BY deal) AS s ON e.deal = s.its_deal
        LEFT JOIN ({_WON_DEALS}) AS w ON e.deal = w.won_deal
        LEFT JOIN ({_OPEN_DEALS}) AS o ON e.deal = o.open_deal"""


def _visits(wanted: Columns) -> str:
    """Deals leaving a stage."""
    forward = _later("to_stage", _rank("to_stage"), "stage", _rank("stage"))
    return f"""
        SELECT at_ms, event, book, entity, -p.count AS count, basis_ms, at_ms - since_ms AS visit_ms,
            outcome = 'won' OR (outcome = 'moved' AND {forward}) AS forward{_columns(wanted)}
        FROM {{postings}} AS p WHERE {KNOWN} AND measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost')"""


_PURCHASES: Final = ("won", "order", "fulfilment")


def _first_purchases(wanted: Columns) -> str:
    also = _without(("basis_ms", *wanted), "customer")
    stood = net(_PURCHASES, "book, entity, customer, at_ms, event", also, "outcome = '' AND customer != ''")
    return f"SELECT *, 1 AS count FROM ({stood}) ORDER BY at_ms, event LIMIT 1 BY customer"


_NEVER: Final = "toInt64(9000000000000000)"


def _taken_back(measure: str, bought: str, also: str) -> str:
    """When purchases were taken back: wins re-opened, orders refunded in full."""
    back = f"""
        SELECT book, entity, {bought} AS bought_ms, at_ms, sum(count) AS n FROM {{postings}}
        WHERE {KNOWN} AND measure = '{measure}' AND {also} GROUP BY ALL HAVING n != 0"""
    return f"SELECT book, entity, bought_ms, min(at_ms) AS back_ms FROM ({back}) GROUP BY book, entity, bought_ms"


def _purchases(measures: tuple[str, ...], wanted: Columns) -> str:
    """Purchases above nothing, and returns of customers, with the moment each was taken back."""
    worth = "customer != '' AND (measure = 'returned' OR (outcome = '' AND (amount > 0 OR count < 0)))"
    stood = net(measures, "book, entity, customer, at_ms, event", wanted, worth)
    return f"""
        SELECT s.*, if(t.back_ms = 0, {_NEVER}, t.back_ms) AS back_ms FROM ({stood}) AS s
        LEFT JOIN (
            {_taken_back("won", "until_ms", "outcome = 'taken_back'")} UNION ALL
            {_taken_back("order_returned", "since_ms", "1")}) AS t
        ON s.book = t.book AND s.entity = t.entity AND s.at_ms = t.bought_ms"""


def _buyers(wanted: Columns) -> str:
    return f"SELECT *, 1 AS count FROM ({_purchases(('won', 'order'), _without(wanted, 'customer'))})"


def _members(wanted: Columns) -> str:
    """Customers, from the purchase or return that made them active to their leaving or its being taken back."""
    also = _without(wanted, "customer")
    first = "".join(f", argMin({name}, (at_ms, m.event)) AS {name}" for name in ("book", "entity", *also))
    churns = f"""
        SELECT customer AS churner, arraySort(groupArray((at_ms, event))) AS churns
        FROM ({net(("churned",), "customer, at_ms, event", ())}) GROUP BY customer"""
    begun = f"""
        SELECT customer, at_ms, event, book, entity, back_ms{_columns(also)}, churns
        FROM ({_purchases(("won", "order", "returned"), also)}) AS p
        LEFT JOIN ({churns}) AS c ON p.customer = c.churner"""
    ended = f"""
        SELECT *, arrayFirst(x -> x > (at_ms, event), churns) AS next, next.1 != 0 AND next.1 <= back_ms AS left_us,
            if(left_us, next.1, back_ms) AS until_ms, if(left_us, next.2, 0) AS left_event FROM ({begun})"""
    return f"""
        SELECT customer, min(at_ms) AS from_ms, until_ms AS to_ms, left_us AS churned, left_event AS churn_event,
            1 AS count, argMin(m.event, (at_ms, m.event)) AS event{first}
        FROM ({ended}) AS m GROUP BY customer, until_ms, left_us, left_event"""


def _latest_answers(kind: str) -> Callable[[Columns], str]:
    def sql(wanted: Columns) -> str:
        also = _without(("basis_ms", "outcome", *wanted), "respondent", "kind")
        stood = net(("answer",), "book, entity, respondent, kind, at_ms, event", also, f"kind = '{kind}'")
        return f"""
            SELECT *, 1 AS count
            FROM (SELECT *, roundDown(at_ms, {{edges:Array(Int64)}}) AS its_period FROM ({stood}) WHERE {IN_RANGE})
            ORDER BY at_ms DESC, event DESC LIMIT 1 BY its_period, respondent"""

    return sql


WINS: Final = lines("won", dims=DEAL, words="wins, and what takes them back")
LOSSES: Final = lines("lost", dims=DEAL | {"reason", "competitor"}, words="losses, and what takes them back")
SALES: Final = lines(
    "won",
    "order",
    dims=COMMON | {"customer", "deal"},
    words="wins and orders",
    excluded=(("measure = 'fulfilment'", "fulfils a deal and adds no revenue of its own"),),
)
REFUNDS: Final = lines("refund", dims=COMMON | {"customer", "deal"}, words="refunds")
COSTS: Final = lines("won", "order", "fulfilment", dims=COMMON | {"customer", "deal"}, words="wins and orders")
SPEND: Final = lines("spend", dims=COMMON | {"category"}, words="spend, day by day", local=True)
LEADS: Final = lines("lead_created", dims=COMMON | {"lead", "customer"}, words="leads")
QUALIFIED: Final = lines("lead_qualified", dims=COMMON | {"lead", "customer"}, words="qualified leads")
CREATED: Final = lines("created", dims=DEAL, words="deals created")
PIPELINE: Final = lines("pipeline", dims=DEAL, words="what enters and leaves the pipeline")
TOUCHPOINTS: Final = lines(
    "touchpoint",
    dims=COMMON | {"kind", "direction", "lead", "deal", "customer"},
    words="touchpoints",
    excluded=(("measure = 'touchpoint_automated'", "sent by a machine"),),
)
CHURNS: Final = lines("churned", dims=CUSTOMER | {"reason"}, words="customers leaving")
CSAT: Final = lines("answer", dims=ANSWER, also="kind = 'csat'", words="csat answers")
SATISFIED: Final = lines(
    "answer", dims=ANSWER, also="kind = 'csat' AND outcome = 'satisfied'", words="satisfied answers"
)
NPS: Final = lines("answer", dims=ANSWER, also="kind = 'nps'", words="nps answers")
PROMOTERS: Final = lines("answer", dims=ANSWER, also="kind = 'nps' AND outcome = 'promoter'", words="promoters")
DETRACTORS: Final = lines("answer", dims=ANSWER, also="kind = 'nps' AND outcome = 'detractor'", words="detractors")

CYCLES: Final = Source(
    "cycles",
    "wins with the time since first contact",
    DEAL,
    ("won", *_CONTACTS),
    _cycles,
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}} WHERE {KNOWN} AND {_in(_CONTACTS)} AND (
            deal IN {{entities:Array(String)}} OR (lead != '' AND lead IN (
                SELECT lead FROM {{postings}}
                WHERE {KNOWN} AND measure = 'won' AND entity IN {{entities:Array(String)}})))""",
)
DEAL_COHORT: Final = Source(
    "deal_cohort", "deals created, and what became of them", DEAL, ("created", "won"), _deal_cohort
)
LEAD_COHORT: Final = Source(
    "lead_cohort",
    "leads created, and whether a deal of theirs was won",
    LEADS.dims,
    ("lead_created", "won"),
    _lead_cohort,
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}}
        WHERE {KNOWN} AND measure = 'won' AND lead IN {{entities:Array(String)}}""",
)
ENTRIES: Final = Source("entries", "deals entering a stage, and how far they came", DEAL, ("pipeline", "won"), _entries)
VISITS: Final = Source("visits", "finished visits to a stage", DEAL, ("pipeline",), _visits)
FIRST_PURCHASES: Final = Source(
    "first_purchases",
    "customers at their first win or order",
    COMMON | {"customer"},
    _PURCHASES,
    _first_purchases,
    excluded=(
        (f"{_in(_PURCHASES)} AND outcome = '' AND customer != ''", "not the first purchase of its customer"),
        (f"{_in(_PURCHASES)} AND outcome = '' AND customer = ''", "names no customer"),
    ),
)
_OF_CUSTOMERS: Final = f"""
    SELECT DISTINCT book, entity FROM {{postings}}
    WHERE {KNOWN} AND {_in(("won", "order", "churned", "returned", "profile", "order_returned"))}
        AND customer IN {{customers:Array(String)}}"""
BUYERS: Final = Source(
    "buyers",
    "customers who bought in the window",
    CUSTOMER,
    ("won", "order", "order_returned"),
    _buyers,
    related=_OF_CUSTOMERS,
    covers="at_ms >= s AND at_ms < e AND back_ms >= e",
)
MEMBERS: Final = Source(
    "members",
    "customers, from joining to leaving",
    CUSTOMER,
    ("won", "order", "order_returned", "churned", "returned"),
    _members,
    related=_OF_CUSTOMERS,
    covers="from_ms < s AND to_ms >= s",
)
_SUPERSEDED: Final = "superseded by a later answer of the same respondent"
LATEST_CSAT: Final = Source(
    "latest_csat",
    "the latest csat answer of each respondent",
    ANSWER,
    ("answer",),
    _latest_answers("csat"),
    excluded=(("measure = 'answer' AND kind = 'csat'", _SUPERSEDED),),
)
LATEST_NPS: Final = Source(
    "latest_nps",
    "the latest nps answer of each respondent",
    ANSWER,
    ("answer",),
    _latest_answers("nps"),
    excluded=(("measure = 'answer' AND kind = 'nps'", _SUPERSEDED),),
)
