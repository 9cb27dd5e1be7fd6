"""Sources of deals beyond their postings: what should close, what stands too long, who took part in a win."""

from typing import Final

from projections.sources import DEAL, IN_RANGE, KNOWN, Columns, Source, nearest_rank

_NAMES: Final = ("deal", "stage", "pipeline", "since_ms", "basis_ms")


def _named(columns: Columns, *own: str) -> str:
    return ", ".join(dict.fromkeys((*own, *columns)))


def _closing(wanted: Columns) -> str:
    """Lines of the pipeline, with the windows in which their deal should close, as far as they stand then or now."""
    told = _named(wanted, "at_ms", "event", "book", "entity", "count", "amount", "currency", "basis_ms")
    windows = "{places:Array(Int64)}, {ends:Array(Int64)}, {wall_starts:Array(Int64)}, {wall_ends:Array(Int64)}"
    due = "at_ms < least(e, {now:Int64}) AND until_ms >= s AND until_ms < w"
    return f"""
        SELECT {told}, arrayFilter((place, e, s, w) -> {due}, {windows}) AS places
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' AND until_ms != 0"""


def _stalled(wanted: Columns) -> str:
    """Open deals in the windows at whose end they stand in their stage longer than 90 % of the finished visits did."""
    key = _named(wanted, *_NAMES)
    steps = f"""
        SELECT {key}, book, entity, at_ms, event, sum(count) AS n
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' GROUP BY ALL HAVING n != 0"""
    stood = f"""
        SELECT {key}, any(book) AS book, any(entity) AS entity, maxIf(event, n > 0) AS entered_by,
            groupArray((at_ms, n)) AS steps
        FROM ({steps}) GROUP BY {key}"""
    long = "e - 1 - since_ms > l AND l >= 0 AND arraySum(x -> if(x.1 < e, x.2, 0), steps) > 0"
    windows = "{places:Array(Int64)}, {ends:Array(Int64)}, longest"
    return f"""
        SELECT d.* EXCEPT (steps, entered_by), entered_by AS event, 1 AS count,
            arrayFilter((place, e, l) -> {long}, {windows}) AS places
        FROM ({stood}) AS d INNER JOIN ({_limits()}) AS v ON d.pipeline = v.of_pipeline AND d.stage = v.of_stage"""


def _limits() -> str:
    """By stage: the 90th percentile of the visits finished before the end of each window; -1 where none was."""
    visits = f"""
        SELECT pipeline, stage, entity, event, at_ms, at_ms - since_ms AS visit_ms
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost')
        GROUP BY ALL HAVING sum(count) < 0"""
    finished = "arrayMap(v -> v.2, arrayFilter(v -> v.1 < e, visits))"
    return f"""
        SELECT pipeline AS of_pipeline, stage AS of_stage,
            arraySort(v -> v.2, groupArray((at_ms, visit_ms))) AS visits,
            arrayMap(e -> if(empty({finished} AS done), -1, {nearest_rank("done", presorted=True)}),
                {{ends:Array(Int64)}}) AS longest
        FROM ({visits}) GROUP BY pipeline, stage"""


def _shared(wanted: Columns) -> str:
    """Wins, and whether two reps or more owned the deal or were in touch about it until it was won."""
    columns = _named(wanted, "at_ms", "event", "book", "entity", "count", "until_ms", "basis_ms", "deal")
    wins = f"FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND count != 0 AND {IN_RANGE}"
    hands = f"""
        SELECT deal AS of_deal, rep_id, at_ms FROM {{postings}}
        WHERE {KNOWN} AND measure IN ('created', 'pipeline', 'won', 'touchpoint') AND rep_id != '' AND count != 0
            AND deal != '' AND deal IN (SELECT deal {wins})
        GROUP BY deal, rep_id, at_ms, event, measure HAVING sum(count) > 0"""
    reps = f"SELECT of_deal, groupUniqArray((rep_id, at_ms)) AS hands FROM ({hands}) GROUP BY of_deal"
    return f"""
        SELECT w.*, length(arrayDistinct(arrayMap(x -> x.1, arrayFilter(x -> x.2 <= until_ms, hands)))) > 1 AS shared
        FROM (SELECT {columns} {wins}) AS w LEFT JOIN ({reps}) AS h ON w.deal = h.of_deal"""


CLOSING: Final = Source(
    "closing", "open deals that are expected to close in the period", DEAL, ("pipeline",), _closing, lasts="end"
)
STALLED: Final = Source(
    "stalled",
    "open deals that stand in their stage too long",
    DEAL,
    ("pipeline",),
    _stalled,
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}}
        WHERE {KNOWN} AND measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost') AND (pipeline, stage) IN (
            SELECT pipeline, stage FROM {{postings}}
            WHERE {KNOWN} AND measure = 'pipeline' AND entity IN {{entities:Array(String)}})""",
    lasts="end",
)
SHARED_WINS: Final = Source(
    "shared_wins",
    "wins, and whether two reps or more took part",
    DEAL,
    ("won",),
    _shared,
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}}
        WHERE {KNOWN} AND measure = 'touchpoint' AND deal IN {{entities:Array(String)}}""",
)
