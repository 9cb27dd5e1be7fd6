"""Sources of trainings: what the reps sold before and after them, beside those who were not trained."""

from functools import partial
from typing import Final

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
        INNER JOIN (
            SELECT rep_id AS w_rep, at_ms AS w_ms, event AS w_event, book AS w_book, entity AS w_entity,
                amount AS w_amount, currency AS w_currency, basis_ms AS w_basis
            FROM {{postings}} WHERE {KNOWN} AND measure = 'won' AND rep_id != ''
                AND at_ms >= {{lo:Int64}} - {_SPAN} AND at_ms < {{hi:Int64}} + {_SPAN}) AS w
        ON {rep} = w.w_rep WHERE w.w_ms >= p.at_ms - {_SPAN} AND w.w_ms < p.at_ms + {_SPAN}"""


def _sold(columns: Columns) -> str:
    """A win beside a training: after it, it adds; before it, it takes away."""
    told = "".join(f", p.{name} AS {name}" for name in dict.fromkeys(("rep_id", *columns)) if name != "basis_ms")
    return f"""
        SELECT p.at_ms AS at_ms, w_event AS event, w_book AS book, w_entity AS entity, p.count AS count,
            p.count * w_amount * if(w_ms >= p.at_ms, 1, -1) AS amount, w_currency AS currency, w_basis AS basis_ms,
            p.basis_ms AS trained_ms{told}"""


def _trained(wanted: Columns) -> str:
    return f"{_sold(wanted)} FROM ({_trainings(_OVER, wanted)}) AS p {_of_reps('p.rep_id')}"


def _pairs(wanted: Columns) -> str:
    """Trainings with each rep in place at the time who completed none within 90 days of it."""
    trained = f"""
        SELECT groupArray((rep_id, at_ms)) FROM (
            SELECT rep_id, at_ms FROM {{postings}} WHERE {KNOWN} AND measure = 'training'
                AND at_ms >= {{lo:Int64}} - {_SPAN} AND at_ms < {{hi:Int64}} + {_SPAN}
            GROUP BY rep_id, at_ms, event HAVING sum(count) > 0)"""
    moves = f"""
        SELECT entity AS m_rep, at_ms AS m_ms, argMax(measure = 'assigned', event) AS m_here FROM (
            SELECT entity, at_ms, event, measure FROM {{postings}}
            WHERE {KNOWN} AND measure IN ('assigned', 'left') GROUP BY ALL HAVING sum(count) > 0)
        GROUP BY m_rep, m_ms"""
    reps = f"SELECT DISTINCT entity AS other FROM {{postings}} WHERE {KNOWN} AND measure = 'assigned'"
    near = f"x.2 >= at_ms - {_SPAN} AND x.2 < at_ms + {_SPAN}"
    return f"""
        SELECT q.* FROM (
            SELECT t.*, r.other AS other, ({trained}) AS every
            FROM ({_trainings(_OVER, wanted)}) AS t CROSS JOIN ({reps}) AS r
            WHERE NOT arrayExists(x -> x.1 = other AND {near}, every)) AS q
        ASOF INNER JOIN ({moves}) AS m ON q.other = m.m_rep AND q.at_ms >= m.m_ms
        WHERE m.m_here"""


def _compared(wanted: Columns) -> str:
    columns = "".join(f", {name}" for name in dict.fromkeys(("rep_id", *wanted)) if name != "basis_ms")
    return f"""
        SELECT at_ms, event, 'rep' AS book, other AS entity, count, basis_ms{columns} FROM ({_pairs(wanted)})"""


def _untrained(wanted: Columns) -> str:
    return f"{_sold(wanted)} FROM ({_pairs(wanted)}) AS p {_of_reps('p.other')}"


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
    related=f"""
        SELECT DISTINCT book, entity FROM {{postings}}
        WHERE {KNOWN} AND measure = 'training' AND rep_id IN {{entities:Array(String)}}""",
)
SOLD_UNTRAINED: Final = Source(
    "sold_untrained", "wins of the untrained reps within the same days", COURSES, _SOLD, _untrained, placed="trained_ms"
)
