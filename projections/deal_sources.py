"""Sources of deals beyond their postings: what should close, what stands too long, who took part in a win."""

from typing import Final

from projections.sources import DEAL, IN_RANGE, KNOWN, STOOD, Columns, Source, stood_moments


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


_NEVER: Final = "toInt64(-9000000000000000)"
_ENDS: Final = f"arraySort(arrayDistinct(arrayConcat([{_NEVER}], {{ends:Array(Int64)}})))"
_STAGE: Final = "concat(pipeline, char(31), stage)"


def _stalled(wanted: Columns) -> str:
    """Lines of the pipeline, with the windows at whose end they stand in their stage longer than 90 % of the finished
    visits did; added up.

    A line and the one that takes it back share where they stand since when, so they cancel in all windows after both.
    Which windows those are depends on no more than between which ends of windows a line lies (``came_ms``), and
    between which of the moments (``stood_ms``) before which a deal has to have come to a stage to be late at some end.
    """
    apart = ("book", "entity") if "event" in wanted else ()
    lines = f"{KNOWN} AND measure = 'pipeline'"
    if apart:  # of each event: only what has not cancelled
        share = "since_ms, basis_ms, pipeline, stage"
        left = f"SELECT {share} FROM {{postings}} WHERE {lines} GROUP BY {share}"
        lines += f" AND ({share}) IN ({left} HAVING sum(count) != 0 OR max(at_ms) >= {{ends:Array(Int64)}}[1])"
    told = _named(wanted, "pipeline", "stage", *apart)
    names = _named(tuple(each.rpartition(" AS ")[2] for each in wanted))
    alike = "" if apart else "'deal' AS book, '' AS entity, "
    moments = f"arraySort(arrayDistinct(arrayConcat([{_NEVER}], arrayFlatten(late.2))))"
    before = f"arrayResize(late.2[indexOf(late.1, {_STAGE})], length({{ends:Array(Int64)}}), {_NEVER})"
    return f"""
        WITH (SELECT (groupArray({_STAGE}), groupArray(before)) FROM ({_limits()})) AS late
        SELECT {alike}{_named(apart, *([names] if names else []), "count", "began_ms")},
            arrayFilter((place, e, b) -> came_ms < e AND stood_ms < b, {{places:Array(Int64)}}, {{ends:Array(Int64)}},
                {before}) AS places
        FROM (
            SELECT {told}, roundDown(p.at_ms, {_ENDS}) AS came_ms, roundDown(p.since_ms, {moments}) AS stood_ms,
                sum(p.count) AS count, sum(p.count * p.since_ms) AS began_ms
            FROM {{postings}} AS p WHERE {lines} GROUP BY ALL)
        WHERE count != 0 OR began_ms != 0"""


def _limits() -> str:
    """By stage: ``before`` which moment a deal has to have come to it to stand longer, at the end of each window, than
    the 90th percentile of the visits finished before; none where no visit was.

    Of a visit only its length and the last end of a window up to its own (its number) are kept, as one number that
    orders by length; those taken back come first, so visits stand where the running sum reaches a new height.
    """
    visit = f"""
        (at_ms - since_ms) * 131072 + 2 * transform(roundDown(at_ms, {_ENDS}), {_ENDS}, arrayEnumerate({_ENDS}), 0)
            + (count < 0)"""
    visits = f"""
        SELECT pipeline, stage, arraySort(groupArray({visit})) AS every,
            arrayCumSum(arrayMap(v -> 2 * bitAnd(v, 1) - 1, every)) AS heights,
            arrayFilter((v, h, n) -> h > 0 AND n = 1, every, heights, arrayEnumerateUniq(heights)) AS stood
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost') AND count != 0
        GROUP BY pipeline, stage"""
    mine = "arrayFilter((l, x) -> x < i, lengths, ended)"
    longest = f"{mine}[intDiv(9 * length({mine}) + 9, 10)]"
    return f"""
        SELECT pipeline, stage, arrayMap(v -> bitShiftRight(v, 17), stood) AS lengths,
            arrayMap(v -> toUInt16(bitAnd(bitShiftRight(v, 1), 65535)), stood) AS ended,
            arrayMap((e, i) -> if(empty({mine}), {_NEVER}, e - 1 - {longest}),
                {{ends:Array(Int64)}}, arrayMap(e -> indexOf({_ENDS}, e), {{ends:Array(Int64)}})) AS before
        FROM ({visits})"""


def _shared(wanted: Columns) -> str:
    """Wins, and whether two reps or more owned the deal or were in touch about it until it was won.

    ``second_ms`` is when the second one came to it. A deal passes into the hands of those whose lines enter a stage or
    take its place; that a line leaves says nothing of that. Only where something was restated lines are put together.
    """
    columns = _named(wanted, "at_ms", "event", "book", "entity", "count", "until_ms", "basis_ms", "deal")
    wins = f"FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND count != 0 AND {IN_RANGE}"
    hands = f"""
        rep_id != '' AND (measure IN ('created', 'touchpoint')
            OR (measure = 'pipeline' AND outcome IN ('entered', 'changed')) OR (measure = 'won' AND outcome = ''))
        AND deal != '' AND deal IN (SELECT deal {wins})"""
    reps = (
        f"SELECT deal AS of_deal, {STOOD} AS stood FROM ({stood_moments(hands, 'deal, rep_id')}) WHERE notEmpty(stood)"
    )
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
    adds_up=True,
    within=True,
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
