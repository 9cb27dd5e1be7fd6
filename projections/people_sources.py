"""Sources of trainings: what the reps sold before and after them, beside those who were not trained."""

from functools import partial
from typing import Final

from projections.lookup import held
from projections.sources import IN_RANGE, KNOWN, PEOPLE, Columns, Source, lines

COURSES: Final = PEOPLE | {"category", "attributes"}
_SPAN: Final = "7776000000"
"""90 days of 24 hours, in milliseconds."""
_OVER: Final = f"at_ms + {_SPAN} < {{now:Int64}}"


def _trainings(which: str, wanted: Columns) -> str:
    """Trainings whose 90 days are over, or are not."""
    columns = dict.fromkeys(("at_ms", "event", "book", "entity", "count", "basis_ms", "rep_id", *wanted))
    return f"""
        SELECT {", ".join(columns)} FROM {{postings}}
        WHERE {KNOWN} AND measure = 'training' AND {which} AND {IN_RANGE}"""


def _of_reps(rep: str) -> str:
    """Wins within 90 days of a training ``p``, by a rep."""
    return f"""
        INNER JOIN ({_wins("rep_id AS w_rep, at_ms AS w_ms")}) AS w
        ON {rep} = w.w_rep WHERE w.w_ms >= p.at_ms - {_SPAN} AND w.w_ms < p.at_ms + {_SPAN}"""


def _wins(columns: str) -> str:
    """Wins of reps, as far as trainings in range may have to do with them."""
    return f"""
        SELECT {columns}, event AS w_event, book AS w_book, entity AS w_entity, amount AS w_amount,
            currency AS w_currency, basis_ms AS w_basis
        FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND rep_id != ''
            AND at_ms >= {{lo:Int64}} - {_SPAN} AND at_ms < {{hi:Int64}} + {_SPAN}"""


def _of_training(columns: Columns) -> str:
    """What a row beside a training ``p`` tells of it."""
    told = dict.fromkeys(("rep_id", *columns))
    return "".join(f", p.{name} AS {name}" for name in told if name not in ("basis_ms", "event"))


def _trained(wanted: Columns) -> str:
    """A win beside a training: after it, it adds; before it, it takes away."""
    return f"""
        SELECT p.at_ms AS at_ms, w_event AS event, w_book AS book, w_entity AS entity, p.count AS count,
            p.count * w_amount * if(w_ms >= p.at_ms, 1, -1) AS amount, w_currency AS currency, w_basis AS basis_ms,
            p.basis_ms AS trained_ms{_of_training(wanted)}
        FROM ({_trainings(_OVER, wanted)}) AS p {_of_reps("p.rep_id")}"""


_WITH_TIMES: Final = f"""
        WITH (SELECT arraySort(groupUniqArray(at_ms)) FROM {{postings}}
        WHERE {KNOWN} AND measure = 'training' AND {_OVER} AND {IN_RANGE}) AS times"""
"""The moments of trainings, in order."""
_NEVER: Final = "toInt64(9000000000000000)"
_ALWAYS: Final = "toInt64(-9000000000000000)"
_FIRST: Final = f"""
        transform(roundDown(x - 1, arrayPushFront(times, {_ALWAYS}) AS edges), edges,
            CAST(range(length(edges)), 'Array(Int64)'))"""
"""The place among them of the first at ``x`` or later."""
_SPELLS: Final = f"""
        SELECT rep AS other, greatest(place.1, gap.1) AS since, least(place.2, gap.2) AS upto
        FROM (
            SELECT rep, arrayJoin(arrayFilter(m -> m.3 = 1, arrayZip(
                    moves.1, arrayPopFront(arrayPushBack(moves.1, {_NEVER})), moves.3))) AS place,
                arrayJoin(arrayZip(arrayPushFront(arrayMap(d -> d + {_SPAN} + 1, trained), {_ALWAYS}),
                    arrayPushBack(arrayMap(d -> d - {_SPAN} + 1, trained), {_NEVER}))) AS gap
            FROM (
                SELECT rep, arraySort(groupArrayIf((ms, event, what), what < 2)) AS moves,
                    arraySort(groupArrayIf(ms, what = 2)) AS trained
                FROM (
                    SELECT if(measure = 'training', rep_id, entity) AS rep, at_ms AS ms, event,
                        multiIf(measure = 'training', 2, measure = 'assigned', 1, 0) AS what
                    FROM {{postings}} WHERE {KNOWN} AND measure IN ('assigned', 'left', 'training')
                    GROUP BY ALL HAVING sum(count) > 0)
                GROUP BY rep))
        WHERE since < upto"""
"""Stretches of time in which a rep was in place, and within 90 days completed no training."""


def _running(value: str) -> str:
    """At each of the moments, the sum of all changes up to it; ``change`` stands by the ``first`` that it counts in."""
    return f"arrayCumSum(arrayResize(groupArrayInsertAt({value}(0))(change, toUInt32(first)), length(times)))"


def _compared(wanted: Columns) -> str:
    """Trainings with each rep who was not trained; added up, how many they are."""
    if "event" in wanted:
        near = "arrayFilter(x -> x >= since AND x < upto, times)"
        pairs, book, entity, n = f"SELECT arrayJoin({near}) AS t, other FROM ({_SPELLS})", "'rep'", "other", "1"
    else:
        changes = "[(since, toInt64(1)), (upto, toInt64(-1))]"
        pairs = f"""
            SELECT t, n FROM (SELECT {_running("toInt64")} AS counts FROM (
                SELECT {_FIRST} AS first, sum(by) AS change FROM (
                    SELECT arrayJoin({changes}) AS each, each.1 AS x, each.2 AS by FROM ({_SPELLS}))
                GROUP BY first)) ARRAY JOIN times AS t, counts AS n"""
        book, entity, n = "p.book", "p.entity", "n"
    return f"""{_WITH_TIMES}
        SELECT p.at_ms AS at_ms, p.event AS event, {book} AS book, {entity} AS entity, p.count * {n} AS count,
            p.basis_ms AS basis_ms{_of_training(wanted)}
        FROM ({_trainings(_OVER, wanted)}) AS p INNER JOIN ({pairs}) AS o ON p.at_ms = o.t"""


def _untrained(wanted: Columns) -> str:
    """Wins of the untrained beside a training; added up, those of one currency and rate.

    A win counts against the trainings of the 90 days after it, and for those of the 90 days before it.
    """
    rate = held("fx", "currency", "basis_ms")
    columns = f"rep_id, at_ms AS w_ms, if(({rate} AS w_rate) != 0, w_rate, basis_ms) AS w_apart"
    beside = f"""
        FROM ({_wins(columns)}) AS w INNER JOIN ({_SPELLS}) AS o ON w.rep_id = o.other
        WHERE since <= w_ms + {_SPAN} AND upto > w_ms - {_SPAN} + 1"""
    if "event" in wanted:
        near = f"x -> w_ms >= x - {_SPAN} AND w_ms < x + {_SPAN} AND x >= since AND x < upto"
        wins = f"""
            SELECT *, arrayJoin(arrayFilter({near}, times)) AS t,
                if(w_ms >= t, toInt128(w_amount), -toInt128(w_amount)) AS added {beside}"""
    else:
        begins, turns, ends = (
            f"least(greatest({x}, since), upto)" for x in (f"w_ms - {_SPAN} + 1", "w_ms + 1", f"w_ms + {_SPAN} + 1")
        )
        wins = f"""
            SELECT t, w_currency, w_basis, added, 0 AS w_event, '' AS w_book, '' AS w_entity FROM (
                SELECT w_currency, any(one) AS w_basis, {_running("toInt128")} AS sums FROM (
                    SELECT w_currency, w_apart, {_FIRST} AS first, sum(by * toInt128(w_amount)) AS change,
                        any(w_basis) AS one
                    FROM (
                        SELECT w_currency, w_apart, w_amount, w_basis,
                            arrayJoin([({begins}, 1), ({turns}, -2), ({ends}, 1)]) AS each, each.1 AS x, each.2 AS by
                        {beside})
                    GROUP BY w_currency, w_apart, first)
                GROUP BY w_currency, w_apart)
            ARRAY JOIN times AS t, sums AS added WHERE added != 0"""
    return f"""{_WITH_TIMES}
        SELECT p.at_ms AS at_ms, w_event AS event, w_book AS book, w_entity AS entity, p.count AS count,
            p.count * added AS amount, w_currency AS currency, w_basis AS basis_ms,
            p.basis_ms AS trained_ms{_of_training(wanted)}
        FROM ({_trainings(_OVER, wanted)}) AS p INNER JOIN ({wins}) AS s ON p.at_ms = s.t"""


_SOLD: Final = ("training", "won")
TRAINED: Final = lines("training", dims=COURSES, also="outcome = 'measured'", words="trainings with scores")
TRAININGS: Final = Source(
    "trainings", "trainings whose 90 days are over", COURSES, ("training",), partial(_trainings, _OVER)
)
RECENT: Final = Source(
    "recent_trainings",
    "trainings whose 90 days are not over",
    COURSES,
    ("training",),
    partial(_trainings, f"NOT ({_OVER})"),
)
SOLD_TRAINED: Final = Source(
    "sold_trained", "wins of the trained rep within 90 days", COURSES, _SOLD, _trained, placed="trained_ms"
)
COMPARED: Final = Source(
    "compared",
    "pairs of a training and a rep in place who completed none within 90 days",
    COURSES,
    ("training",),
    _compared,
    adds_up=True,
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}}
        WHERE {KNOWN} AND measure = 'training' AND rep_id IN {{entities:Array(String)}}""",
)
SOLD_UNTRAINED: Final = Source(
    "sold_untrained",
    "wins of the untrained reps within the same days",
    COURSES,
    _SOLD,
    _untrained,
    placed="trained_ms",
    adds_up=True,
)
