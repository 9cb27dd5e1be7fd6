"""Where a KPI's parts come from: the postings themselves, or rows derived from them, as of a cut.

A source is one SELECT. It gives a row for each thing that counts, with ``at_ms`` (when), ``event``, ``book`` and
``entity`` (the evidence), ``count`` and what it measures, and the dimensions asked for. All of them read only postings
at or below the cut, so every answer can be given as it was known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

KNOWN: Final = "tenant = {tenant:String} AND position <= {cut:UInt64}"
"""What was known at the cut."""
IN_RANGE: Final = "at_ms >= {lo:Int64} AND at_ms < {hi:Int64}"
"""What takes effect in the stretch of time that is asked for."""

COMMON: Final = frozenset("rep_id team_id region product channel campaign segment manager_id attributes".split())
DEAL: Final = COMMON | {"deal", "lead", "customer", "pipeline", "stage"}
PEOPLE: Final = frozenset({"rep_id", "team_id", "region", "manager_id"})
CUSTOMER: Final = frozenset({"region", "segment", "customer"})
MONEY: Final = frozenset({"currency"})
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
    which: str = ""
    """For postings as they stand: which ones."""
    lasts: Literal["", "start", "end"] = ""
    """For rows that last: they tell the windows (``places``) they belong to, as they stand at the start or end of."""
    profiled: bool = False
    """Rows of customers, whose region and segment are those in force at the window."""
    covers: str = ""
    """Of such rows: which belong to a window, from ``s`` up to ``e``."""
    placed: str = "basis_ms"
    """The moment whose organisation applies."""
    adds_up: bool = False
    """Its rows are sums, of each event only where ``event`` is wanted."""
    within: bool = False
    """What is asked of its rows is worked out where lines, called ``p``, are added up; the columns wanted say how."""


def lines(*measures: str, dims: frozenset[str], words: str, also: str = "1", **more: Any) -> Source:
    """The postings of these measures as they stand."""
    which = f"{_in(measures)} AND {also}" if also != "1" else _in(measures)
    return Source("+".join(measures), words, dims, measures, partial(postings, which), which=which, **more)


def together(sources: Iterable[Source]) -> Source:
    """Postings of several sources in one, so that they are read once."""
    each = list(dict.fromkeys(sources))
    if len(each) == 1:
        return each[0]
    assert all(source.which for source in each), "only postings as they stand can be read together"
    which = " OR ".join(f"({source.which})" for source in each)
    return Source(
        " and ".join(source.name for source in each),
        ", ".join(source.words for source in each),
        frozenset.intersection(*(source.dims for source in each)),
        tuple(dict.fromkeys(name for source in each for name in source.measures)),
        partial(postings, f"({which})"),
        which=f"({which})",
        local=any(source.local for source in each),
    )


def postings(which: str, wanted: Columns) -> str:
    """Postings known at the cut, with what every source has and the columns wanted."""
    return f"""
        SELECT at_ms, event, book, entity, count, amount, cost, currency, basis_ms, local{_columns(wanted)}
        FROM {{postings}} WHERE {KNOWN} AND {which}"""


def standing(which: str, columns: Iterable[str]) -> str:
    """The lines that stand among those of ``which``: counted, and not taken back by a later restatement.

    Of an event at most one such line stands: the last that was posted, unless that one takes back.
    """
    told = tuple(dict.fromkeys(columns))
    lines = f"SELECT position, count{_columns(told)} FROM {{postings}} WHERE {KNOWN} AND count != 0 AND {which}"
    last = _first_by(lines, "position DESC, count DESC", "event")
    return f"SELECT {', '.join(told)} FROM ({last}) WHERE count > 0"


def stood_moments(which: str, by: str) -> str:
    """Rows by some columns, for ``STOOD``: where lines are many and few are ever restated, this is the fastest way."""
    return f"""
        SELECT {by}, min(count) < 0 AS restated, groupArray(at_ms) AS moments, groupArray(event) AS events,
            groupArray(count) AS counts
        FROM {{postings}} WHERE {KNOWN} AND count != 0 AND {which} GROUP BY {by}"""


_ADDED: Final = "arraySum((b, f, n) -> if(b = a AND f = e, n, 0), moments, events, counts)"
STOOD: Final = f"if(restated, arrayFilter((a, e) -> {_ADDED} > 0, moments, events), moments)"
"""The moments of the lines that stand; only where one was taken back lines are put together."""


def _first_by(select: str, order: str, each: str) -> str:
    """The first row of each, in an order. Much faster here than argMin."""
    return f"{select} ORDER BY {order} LIMIT 1 BY {each}"


def nearest_rank(values: str) -> str:
    """The 90th percentile of an array of whole numbers: the smallest that 90 % of them do not exceed. It is exact."""
    return f"arraySort({values})[intDiv(9 * length({values}) + 9, 10)]"


def _columns(wanted: Iterable[str]) -> str:
    return "".join(f", {name}" for name in wanted)


def _without(wanted: Iterable[str], *own: str) -> Columns:
    return tuple(name for name in dict.fromkeys(wanted) if name not in own)


def _in(measures: Iterable[str]) -> str:
    return "measure IN (" + ", ".join(f"'{measure}'" for measure in measures) + ")"


_CONTACTS: Final = ("touchpoint", "touchpoint_automated", "lead_created")


def _cycles(wanted: Columns) -> str:
    """Wins, each with the first of its deal's and its lead's contacts."""
    columns = ("at_ms", "event", "book", "entity", "count", "since_ms", "until_ms", "basis_ms", "deal", "lead")
    wins = f"FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND count != 0 AND {IN_RANGE}"
    deals, leads = _first_contacts("deal", wins), _first_contacts("lead", wins)
    return f"""
        SELECT w.*, until_ms - least(since_ms, if(d.of_deal = '', since_ms, d.first_ms),
            if(l.of_lead = '', since_ms, l.first_ms)) AS cycle_ms
        FROM (SELECT {", ".join(dict.fromkeys((*columns, *wanted)))} {wins}) AS w
        LEFT JOIN ({deals}) AS d ON w.deal = d.of_deal LEFT JOIN ({leads}) AS l ON w.lead = l.of_lead"""


def _first_contacts(name: str, wins: str) -> str:
    """When the deals or the leads of wins were first in contact."""
    stood = standing(f"{_in(_CONTACTS)} AND {name} != '' AND {name} IN (SELECT {name} {wins})", (name, "at_ms"))
    return f"SELECT {name} AS of_{name}, min(at_ms) AS first_ms FROM ({stood}) GROUP BY of_{name}"


_WON_DEALS: Final = (
    f"SELECT deal FROM {{postings}} WHERE {KNOWN} AND measure = 'won' GROUP BY deal HAVING sum(count) > 0"
)
_CLOSED_DEALS: Final = f"""
    SELECT deal FROM {{postings}} WHERE {KNOWN} AND measure IN ('won', 'lost') GROUP BY deal HAVING sum(count) > 0"""
_WON_LEADS: Final = f"""
    SELECT argMaxIf(lead, (at_ms, event, position), count > 0) AS won_lead FROM {{postings}}
    WHERE {KNOWN} AND measure IN ('won', 'linked') GROUP BY deal
    HAVING sumIf(count, measure = 'won') > 0 AND won_lead != ''"""


def _lead_cohort(wanted: Columns) -> str:
    return f"""
        SELECT at_ms, event, book, entity, count, basis_ms, lead IN ({_WON_LEADS}) AS won{_columns(wanted)}
        FROM {{postings}} WHERE {KNOWN} AND measure = 'lead_created' AND {IN_RANGE}"""


def _rank(stage: str) -> str:
    """The place of a stage in its pipeline's definition; -1 where it is not defined.

    Looked up in a table of pipelines by stages: turning either into its number costs nothing per row.
    """
    row = "transform(pipeline, {pipelines:Array(String)}, {pipeline_rows:Array(Int64)}, toInt64(0))"
    column = f"transform({stage}, {{stages:Array(String)}}, {{stage_columns:Array(Int64)}}, toInt64(0))"
    return f"{{ranks:Array(Int64)}}[1 + {row} + {column}]"


def _later(stage: str, rank: str, than: str, than_rank: str) -> str:
    """By the order of the definition; where one of the two is not in it, any other stage is a later one."""
    return f"if({rank} >= 0 AND {than_rank} >= 0, {rank} > {than_rank}, {stage} != {than})"


def _entries(wanted: Columns) -> str:
    """Deals entering a stage, once a period, each with where it went afterwards."""
    own = ("at_ms", "event", "stage", "its_rank", "its_period", "basis_ms")
    also = _without(wanted, *own, "deal")
    names = "".join(f", e.{place} AS {name}" for place, name in enumerate((*own, *also), 1))
    later = _later("x.3", "x.4", "e.3", "e.4")
    same = (3, 5, *range(7, 7 + len(also)))
    alike = " AND ".join(f"x.{place} = e.{place}" for place in same)
    told = ("at_ms", "event", "deal", "stage", "pipeline", "basis_ms", *also)
    stops = standing("measure = 'pipeline' AND outcome = 'entered'", told)
    derived = f"{_rank('stage')} AS its_rank, roundDown(at_ms, {{edges:Array(Int64)}}) AS its_period"
    deals = f"""
        SELECT deal, groupArray(({", ".join((*own, *also))})) AS path
        FROM (SELECT *, {derived} FROM ({stops})) GROUP BY deal"""
    return f"""
        SELECT 'deal' AS book, deal AS entity, deal, 1 AS count{names},
            deal IN ({_WON_DEALS}) OR arrayExists(x -> (x.1, x.2) > (e.1, e.2) AND {later}, path) AS reached,
            NOT reached AND deal NOT IN ({_CLOSED_DEALS}) AS open
        FROM ({deals}) ARRAY JOIN path AS e WHERE e.1 >= {{lo:Int64}} AND e.1 < {{hi:Int64}}
            AND NOT arrayExists(x -> x.1 >= {{lo:Int64}} AND (x.1, x.2) < (e.1, e.2) AND {alike}, path)"""


def _visits(wanted: Columns) -> str:
    """Deals leaving a stage."""
    forward = _later("to_stage", _rank("to_stage"), "stage", _rank("stage"))
    return f"""
        SELECT at_ms, event, book, entity, -p.count AS count, basis_ms, at_ms - since_ms AS visit_ms,
            outcome = 'won' OR (outcome = 'moved' AND {forward}) AS forward{_columns(wanted)}
        FROM {{postings}} AS p WHERE {KNOWN} AND measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost')"""


_PURCHASES: Final = ("won", "order", "fulfilment")


def _first_purchases(wanted: Columns) -> str:
    columns = ("customer", "at_ms", "event", "book", "entity", "basis_ms", *wanted)
    stood = standing(f"{_in(_PURCHASES)} AND outcome = '' AND customer != ''", columns)
    return _first_by(f"SELECT *, 1 AS count FROM ({stood})", "at_ms, event", "customer")


def _latest_answers(kind: str) -> Callable[[Columns], str]:
    def sql(wanted: Columns) -> str:
        columns = ("respondent", "at_ms", "event", "book", "entity", "basis_ms", "outcome", *wanted)
        stood = standing(f"measure = 'answer' AND kind = '{kind}' AND {IN_RANGE}", columns)
        period = "roundDown(at_ms, {edges:Array(Int64)})"
        return _first_by(f"SELECT *, 1 AS count FROM ({stood})", "at_ms DESC, event DESC", f"respondent, {period}")

    return sql


WINS: Final = lines("won", dims=DEAL | MONEY, words="wins, and what takes them back")
LOSSES: Final = lines("lost", dims=DEAL | MONEY | {"reason", "competitor"}, words="losses, and what takes them back")
SALES: Final = lines(
    "won",
    "order",
    dims=COMMON | MONEY | {"customer", "deal"},
    words="wins and orders",
    excluded=(("measure = 'fulfilment'", "fulfils a deal and adds no revenue of its own"),),
)
REFUNDS: Final = lines("refund", dims=COMMON | MONEY | {"customer", "deal"}, words="refunds")
COSTS: Final = lines("won", "order", "fulfilment", dims=COMMON | MONEY | {"customer", "deal"}, words="wins and orders")
SPEND: Final = lines("spend", dims=COMMON | MONEY | {"category"}, words="spend, day by day", local=True)
LEADS: Final = lines("lead_created", dims=COMMON | {"lead", "customer"}, words="leads")
QUALIFIED: Final = lines("lead_qualified", dims=COMMON | {"lead", "customer"}, words="qualified leads")
CREATED: Final = lines("created", dims=DEAL, words="deals created")
PIPELINE: Final = lines("pipeline", dims=DEAL | MONEY, words="what enters and leaves the pipeline")
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
COLLABORATION: Final = lines("answer", dims=ANSWER, also="kind = 'collaboration'", words="answers about collaboration")

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
DEAL_COHORT: Final = lines("created", "cohort", dims=DEAL, words="deals created, and what became of them")
LEAD_COHORT: Final = Source(
    "lead_cohort",
    "leads created, and whether a deal of theirs was won",
    LEADS.dims,
    ("lead_created", "won"),
    _lead_cohort,
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}}
        WHERE {KNOWN} AND measure IN ('won', 'linked') AND lead IN {{entities:Array(String)}}""",
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
