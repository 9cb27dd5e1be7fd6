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


def _untrained_at() -> str:
    """Reps with the moments of trainings (``times``) at which they were in place, and within 90 days of which they
    completed none themselves."""
    moments = f"""
        SELECT groupUniqArray(at_ms) FROM {{postings}}
        WHERE {KNOWN} AND measure = 'training' AND {_OVER} AND {IN_RANGE}"""
    told = f"""
        SELECT if(measure = 'training', rep_id, entity) AS rep, at_ms AS ms, event,
            multiIf(measure = 'training', 2, measure = 'assigned', 1, 0) AS what
        FROM {{postings}} WHERE {KNOWN} AND measure IN ('assigned', 'left', 'training')
        GROUP BY ALL HAVING sum(count) > 0"""
    in_place = "arrayLast(m -> m.1 <= x, moves).3 = 1"
    near = f"arrayExists(d -> d >= x - {_SPAN} AND d < x + {_SPAN}, trained)"
    return f"""
        SELECT rep AS other, arrayFilter(x -> {in_place} AND NOT {near}, ({moments})) AS times
        FROM (
            SELECT rep, arraySort(groupArrayIf((ms, event, what), what < 2)) AS moves,
                groupArrayIf(ms, what = 2) AS trained
            FROM ({told}) GROUP BY rep)"""


def _compared(wanted: Columns) -> str:
    """Trainings with each rep who was not trained; added up, how many they are."""
    if "event" in wanted:
        pairs, book, entity, n = f"SELECT arrayJoin(times) AS t, other FROM ({_untrained_at()})", "'rep'", "other", "1"
    else:
        pairs = f"SELECT arrayJoin(times) AS t, toInt64(count()) AS n FROM ({_untrained_at()}) GROUP BY t"
        book, entity, n = "p.book", "p.entity", "n"
    return f"""
        SELECT p.at_ms AS at_ms, p.event AS event, {book} AS book, {entity} AS entity, p.count * {n} AS count,
            p.basis_ms AS basis_ms{_of_training(wanted)}
        FROM ({_trainings(_OVER, wanted)}) AS p INNER JOIN ({pairs}) AS o ON p.at_ms = o.t"""


def _untrained(wanted: Columns) -> str:
    """Wins of the untrained beside a training; added up, those of one currency and rate."""
    rate = held("fx", "currency", "basis_ms")
    columns = f"rep_id, at_ms AS w_ms, if(({rate} AS w_rate) != 0, w_rate, basis_ms) AS w_apart"
    near = f"arrayFilter(x -> w_ms >= x - {_SPAN} AND w_ms < x + {_SPAN}, times)"
    wins = f"""
        SELECT * EXCEPT times, arrayJoin({near}) AS t, if(w_ms >= t, toInt128(w_amount), -toInt128(w_amount)) AS added
        FROM ({_wins(columns)}) AS w INNER JOIN ({_untrained_at()}) AS o ON w.rep_id = o.other"""
    if "event" not in wanted:
        wins = f"""
            SELECT t, w_currency, w_apart, any(w_basis) AS w_one, sum(added) AS added
            FROM ({wins}) GROUP BY t, w_currency, w_apart"""
        wins = f"SELECT * EXCEPT w_one, w_one AS w_basis, 0 AS w_event, '' AS w_book, '' AS w_entity FROM ({wins})"
    return f"""
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
