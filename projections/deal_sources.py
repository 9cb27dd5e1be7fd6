"""Sources of deals beyond their postings: what should close, what stands too long, who took part in a win."""

from typing import Final

from projections.sources import DEAL, IN_RANGE, KNOWN, Columns, Source

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
    """Lines of the pipeline, with the windows at whose end they stand in their stage longer than 90 % of the finished
    visits did.

    A line and the one that takes it back share where they stand since when, so they cancel in all windows after both.
    ``stood`` adds up by these numbers alone, whosever lines they are, and leaves out where nothing is left.
    """
    told = _named(wanted, "at_ms", "event", "book", "entity", "count", *_NAMES)
    stood = f"""
        SELECT since_ms AS its_since, basis_ms AS its_basis, pipeline, stage, sum(count) AS n, max(at_ms) AS last_ms
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' GROUP BY its_since, its_basis, pipeline, stage"""
    long = "l >= 0 AND e - 1 - its_since > l AND (n != 0 OR e <= last_ms)"
    windows = "{places:Array(Int64)}, {ends:Array(Int64)}, longest"
    long_ones = f"""
        SELECT its_since, its_basis, of_pipeline, of_stage, arrayFilter((place, e, l) -> {long}, {windows}) AS those
        FROM ({stood}) AS d INNER JOIN ({_limits()}) AS v ON d.pipeline = v.of_pipeline AND d.stage = v.of_stage
        WHERE notEmpty(those)"""
    return f"""
        SELECT p.*, arrayFilter(place -> at_ms < {{ends:Array(Int64)}}[place + 1], those) AS places
        FROM (SELECT {told} FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline') AS p
        INNER JOIN ({long_ones}) AS l ON p.since_ms = l.its_since AND p.basis_ms = l.its_basis
            AND p.pipeline = l.of_pipeline AND p.stage = l.of_stage"""


def _limits() -> str:
    """By stage: the 90th percentile of the visits finished before the end of each window; -1 where none was.

    Of a visit only its length and how many windows end by its own end (``ended``) are kept; those of a window are
    counted along the lengths, the shortest first, up to the nearest rank.
    """
    visits = f"""
        SELECT pipeline, stage, at_ms - since_ms AS visit_ms,
            toUInt16(arrayCount(e -> e <= at_ms, {{ends:Array(Int64)}})) AS ended
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost')
        GROUP BY pipeline, stage, event, at_ms, since_ms HAVING sum(count) < 0"""
    ended = "arrayMap(e -> arrayCount(x -> x < e, {ends:Array(Int64)}), {ends:Array(Int64)}) AS places_ended"
    rank = "arrayFirstIndex(x -> x >= intDiv(9 * n + 9, 10), arrayCumSum(x -> x <= k, ends_by_length))"
    return f"""
        SELECT pipeline AS of_pipeline, stage AS of_stage, arraySort(groupArray((visit_ms, ended))) AS visits,
            visits.1 AS lengths, visits.2 AS ends_by_length,
            arrayMap((k, n) -> if(n = 0, -1, lengths[{rank}]), {ended},
                arrayMap(k -> arrayCount(x -> x <= k, ends_by_length), places_ended)) AS longest
        FROM ({visits}) GROUP BY pipeline, stage"""


def _shared(wanted: Columns) -> str:
    """Wins, and whether two reps or more owned the deal or were in touch about it until it was won.

    ``second_ms`` is when the second one came to it. A deal passes into the hands of those whose lines enter a stage or
    take its place; that a line leaves says nothing of that. Only where something was restated lines are put together.
    """
    columns = _named(wanted, "at_ms", "event", "book", "entity", "count", "until_ms", "basis_ms", "deal")
    wins = f"FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND count != 0 AND {IN_RANGE}"
    hands = f"""
        SELECT deal, rep_id, min(count) < 0 AS restated, groupArray(at_ms) AS moments, groupArray(event) AS events,
            groupArray(count) AS counts
        FROM {{postings}} WHERE {KNOWN} AND rep_id != '' AND count != 0
            AND (measure IN ('created', 'touchpoint') OR (measure = 'pipeline' AND outcome IN ('entered', 'changed'))
                OR (measure = 'won' AND outcome = ''))
            AND deal != '' AND deal IN (SELECT deal {wins})
        GROUP BY deal, rep_id"""
    counted = "arraySum((b, f, n) -> if(b = a AND f = e, n, 0), moments, events, counts) > 0"
    stood = f"if(restated, arrayFilter((a, e) -> {counted}, moments, events), moments)"
    reps = f"SELECT deal AS of_deal, {stood} AS stood FROM ({hands}) WHERE notEmpty(stood)"
    return f"""
        SELECT w.*, h.of_deal != '' AND second_ms <= until_ms AS shared
        FROM (SELECT {columns} {wins}) AS w LEFT ANY JOIN (
            SELECT of_deal, arraySort(groupArray(arrayMin(stood)))[2] AS second_ms FROM ({reps})
            GROUP BY of_deal HAVING count() > 1) AS h ON w.deal = h.of_deal"""


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
